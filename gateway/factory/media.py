"""Opens the media store, and keeps it tidy while the gateway runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.core.clock import Clock
from gateway.core.errors import ConfigError, Problem
from gateway.factory.background import in_background
from gateway.media.folder import Folder
from gateway.media.links import Links
from gateway.media.secret import kept_secret
from gateway.media.store import MediaStore
from gateway.settings.server import Media

SWEEP_S = 60.0
"""How often what has expired is taken away."""
_log = logging.getLogger("sluice")


def open_media(media: Media, clock: Clock) -> MediaStore:
    """The store of ``media``. Raises ConfigError if nothing can be kept there."""
    path = Path(media.path)
    folder = Folder(path, max_bytes=media.max_bytes, keep_s=media.expires_s, clock=clock)
    given = media.secret.get_secret_value() if media.secret else ""
    try:
        folder.open()
        secret = given.encode() or kept_secret(path)
    except OSError as error:
        what = f"can't keep images in {path}: {error.strerror or error}"
        fix = "Name a folder that the gateway may write to."
        raise ConfigError([Problem("configuration", None, "server.media.path", what, fix)]) from None
    return MediaStore(folder, Links(secret, expires_s=media.expires_s, clock=clock), media.base_url)


@contextlib.asynccontextmanager
async def running_media(media: Media, clock: Clock) -> AsyncIterator[MediaStore]:
    """The store, swept now and then. Raises ConfigError if nothing can be kept there."""
    store = await asyncio.to_thread(open_media, media, clock)
    async with in_background(_sweep(store)):
        yield store


async def _sweep(store: MediaStore) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        try:
            await asyncio.to_thread(store.sweep)
        except OSError as error:
            _log.warning("the media store can't be tidied: %s", error.strerror or error)
