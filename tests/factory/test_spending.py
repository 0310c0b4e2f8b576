"""Where the reports of spend are kept, and that they outlast a configuration."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from gateway.core.clock import SystemClock
from gateway.factory.opened import running_spending
from gateway.factory.store import running_client
from gateway.settings import load
from gateway.spend.base import Amounts, Cell, Query
from gateway.spend.memory import MemorySpending
from gateway.spend.open import open_spending, spend_file
from gateway.spend.redis import RedisSpending
from gateway.spend.sqlite import SqliteSpending
from gateway.state.redis.connect import connect
from tests.client import CHAT, ask, chat
from tests.serving import serving


def settings(folder, url):
    path = folder / "sluice.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "state": {"url": url},
                "providers": {"p": {"kind": "simulator", "price": "free"}},
                "models": {"m": {"targets": ["p/m"]}},
            }
        )
    )
    return load(path, {})


@asynccontextmanager
async def reports(settings):
    async with running_client(settings) as client, running_spending(settings, SystemClock(), client) as spending:
        yield spending


async def test_reports_are_kept_where_the_counters_are(tmp_path):
    file = f"sqlite:///{tmp_path}/new/sluice.db"
    kinds = {"memory://": MemorySpending, file: SqliteSpending, "redis://127.0.0.1:9": RedisSpending}
    for url, kind in kinds.items():
        async with reports(settings(tmp_path, url)) as spending:
            assert isinstance(spending, kind)

    assert (tmp_path / "new" / "sluice-spend.db").exists()
    assert spend_file("sqlite:///data/sluice.db") == Path("data/sluice-spend.db")


def test_no_reports_are_kept_in_a_redis_without_a_client():
    with pytest.raises(ValueError, match="need a client") as wrong:
        open_spending("redis://:secret@host", None, SystemClock())
    assert "secret" not in str(wrong.value)


async def test_a_client_that_was_handed_in_stays_open(tmp_path, redis_url):
    client = connect(redis_url)
    today = datetime.now(UTC).date().isoformat()
    cell = Cell(today, "ci", "", "m", "p")
    async with running_spending(settings(tmp_path, redis_url), SystemClock(), client) as spending:
        await spending.add("a", {cell: Amounts(cost_nanousd=1, requests=1)})
    assert await client.ping()
    await client.aclose()

    async with reports(settings(tmp_path, redis_url)) as spending:
        query = Query(by=(), first_day=today, last_day=today)
        assert (await spending.report(query)).total.requests == 1


async def test_reports_go_on_when_another_configuration_comes_into_force(tmp_path):
    price = {"input": 1, "output": 10}
    config = {
        "providers": {"a": {"kind": "simulator"}, "b": {"kind": "simulator"}},
        "models": {"m": {"targets": [{"provider": "a", "model": "s", "price": price}]}},
    }
    file = tmp_path / "sluice.yaml"
    async with serving(config, file=file) as served:
        await ask(served.url, CHAT, chat())
        config["models"]["m"]["targets"][0]["provider"] = "b"
        file.write_text(yaml.safe_dump(config))
        assert (await served.gateway.live.reload("test")).result == "in_force"
        await ask(served.url, CHAT, chat())
        await served.until(lambda: len(served.outcomes) == 2)

        opened = served.gateway.lasting.opened
        assert await opened.reporter.flush()
        report = await opened.spending.report(Query(by=("provider",), first_day="2020-01-01", last_day="2099-12-31"))
        assert sorted(group for group, _ in report.groups) == [("a",), ("b",)]
        assert report.total.cost_nanousd == sum(outcome.cost_nanousd for outcome in served.outcomes) > 0
