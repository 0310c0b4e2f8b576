"""The store of counters that the settings name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from gateway.core.clock import Clock
from gateway.core.sqlite import beside
from gateway.settings import Settings
from gateway.state.base import Store
from gateway.state.open import open_store

if TYPE_CHECKING:
    # Loaded where it is used: few configurations name one.
    from gateway.core.redis import Client
    from gateway.factory.worker import Worker


@asynccontextmanager
async def running_client(settings: Settings) -> AsyncIterator[Client | None]:
    """A client of the Redis that ``settings`` name, for all that is kept there; None where they name none.

    Raises ConfigError. It connects when it is first used.
    """
    if not settings.state.is_shared:
        yield None
        return
    from gateway.state.redis.connect import connect

    client = connect(settings.state.url.get_secret_value())
    try:
        yield client
    finally:
        await client.aclose()


@asynccontextmanager
async def running_store(
    settings: Settings, clock: Clock, random: Random, client: Client | None = None, worker: Worker | None = None
) -> AsyncIterator[Store]:
    """The store, open while the block runs; at its end, every settlement is delivered or written down.

    ``client`` is of the Redis, where it is one. Raises ConfigError or StoreUnavailable, saying what to do.
    """
    if client is None:
        store = open_store(settings.state.url.get_secret_value(), clock, ZoneInfo(settings.server.timezone))
    else:
        store = _shared(settings, clock, random, client, journal(settings, worker))
    await store.start()
    try:
        yield store
    finally:
        await store.aclose()


def journal(settings: Settings, worker: Worker | None) -> Path:
    """Where this process keeps what a shared store has not taken yet; whoever takes its place finds it there."""
    path = Path(settings.state.journal)
    return path if worker is None else beside(path, str(worker.number))


def _shared(settings: Settings, clock: Clock, random: Random, client: Client, path: Path) -> Store:
    from gateway.state.redis.engine import RedisEngine
    from gateway.state.shared import SharedStore

    state, zone = settings.state, ZoneInfo(settings.server.timezone)
    engine = RedisEngine(client, clock, zone, deadline_s=state.deadline_ms / 1_000, lease_s=state.lease_s)
    # One sign of life may be lost.
    renew_s = state.lease_s / 3
    # Each worker counts a share of its own.
    replicas = state.replicas * settings.server.workers
    return SharedStore(engine, path, clock, zone, replicas=replicas, renew_s=renew_s, random=random)
