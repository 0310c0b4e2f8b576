"""Fetches a credential: one fetch at a time, in a thread, whoever waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from gateway.core.errors import Reason, UpstreamError

MOST_WAIT_S = 20.0
"""How long a call waits. Not all sources have a time-out of their own, a program (``credential_process``) has none."""

T = TypeVar("T")
_log = logging.getLogger("sluice.signing")


class NoCredential(Exception):
    """None can be had. Its words are fit for logs and clients: what was tried, no secret."""


class Fetch(Generic[T]):
    """``source`` blocks until it has a credential. It raises NoCredential; anything else is told by its type alone.

    ``keep`` is given what came, in the event loop.
    """

    def __init__(self, source: Callable[[], T], keep: Callable[[T], None]) -> None:
        self._source = source
        self._keep = keep
        self._task: asyncio.Task[None] | None = None

    async def wait(self) -> None:
        """Until a credential is kept. Raises UpstreamError (AUTH) where none comes in time."""
        task = self.begin()
        # Others wait for it too: a client that hangs up doesn't end it, nor one whose patience does.
        done, _ = await asyncio.wait({task}, timeout=MOST_WAIT_S)
        if not done:
            raise UpstreamError(Reason.AUTH, "no credential came in time")
        try:
            task.result()
        except NoCredential as error:
            raise UpstreamError(Reason.AUTH, str(error)) from None

    def begin(self) -> asyncio.Task[None]:
        """Fetch on the side, unless that is under way. Where it fails, the log says so."""
        if self._task is None:
            self._task = asyncio.create_task(self._fetch())
            self._task.add_done_callback(self._end)
        return self._task

    async def _fetch(self) -> None:
        try:
            self._keep(await asyncio.to_thread(self._source))
        except NoCredential:
            raise
        except Exception as error:  # noqa: BLE001  # the clouds' libraries share no error; their texts may hold secrets
            raise NoCredential(f"no credential can be had ({type(error).__name__})") from None

    def _end(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("no new credential, an old one is used on while it holds: %s", error)
