"""Forgets the oldest calls, some at a time, so that nobody waits long for the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import msgspec

from gateway.telemetry.calls.file import LogFile
from gateway.telemetry.calls.schema import MICROSECONDS

STEP = 500
"""Calls that go in one transaction: a few milliseconds."""
_STEP_OF_PAYLOADS = 50
_VACUUMED_PAGES = 1_000
_SPARE = 0.03
"""Of the room, how much is made beyond what is needed, so that not every batch has to."""
_DAY_S = 86_400


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """How long, and how much."""

    days: float
    payload_days: float
    bytes: int
    """Of the file itself; its write-ahead log has a few megabytes beside it."""


def make_room(file: LogFile, keep: Keep, needed: int) -> None:
    """Forget the oldest calls until ``needed`` bytes more fit. Raises OSError if they can't."""
    with file.connected() as db:
        used = _used(db)
        if used + needed <= keep.bytes:
            return
        while used + needed > keep.bytes * (1 - _SPARE) and _forget(db):
            used = _used(db)
        if used + needed > keep.bytes:
            raise OSError(f"{needed} bytes of calls do not fit into calls.max_mb")


def forget_old(file: LogFile, keep: Keep, now_s: float, pause: Callable[[], None]) -> None:
    """Forget what is past its time, and give room back to the disk. ``pause`` is called between steps."""
    calls_since = int((now_s - keep.days * _DAY_S) * MICROSECONDS)
    payloads_since = int((now_s - keep.payload_days * _DAY_S) * MICROSECONDS)
    with file.connected() as db:
        while _forget(db, calls_since):
            pause()
        while _forget_payloads(db, payloads_since):
            pause()
        while _vacuum(db, keep):
            pause()


def _forget(db: sqlite3.Connection, before: int | None = None) -> bool:
    """The oldest calls, those below the number ``before`` at most; whether there were any."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        end = _number_after(db, "call", STEP, before)
        if end is None:
            return False
        # Beside it a payload is large: few of them make a step.
        payloads_end = _number_after(db, "payload", _STEP_OF_PAYLOADS, end)
        if payloads_end is not None:
            db.execute("DELETE FROM payload WHERE number < ?", (payloads_end,))
            (left,) = db.execute("SELECT count(*) FROM payload WHERE number < ?", (end,)).fetchone()
            end = payloads_end if left else end
        db.execute("DELETE FROM entry WHERE number < ?", (end,))
        db.execute("DELETE FROM call WHERE number < ?", (end,))
    return True


def _forget_payloads(db: sqlite3.Connection, before: int) -> bool:
    with db:
        db.execute("BEGIN IMMEDIATE")
        end = _number_after(db, "payload", _STEP_OF_PAYLOADS, before)
        if end is None:
            return False
        db.execute("DELETE FROM payload WHERE number < ?", (end,))
    return True


def _number_after(db: sqlite3.Connection, table: str, count: int, before: int | None) -> int | None:
    """The number behind the first ``count`` of ``table``, ``before`` at most; None if none is below that."""
    numbers = [
        int(number)
        for (number,) in db.execute(f"SELECT number FROM {table} ORDER BY number LIMIT ?", (count + 1,))  # noqa: S608
    ]
    if not numbers or (before is not None and numbers[0] >= before):
        return None
    end = numbers[count] if len(numbers) > count else numbers[-1] + 1
    return end if before is None else min(end, before)


def _vacuum(db: sqlite3.Connection, keep: Keep) -> bool:
    """Give some free pages back where a quarter of the file is free, or it is over its size; whether there are more."""
    pages, free, page_bytes = _pages(db)
    if free == 0 or (free * 4 < pages and pages * page_bytes <= keep.bytes):
        return False
    # A step of this statement gives one page back, and execute() makes one step alone.
    db.executescript(f"PRAGMA incremental_vacuum({_VACUUMED_PAGES})")
    return free > _VACUUMED_PAGES


def _used(db: sqlite3.Connection) -> int:
    pages, free, page_bytes = _pages(db)
    return (pages - free) * page_bytes


def _pages(db: sqlite3.Connection) -> tuple[int, int, int]:
    names = ("page_count", "freelist_count", "page_size")
    pages, free, page_bytes = (int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in names)
    return pages, free, page_bytes
