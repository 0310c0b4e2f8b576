"""Reports of spend, kept where the configuration keeps its counters."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from gateway.core.clock import Clock
from gateway.core.sqlite import beside
from gateway.settings import Settings
from gateway.spend.base import Spending
from gateway.spend.memory import MemorySpending
from gateway.spend.reporter import Reporter

if TYPE_CHECKING:
    # Loaded where it is used: few configurations name one.
    from gateway.core.redis import Client


@asynccontextmanager
async def running_spending(settings: Settings, clock: Clock, client: Client | None = None) -> AsyncIterator[Spending]:
    """The Spending beside the store that ``settings`` name, open while the block runs.

    ``client`` is of that store, where it is a Redis; without one, a connection of its own is made. Raises ConfigError
    or StoreUnavailable, saying what to do.
    """
    if settings.state.is_shared:
        async with _running_redis(settings, clock, client) as shared:
            yield shared
        return
    spending: Spending = MemorySpending(clock)
    if settings.state.scheme == "sqlite":
        from gateway.spend.sqlite import SqliteSpending

        spending = SqliteSpending(spend_file(settings), clock)
    try:
        await spending.start()
        yield spending
    finally:
        await spending.aclose()


@asynccontextmanager
async def running_reporter(spending: Spending, settings: Settings) -> AsyncIterator[Reporter]:
    """Hands what calls cost to ``spending`` while the block runs, and the rest at its end."""
    reporter = Reporter(spending, lambda: secrets.token_hex(12), ZoneInfo(settings.server.timezone))
    reporter.start()
    try:
        yield reporter
    finally:
        await reporter.aclose()


def spend_file(settings: Settings) -> Path:
    """Where a ``sqlite://`` store has its reports."""
    return beside(Path(settings.state.url.get_secret_value().removeprefix("sqlite:///")), "spend")


@asynccontextmanager
async def _running_redis(settings: Settings, clock: Clock, client: Client | None) -> AsyncIterator[Spending]:
    from gateway.spend.redis import RedisSpending
    from gateway.state.redis.connect import connect

    if client is not None:
        yield RedisSpending(client, clock)
        return
    own = connect(settings.state.url.get_secret_value())
    try:
        yield RedisSpending(own, clock)
    finally:
        await own.aclose()
