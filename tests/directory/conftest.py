"""Every directory, through one fixture: a new kind is one more class here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.core.redis import Client
from gateway.directory.base import Directory
from gateway.directory.memory import MemoryDirectory
from gateway.directory.redis import RedisDirectory
from gateway.directory.sqlite import SqliteDirectory
from gateway.state.redis.connect import connect
from tests.clock import MovableClock

Open = Callable[[], Awaitable[Directory]]
"""Opens one more of what looks at the same records, as another replica or process does."""

KINDS = ("memory", "sqlite", "redis")


@asynccontextmanager
async def opener(kind: str, folder: Path, redis_url: str = "") -> AsyncIterator[Open]:
    opened: list[Directory] = []
    clients: list[Client] = []

    async def open() -> Directory:
        if kind == "memory":
            directory: Directory = opened[0] if opened else MemoryDirectory()
        elif kind == "sqlite":
            directory = SqliteDirectory(folder / "made" / "sluice-directory.db", poll_s=0.02)
        else:
            clients.append(connect(redis_url))
            directory = RedisDirectory(clients[-1], MovableClock())
        opened.append(directory)
        await directory.start()
        return directory

    try:
        yield open
    finally:
        for directory in opened:
            await directory.aclose()
        for client in clients:
            await client.aclose()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def open(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    url = request.getfixturevalue("redis_url") if kind == "redis" else ""
    async with opener(kind, tmp_path, url) as open:
        yield open


@pytest.fixture
async def directory(open: Open) -> Directory:
    return await open()
