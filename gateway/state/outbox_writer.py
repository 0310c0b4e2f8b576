"""Keeps the outbox's file, by a thread: no call and no delivery waits for the disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from gateway.core.clock import Sleep
from gateway.state.outbox_journal import Changes, Found, Known, OutboxJournal
from gateway.state.remote import Delivery

log = logging.getLogger(__name__)


class OutboxWriter:
    """Writes what is put and strikes out what is dropped, all of ``batch_s`` in one transaction.

    What is put and dropped within that time is never written. Should the disk fail, changes wait in memory and are
    tried again every ``retry_s``; the log says so when it begins and when it is over.
    """

    def __init__(self, journal: OutboxJournal, *, sleep: Sleep, batch_s: float = 0.05, retry_s: float = 1.0) -> None:
        self.journal = journal
        self._sleep = sleep
        self._batch_s = batch_s
        self._retry_s = retry_s
        self._put: dict[str, Delivery] = {}
        self._drop: set[str] = set()
        self._in_file: set[str] = set()
        """Ids that the file has, or will have when the write that runs is over."""
        self._known: dict[tuple[str, str], Known] = {}
        self._is_called = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self.on_write: Callable[[], None] = lambda: None
        """Called before each write: whoever has something to add does it now."""
        self.replicas = 1
        self.is_durable = True
        """The last write succeeded."""

    def __repr__(self) -> str:
        return f"<OutboxWriter {self.journal!r}, {len(self._put) + len(self._drop)} changes to write>"

    async def open(self, now_s: float) -> Found:
        """Raises StoreUnavailable, saying what to do."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sluice-outbox")
        try:
            found = await asyncio.get_running_loop().run_in_executor(thread, self.journal.open, now_s)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        self._thread = thread
        self._in_file = {delivery.id for delivery in found.waiting}
        return found

    def put(self, delivery: Delivery) -> None:
        self._put[delivery.id] = delivery
        if self._drop:
            self._drop.discard(delivery.id)
        self._is_called.set()

    def drop(self, id: str) -> None:
        """It need not be there."""
        if self._put:
            self._put.pop(id, None)
        if self._in_file and id in self._in_file:
            self._drop.add(id)
            self._is_called.set()

    def know(self, known: list[Known]) -> None:
        """How counters stand; written with the next batch."""
        self._known |= {(each.counter, each.period): each for each in known}

    async def run(self) -> None:
        """Write for ever, whenever there is something to write."""
        while True:
            await self._is_called.wait()
            await self._sleep(self._batch_s)
            self._is_called.clear()
            if not await self.write():
                await self._sleep(self._retry_s)
                self._is_called.set()

    async def write(self) -> bool:
        """Everything so far; False where the disk did not take it (it stays to be written)."""
        # Whoever waits may be cut off; what became of the write must be noted all the same.
        return await asyncio.shield(asyncio.create_task(self._write()))

    def call(self) -> None:
        """There may be something to write."""
        self._is_called.set()

    async def aclose(self) -> None:
        """Close the file. Closing again does nothing."""
        thread, self._thread = self._thread, None
        if thread is not None:
            async with self._one_at_a_time:
                await asyncio.get_running_loop().run_in_executor(thread, self.journal.close)
            thread.shutdown(wait=False)

    async def _write(self) -> bool:
        async with self._one_at_a_time:
            self.on_write()
            changes = Changes(tuple(self._put.values()), tuple(self._drop), tuple(self._known.values()), self.replicas)
            if not (changes.put or changes.drop or changes.known):
                return True
            self._put, self._drop, self._known = {}, set(), {}
            self._in_file |= {delivery.id for delivery in changes.put}
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self.journal.write, changes)
            except Exception as error:  # noqa: BLE001  whatever it was, nothing that is owed may be forgotten
                self._restore(changes)
                self._tell_failure(error)
                return False
            self._in_file -= set(changes.drop)
            if not self.is_durable:
                self.is_durable = True
                log.warning("%s takes writes again; nothing was lost", self.journal.path)
            return True

    def _restore(self, changes: Changes) -> None:
        newer = self._put
        self._put = {each.id: each for each in changes.put if each.id not in self._drop} | newer
        self._drop |= {id for id in changes.drop if id not in newer}
        self._known = {(each.counter, each.period): each for each in changes.known} | self._known

    def _tell_failure(self, error: Exception) -> None:
        if self.is_durable:
            self.is_durable = False
            log.error(
                "%s takes no writes: %s. What must reach the shared store waits in memory, and a kill would lose it. "
                "Free some space or mend the folder; it is tried again every %g s",
                self.journal.path,
                error,
                self._retry_s,
            )
