"""What is opened once and shared by every configuration in turn: what is kept outside the process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

import msgspec

from gateway.core.clock import Clock
from gateway.directory.base import Directory
from gateway.factory.directory import running_directory
from gateway.factory.spending import running_reporter, running_spending
from gateway.factory.store import running_client, running_store
from gateway.factory.worker import Worker
from gateway.settings import Settings
from gateway.spend.base import Spending
from gateway.spend.reporter import Reporter
from gateway.state.base import Store


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, started. What it is opened with (``state``, the time zone) changes by a restart only."""

    store: Store
    spending: Spending
    reporter: Reporter
    """Observes every call, for ``spending``."""
    directory: Directory


@asynccontextmanager
async def opened(
    settings: Settings, clock: Clock, random: Random, worker: Worker | None = None
) -> AsyncIterator[Opened]:
    """Open it while the block runs. At the end, the last opened is closed first, and every settlement is delivered.
    ``worker`` is who opens it, where it is one of several.

    Raises ConfigError or StoreUnavailable for what can't be opened, saying what to do.
    """
    async with AsyncExitStack() as open_now:
        client = await open_now.enter_async_context(running_client(settings))
        store = await open_now.enter_async_context(running_store(settings, clock, random, client, worker))
        directory = await open_now.enter_async_context(running_directory(settings, clock, client))
        spending = await open_now.enter_async_context(running_spending(settings, clock, client))
        reporter = await open_now.enter_async_context(running_reporter(spending, settings))
        yield Opened(store=store, spending=spending, reporter=reporter, directory=directory)
