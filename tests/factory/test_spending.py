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
