"""From a URL to a directory."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.core.clock import Clock, Sleep
from gateway.core.sqlite import beside
from gateway.directory.base import Directory
from gateway.directory.memory import MemoryDirectory
from gateway.directory.sqlite import SqliteDirectory

if TYPE_CHECKING:
    from gateway.core.redis import Client


def open_directory(url: str, client: Client | None, clock: Clock, *, sleep: Sleep = asyncio.sleep) -> Directory:
    """The directory that belongs to the ``state.url`` of a checked configuration, not yet started.

    ``client`` is that of its Redis; it stays the caller's to close. None where the URL names no Redis.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "memory":
        return MemoryDirectory()
    if scheme == "sqlite":
        return SqliteDirectory(beside(Path(rest[1:]), "directory"), clock, sleep=sleep)
    if client is None:
        raise ValueError(f"a directory of {scheme}:// needs a client")
    from gateway.directory.redis import RedisDirectory  # noqa: PLC0415  it takes a while, and few need it

    return RedisDirectory(client, clock, sleep=sleep)
