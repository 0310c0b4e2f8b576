"""Answers questions from the log's file, and forgets what is past its time."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from gateway.core.clock import Clock
from gateway.core.errors import StoreUnavailable
from gateway.telemetry.calls.file import LogFile
from gateway.telemetry.calls.query import Content, LogUnreadable, Page, Query, SealedOtherwise, cursor
from gateway.telemetry.calls.record import Entry
from gateway.telemetry.calls.retention import Keep, forget_old
from gateway.telemetry.calls.schema import condition, decoded

if TYPE_CHECKING:
    from gateway.telemetry.calls.sealed import Sealer

FORGETS_EACH_S = 60.0
_PAUSE_S = 0.005
_T = TypeVar("_T")
_NOTHING = Page((), (), has_more=False)
_log = logging.getLogger("sluice.calls")


class Reader:
    """A ``Calls`` over the file at ``path``, which need not be there yet: it is empty then, and stays away.

    One thread does all that blocks. SQLite lets go of the interpreter while it looks.
    """

    def __init__(self, path: Path, clock: Clock, *, sealer: Sealer | None = None) -> None:
        self._file = LogFile(path)
        self._clock = clock
        self._sealer = sealer
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sluice-calls-reader")

    async def page(self, query: Query) -> Page:
        return await self._blocking(partial(self._page, query))

    async def call(self, id: str, number: int | None = None) -> Entry | None:
        query = Query(id=id, limit=1)
        if number is not None:
            query = msgspec.structs.replace(query, after=number - 1, before=number + 1)
        page = await self.page(query)
        return page.entries[0] if page.entries else None

    async def content(self, id: str, number: int | None = None) -> Content | None:
        sealed = await self._blocking(partial(self._sealed, id, number))
        if sealed is None:
            return None
        if self._sealer is None:
            raise SealedOtherwise("What was said in this call is sealed. Set calls.capture.secret to what it was then.")
        return await asyncio.to_thread(self._sealer.open, id, sealed)

    async def keep(self, keep: Keep) -> None:
        """Forget what is past its time, now and each minute, until cancelled."""
        while True:
            try:
                await self._blocking(partial(self._forget, keep))
            except LogUnreadable as error:
                _log.warning("the log of calls keeps what is past its time: %s", error)
            await asyncio.sleep(FORGETS_EACH_S)

    async def aclose(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._file.close)
        self._thread.shutdown(wait=False)

    async def _blocking(self, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError, StoreUnavailable) as error:
            raise LogUnreadable(f"{self._file.path} can't be read: {error}") from error

    # What follows runs in the thread.

    def _page(self, query: Query) -> Page:
        if not self._file.exists:
            return _NOTHING
        where, values = condition(query)
        is_forward = query.after is not None and query.before is None
        order = "ASC" if is_forward else "DESC"
        sql = (
            "SELECT call.number, entry.entry FROM call CROSS JOIN entry USING (number)"  # noqa: S608  constants
            f" WHERE {where} ORDER BY call.number {order} LIMIT ?"
        )
        with self._file.connected() as db:
            rows = db.execute(sql, (*values, query.limit + 1)).fetchall()
        has_more = len(rows) > query.limit
        rows = rows[: query.limit]
        if is_forward:
            rows.reverse()
        entries = [msgspec.structs.replace(decoded(row), number=cursor(number)) for number, row in rows]
        return Page(entries, [number for number, _ in rows], has_more)

    def _sealed(self, id: str, number: int | None) -> bytes | None:
        if not self._file.exists:
            return None
        sql = (
            "SELECT payload.sealed FROM call LEFT JOIN payload USING (number)"
            " WHERE call.id = ? AND number = coalesce(?, number) ORDER BY number DESC LIMIT 1"
        )
        with self._file.connected() as db:
            row = db.execute(sql, (id, number)).fetchone()
        return row[0] if row else None

    def _forget(self, keep: Keep) -> None:
        if self._file.exists:
            forget_old(self._file, keep, self._clock.time(), partial(time.sleep, _PAUSE_S))

    def __repr__(self) -> str:
        return f"<Reader of {self._file.path}>"
