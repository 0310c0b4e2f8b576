"""``sqlite:///``: counts in memory, and writes down what is spent, so that budgets outlive a restart."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, tzinfo
from pathlib import Path

from gateway.core.clock import Clock
from gateway.state.base import Claim, Level, Refusal, Reservation, Status
from gateway.state.counters import HOLD_LEASE_S, Counters
from gateway.state.journal import Journal, Row
from gateway.state.ledger import Page
from gateway.state.windows import DAY_S

log = logging.getLogger(__name__)

LAST_TRIES = 3


class SqliteStore:
    """A Store for one process, with a file behind it.

    Only Spend is written down: rates and slots begin anew at a restart, within a minute they would have anyway. No
    call waits for the disk: what has changed is written every ``batch_s`` by a thread, one row a counter. A graceful
    close loses nothing. A kill loses at most what was settled in the last 100 ms (``batch_s`` and one write); calls
    that were running then are charged at their worst case at the next start.

    Should the disk fail under traffic, counting goes on in memory: rows wait (never more than one a counter and
    window), are tried again every ``retry_s``, and the log says so when it begins and when it is over.
    """

    def __init__(
        self,
        path: Path | str,
        clock: Clock,
        zone: tzinfo = UTC,
        *,
        hold_lease_s: float = HOLD_LEASE_S,
        batch_s: float = 0.05,
        retry_s: float = 1.0,
        retention_days: float = 400.0,
    ) -> None:
        self._clock = clock
        self._batch_s = batch_s
        self._retry_s = retry_s
        self._retention_s = retention_days * DAY_S
        self._path = Path(path)
        self._journal = Journal(self._path)
        self._found: dict[tuple[str, str], int] = {}
        self._changed: set[Page] = set()
        self._counters = Counters(
            clock, zone, hold_lease_s=hold_lease_s, opening=self._spent_before, changed=self._changed
        )
        self._thread: ThreadPoolExecutor | None = None
        self._writing: asyncio.Task[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._prune_at_s = math.inf
        self._is_closing = False
        self.write_failures = 0
        """Writes that failed since the start, for a metric."""
        self.is_behind = False
        """The last write failed: what is spent now would not outlive a kill."""

    def __repr__(self) -> str:
        return f"<SqliteStore {self._journal!r} {self._counters!r}, {self.backlog} rows to write>"

    @property
    def backlog(self) -> int:
        """Rows that wait to be written."""
        return len(self._changed)

    async def start(self) -> None:
        now_s = self._clock.time()
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sluice-journal")
        try:
            found = await asyncio.get_running_loop().run_in_executor(
                thread, self._journal.open, now_s, self._retention_s
            )
        except BaseException:
            thread.shutdown(wait=False)
            raise
        self._thread = thread
        self._found = found.spent
        self._prune_at_s = now_s + DAY_S
        if found.charged:
            log.warning(
                "the last run was cut off: what its calls held on %d budgets is charged at their worst case, "
                "%d nano-dollars in all",
                found.charged_counters,
                found.charged,
            )

    async def hold(self, reservations: Sequence[Reservation]) -> tuple[Level, ...] | Refusal:
        answer = self._counters.hold(reservations)
        if self._changed and self._timer is None:
            self._schedule(self._batch_s)
        return answer

    def settle(self, reservation_id: str, amounts: Sequence[int]) -> None:
        self._counters.settle(reservation_id, amounts)
        if self._changed and self._timer is None:
            self._schedule(self._batch_s)

    async def levels(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        return self._counters.levels(claims)

    @property
    def status(self) -> Status:
        return Status(backlog=self.backlog)

    async def flush(self) -> bool:
        """Write down what has changed so far; False where the disk would not take it (it is tried again later)."""
        while self._writing is not None:
            await asyncio.shield(self._writing)
        if self._timer is not None:
            self._timer.cancel()
        return await asyncio.shield(self._wake())

    async def aclose(self) -> None:
        """Write down the rest, then close. What the disk does not take in three tries is lost, and logged."""
        if self._thread is None or self._is_closing:
            return
        self._is_closing = True
        for _ in range(LAST_TRIES):
            if await self.flush() and not self._changed:
                break
        if self._changed:
            log.error("%s: the last spend of %d budgets could not be written, and is lost", self._path, self.backlog)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._journal.close)
        self._thread.shutdown(wait=False)
        self._thread = None

    def _spent_before(self, key: str, window_id: str) -> int:
        return self._found.get((key, window_id), 0)

    def _schedule(self, after_s: float) -> None:
        if self._thread is not None and not self._is_closing:
            self._timer = asyncio.get_running_loop().call_later(after_s, self._wake)

    def _wake(self) -> asyncio.Task[bool]:
        self._writing = asyncio.create_task(self._write())
        return self._writing

    async def _write(self) -> bool:
        # The timer counts as set until the write is over: one at a time, and settlements meanwhile share the next.
        is_written = await self._write_rows()
        self._writing = self._timer = None
        if self._changed:
            self._schedule(self._batch_s if is_written else self._retry_s)
        return is_written

    async def _write_rows(self) -> bool:
        # Read here, on the loop: the thread might see a page between two steps of a settlement.
        pages = list(self._changed)
        self._changed.clear()
        rows = [_row(page) for page in pages]
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._deliver, rows)
        except Exception as error:  # noqa: BLE001  whatever it was, what is spent must not be forgotten, nor writing end
            self._changed.update(pages)
            self._tell_failure(error)
            return False
        for page, row in zip(pages, rows, strict=True):
            page.less -= row[-1]
        if self.is_behind:
            self.is_behind = False
            log.warning("%s takes writes again; nothing was lost", self._path)
        return True

    def _deliver(self, rows: Sequence[Row]) -> None:
        """In the thread."""
        self._journal.write(rows)
        now_s = self._clock.time()
        if now_s >= self._prune_at_s:
            self._prune_at_s = now_s + DAY_S
            self._journal.prune(now_s - self._retention_s)

    def _tell_failure(self, error: Exception) -> None:
        self.write_failures += 1
        if not self.is_behind:
            self.is_behind = True
            log.error(
                "%s takes no writes: %s. Limits and budgets hold meanwhile, but what is spent now would not outlive "
                "a kill. Free some space or unlock the file; it is tried again every %g s",
                self._path,
                error,
                self._retry_s,
            )


def _row(page: Page) -> Row:
    return page.key, page.id, page.spent, page.held, None if page.end_s == math.inf else page.end_s, page.less
