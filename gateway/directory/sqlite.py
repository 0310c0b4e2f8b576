"""``sqlite:///``: a directory in a file of its own, beside that of the budgets."""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from gateway.core.clock import Clock, Sleep, SystemClock
from gateway.core.errors import StoreUnavailable
from gateway.directory.base import KeyPage, Listener
from gateway.directory.file import DirectoryFile
from gateway.directory.news import Listeners, news_of
from gateway.directory.records import AuditEntry, Change, KeyRecord, TeamRecord
from gateway.directory.rules import before_number, page_of

log = logging.getLogger(__name__)

T = TypeVar("T")

DEADLINE_S = 1.0
POLL_S = 0.5


class SqliteDirectory:
    """A Directory in one SQLite file. Several processes may use it at once: each looks for the changes of the others
    every ``poll_s``. One thread does all that blocks.
    """

    def __init__(
        self, path: Path, clock: Clock | None = None, *, poll_s: float = POLL_S, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._file = DirectoryFile(path)
        self._monotonic = (clock or SystemClock()).monotonic
        self._poll_s = poll_s
        self._sleep = sleep
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sluice-directory")
        self._listeners = Listeners()
        self._polling: asyncio.Task[None] | None = None
        self._is_deaf = False
        self._told_until = -math.inf

    def __repr__(self) -> str:
        return f"<SqliteDirectory {self._file!r}>"

    async def start(self) -> None:
        """Raises StoreUnavailable where the file can't be used, saying what to do."""
        await self._do(self._file.open)
        self._polling = asyncio.create_task(self._poll())

    async def key(self, id: str) -> KeyRecord | None:
        return await self._do(lambda: self._file.key(id))

    async def named_key(self, name: str) -> KeyRecord | None:
        return await self._do(lambda: self._file.named_key(name))

    async def keys(self, *, after: str = "", limit: int = 100, team: str | None = None) -> KeyPage:
        return page_of(await self._do(lambda: self._file.keys(after, limit + 1, team)), limit)

    async def teams(self) -> tuple[TeamRecord, ...]:
        return tuple(await self._do(self._file.teams))

    async def put_key(self, record: KeyRecord, entry: AuditEntry) -> None:
        await self.put_keys((record,), entry)

    async def put_keys(self, records: Sequence[KeyRecord], entry: AuditEntry) -> None:
        change = news_of(records)
        await self._change(lambda: self._file.put_keys(records, entry, change), change)

    async def put_team(self, record: TeamRecord, entry: AuditEntry) -> None:
        change = Change("team", record.name)
        await self._change(lambda: self._file.put_team(record, entry, change), change)

    async def note(self, entry: AuditEntry, change: Change | None = None) -> None:
        await self._change(lambda: self._file.note(entry, change), change)

    async def audit(self, *, before: str = "", limit: int = 100) -> Sequence[AuditEntry]:
        below = before_number(before)
        return await self._do(lambda: self._file.audit(below, limit))

    @property
    def told_until(self) -> float:
        return self._told_until

    def subscribe(self, listener: Listener) -> None:
        self._listeners.add(listener)

    async def aclose(self) -> None:
        """Calling it again does nothing."""
        polling, self._polling = self._polling, None
        if polling is None:
            return
        polling.cancel()
        with suppress(asyncio.CancelledError):
            await polling
        with suppress(StoreUnavailable):
            await self._do(self._file.close)
        self._thread.shutdown(wait=False)

    async def _change(self, write: Callable[[], bool], change: Change | None) -> None:
        try:
            is_made = await self._do(write)
        except (StoreUnavailable, asyncio.CancelledError):
            # It may be made all the same, even after this. Who asks now is answered by the same thread, so afterwards.
            self._listeners.tell(change)
            raise
        if is_made:
            self._listeners.tell(change)

    async def _do(self, work: Callable[[], T]) -> T:
        """In the thread. What is still queued at the deadline is not done; what runs then, may be."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError, RuntimeError, msgspec.MsgspecError) as error:
            # A TimeoutError is an OSError; a RuntimeError comes of a thread that has ended.
            raise StoreUnavailable(
                f"{self._file.path} can't be used for keys and teams: {str(error) or 'it takes too long'}. Check that "
                "its folder is writable, that the disk has room and that no other program has the file locked."
            ) from error

    async def _poll(self) -> None:
        while True:
            await self._sleep(self._poll_s)
            asked_at = self._monotonic()
            try:
                changes = await self._do(self._file.news)
            except StoreUnavailable as error:
                if not self._is_deaf:
                    log.warning("changes of keys by other processes are not seen: %s", error)
                self._is_deaf = True
                continue
            self._is_deaf = False
            for change in changes:
                self._listeners.tell(change)
            self._told_until = asked_at
