"""Engines on a real Redis, by its own clock and patient: only tests of the deadline have a short one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.core.clock import SystemClock
from gateway.state.redis.connect import connect
from gateway.state.redis.engine import RedisEngine

MakeEngine = Callable[..., Awaitable[RedisEngine]]


@pytest.fixture
async def make_engine() -> AsyncIterator[MakeEngine]:
    """Makes engines by URL, started; all are closed at the end."""
    async with AsyncExitStack() as stack:

        async def make(url: str, *, is_started: bool = True, **options: Any) -> RedisEngine:
            client = connect(url)
            stack.push_async_callback(client.aclose)
            engine = RedisEngine(client, SystemClock(), **{"deadline_s": 10.0, **options})
            stack.push_async_callback(engine.aclose)
            if is_started:
                await engine.start()
            return engine

        yield make


@pytest.fixture
async def engine(redis_url: str, make_engine: MakeEngine) -> RedisEngine:
    return await make_engine(redis_url)
