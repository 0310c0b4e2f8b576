"""Every store, through one fixture: a new kind is one more line in ``STORES``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.state.base import Store
from gateway.state.memory import MemoryStore
from gateway.state.shared import SharedStore
from gateway.state.sqlite import SqliteStore
from tests.clock import FrozenClock
from tests.state.redis.engine_store import EngineStore
from tests.state.redis.frozen_redis import FrozenRedis
from tests.state.shared.engine import Engine, Link

STORES: dict[str, Callable[[FrozenClock, Path], Store]] = {
    "memory": lambda clock, folder: MemoryStore(clock),
    "sqlite": lambda clock, folder: SqliteStore(folder / "state" / "sluice.db", clock),
    "shared": lambda clock, folder: SharedStore(Link(Engine(clock)), folder / "state" / "journal.db", clock),
}

MakeStore = Callable[[FrozenClock, Path], Store]


@pytest.fixture(params=[*STORES, "redis", "redis cluster", "shared over redis"])
def make_store(request: pytest.FixtureRequest) -> MakeStore:
    if "redis" in request.param:
        url = request.getfixturevalue("redis_cluster_url" if "cluster" in request.param else "redis_url")
        if "shared" not in request.param:
            return lambda clock, folder: EngineStore(url, clock)
        return lambda clock, folder: SharedStore(FrozenRedis(url, clock), folder / "state" / "journal.db", clock)
    return STORES[request.param]


@pytest.fixture
def clock() -> FrozenClock:
    # Tuesday 2023-11-14 22:13:20 UTC.
    return FrozenClock(1_700_000_000.0)


@pytest.fixture
async def store(make_store: MakeStore, clock: FrozenClock, tmp_path: Path) -> AsyncIterator[Store]:
    store = make_store(clock, tmp_path)
    await store.start()
    yield store
    await store.aclose()
