"""The directory of keys and teams that belongs to the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from gateway.core.clock import Clock
from gateway.directory.base import Directory
from gateway.directory.open import open_directory
from gateway.settings import Settings

if TYPE_CHECKING:
    # Loaded where it is used: few configurations name one.
    from gateway.core.redis import Client


@asynccontextmanager
async def running_directory(settings: Settings, clock: Clock, client: Client | None = None) -> AsyncIterator[Directory]:
    """The directory beside the store that ``settings`` name, open while the block runs.

    ``client`` is of that store, where it is a Redis; without one, a connection of its own is made. Raises ConfigError
    or StoreUnavailable, saying what to do.
    """
    url = settings.state.url.get_secret_value()
    async with AsyncExitStack() as open_now:
        if settings.state.is_shared and client is None:
            from gateway.state.redis.connect import connect

            client = connect(url)
            open_now.push_async_callback(client.aclose)
        directory = open_directory(url, client, clock)
        open_now.push_async_callback(directory.aclose)
        await directory.start()
        yield directory
