"""Every kind of Spending, under one name."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from gateway.spend.memory import MemorySpending
from gateway.spend.redis import RedisSpending
from gateway.spend.sqlite import SqliteSpending
from gateway.state.redis.connect import connect
from tests.clock import FrozenClock

NOON = 1_795_176_000.0
"""2026-11-20T12:00:00Z."""


@asynccontextmanager
async def redis_spending(url, clock=None):
    client = connect(url)
    try:
        yield RedisSpending(client, clock or FrozenClock(NOON))
    finally:
        await client.aclose()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def opening(request, tmp_path):
    """What opens a new, empty Spending each time it is called. Its clock stands still, and can be moved on."""
    clock = FrozenClock(NOON)
    count = 0

    @asynccontextmanager
    async def opened():
        nonlocal count
        count += 1
        if request.param == "redis":
            with request.getfixturevalue("shared_redis_server").client() as plain:
                plain.flushall()
            async with redis_spending(request.getfixturevalue("redis_url"), clock) as spending:
                await spending.start()
                yield spending
            return
        spending = (
            MemorySpending(clock) if request.param == "memory" else SqliteSpending(tmp_path / f"{count}.db", clock)
        )
        await spending.start()
        try:
            yield spending
        finally:
            await spending.aclose()

    opened.clock = clock
    return opened
