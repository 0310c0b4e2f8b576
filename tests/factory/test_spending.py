"""Where the reports of spend are kept, and that they outlast a configuration."""

from __future__ import annotations

from datetime import UTC, datetime

import yaml

from gateway.core.clock import SystemClock
from gateway.factory.spending import running_spending, spend_file
from gateway.settings import load
from gateway.spend.base import Amounts, Cell, Query
from gateway.spend.memory import MemorySpending
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


async def test_reports_are_kept_where_the_counters_are(tmp_path):
    file = f"sqlite:///{tmp_path}/new/sluice.db"
    kinds = {"memory://": MemorySpending, file: SqliteSpending, "redis://127.0.0.1:9": RedisSpending}
    for url, kind in kinds.items():
        async with running_spending(settings(tmp_path, url), SystemClock()) as spending:
            assert isinstance(spending, kind)

    assert spend_file(settings(tmp_path, file)) == tmp_path / "new" / "sluice-spend.db"
    assert spend_file(settings(tmp_path, file)).exists()


async def test_a_client_that_was_handed_in_stays_open(tmp_path, redis_url):
    client = connect(redis_url)
    today = datetime.now(UTC).date().isoformat()
    cell = Cell(today, "ci", "", "m", "p")
    async with running_spending(settings(tmp_path, redis_url), SystemClock(), client) as spending:
        await spending.add("a", {cell: Amounts(cost_nanousd=1, requests=1)})
    assert await client.ping()
    await client.aclose()

    async with running_spending(settings(tmp_path, redis_url), SystemClock()) as spending:
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
