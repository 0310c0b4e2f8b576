"""What is opened once and shared by every configuration in turn: what is kept outside the process."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from gateway.core.clock import Clock
from gateway.directory.base import Directory
from gateway.directory.open import open_directory
from gateway.factory.calls import running_calls
from gateway.factory.store import running_client, running_store
from gateway.factory.traces import Traces, running_traces
from gateway.settings import Settings
from gateway.spend.base import Spending
from gateway.spend.open import open_spending
from gateway.spend.reporter import Reporter
from gateway.state.base import Store
from gateway.telemetry.calls.log import CallLog

if TYPE_CHECKING:
    # Loaded where it is used: few configurations name one.
    from gateway.core.redis import Client
    from gateway.factory.worker import Worker


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, started. What it is opened with (``state``, ``calls``, ``traces``, the time zone) changes by a restart
    only.
    """

    store: Store
    spending: Spending
    reporter: Reporter
    """Observes every call, for ``spending``."""
    directory: Directory
    calls: CallLog
    traces: Traces | None


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
        reporter = await open_now.enter_async_context(_running_reporter(spending, settings))
        calls = await open_now.enter_async_context(running_calls(settings, clock, worker))
        traces = await open_now.enter_async_context(running_traces(settings, random))
        yield Opened(store=store, spending=spending, reporter=reporter, directory=directory, calls=calls, traces=traces)


@asynccontextmanager
async def running_directory(settings: Settings, clock: Clock, client: Client | None) -> AsyncIterator[Directory]:
    """The directory beside the store that ``settings`` name, open while the block runs.

    ``client`` is of that store, as ``running_client`` gives it. Raises StoreUnavailable, saying what to do.
    """
    directory = open_directory(settings.state.url.get_secret_value(), client, clock)
    try:
        await directory.start()
        yield directory
    finally:
        await directory.aclose()


@asynccontextmanager
async def running_spending(settings: Settings, clock: Clock, client: Client | None) -> AsyncIterator[Spending]:
    """The reports of spend beside the store that ``settings`` name: as ``running_directory``."""
    spending = open_spending(settings.state.url.get_secret_value(), client, clock)
    try:
        await spending.start()
        yield spending
    finally:
        await spending.aclose()


@asynccontextmanager
async def _running_reporter(spending: Spending, settings: Settings) -> AsyncIterator[Reporter]:
    """Hands what calls cost to ``spending`` while the block runs, and the rest at its end."""
    reporter = Reporter(spending, lambda: secrets.token_hex(12), ZoneInfo(settings.server.timezone))
    reporter.start()
    try:
        yield reporter
    finally:
        await reporter.aclose()
