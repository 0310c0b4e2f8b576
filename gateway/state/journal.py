"""The file behind ``sqlite://``: what is spent and held in each window, one row a counter and window.

Rows carry absolute amounts, not changes: writing one twice does no harm, and what waits for a disk that is full is
never more than a row a counter. Everything here blocks, and is for one thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway.core.errors import StoreUnavailable
from gateway.core.sqlite import Migrations
from gateway.state.locked_file import LockedFile
from gateway.state.windows import DAY_S

LARGEST = 2**63 - 1
"""SQLite's largest integer: 9.2 billion dollars in nano-dollars."""

SPEND = """
    CREATE TABLE spend (
        counter TEXT NOT NULL,
        period TEXT NOT NULL,
        spent INTEGER NOT NULL,
        held INTEGER NOT NULL,
        ends_s REAL,
        PRIMARY KEY (counter, period)
    ) WITHOUT ROWID
"""

IN_USE = (
    "Stop that one or give this one a file of its own; gateways that are to share limits and budgets need a redis:// "
    "store."
)

MIGRATIONS: Migrations = ((SPEND, "CREATE INDEX spend_by_end ON spend (ends_s)"),)

UPSERT = (
    "INSERT INTO spend (counter, period, spent, held, ends_s) VALUES (?1, ?2, ?3, ?4, ?5)"
    # Within a window spend only grows, but for corrections. A sum that is smaller yet would come from a clock that was
    # set back too far to remember.
    " ON CONFLICT DO UPDATE SET spent = max(spent - ?6, excluded.spent), held = excluded.held, ends_s = excluded.ends_s"
)

Row = tuple[str, str, int, int, float | None, int]
"""Counter, window id, spent, held, end of the window in seconds since the epoch (None where it never ends), and how
much less is spent than was written before."""


class Found(msgspec.Struct, frozen=True):
    """What an earlier process left: spend by (counter, window id), in windows that may still be asked for."""

    spent: dict[tuple[str, str], int]
    charged: int
    """The sum of holds that were never settled, now charged at their worst case."""
    charged_counters: int


class Journal:
    """One SQLite file for one process."""

    def __init__(self, path: Path, *, busy_s: float = 1.0) -> None:
        self.path = path
        self._file = LockedFile(path, MIGRATIONS, setting="state.url", in_use=IN_USE, busy_s=busy_s)

    def __repr__(self) -> str:
        return f"<Journal {self._file!r}>"

    def open(self, now_s: float, retention_s: float) -> Found:
        """Lock, migrate and recover the file. Raises StoreUnavailable, saying what to do; then nothing stays open."""
        try:
            return _recover(self._file.open(), now_s, retention_s)
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreUnavailable(
                f"{self.path} can't be used as the state store: {error}. Check that its folder is writable, that the "
                "disk has room and that no other program has the file locked; or choose another file in state.url."
            ) from error
        except StoreUnavailable:
            self.close()
            raise

    def write(self, rows: Sequence[Row]) -> None:
        """All rows in one transaction. Raises sqlite3.Error; then none is written, and the next call starts afresh."""
        try:
            with self._file.connection() as db:
                db.executemany(
                    UPSERT, [(key, id, _fit(spent), _fit(held), end, less) for key, id, spent, held, end, less in rows]
                )
        except sqlite3.Error:
            self._file.disconnect()
            raise

    def prune(self, before_s: float) -> None:
        """Forget the windows that ended before ``before_s``. Raises sqlite3.Error."""
        with self._file.connection() as db:
            db.execute("DELETE FROM spend WHERE ends_s < ?", (before_s,))

    def close(self) -> None:
        """Closing again does nothing."""
        self._file.close()


def _recover(db: sqlite3.Connection, now_s: float, retention_s: float) -> Found:
    with db:
        db.execute("DELETE FROM spend WHERE ends_s < ?", (now_s - retention_s,))
        # SQLite's own sum() fails past 2**63; Python's doesn't.
        held = [amount for (amount,) in db.execute("SELECT held FROM spend WHERE held > 0")]
        db.execute(f"UPDATE spend SET spent = min(spent, {LARGEST} - held) + held, held = 0 WHERE held > 0")  # noqa: S608  a constant
        rows = db.execute(
            "SELECT counter, period, spent FROM spend WHERE ends_s IS NULL OR ends_s > ?", (now_s - DAY_S,)
        )
        spent = {(counter, period): amount for counter, period, amount in rows}
    return Found(spent=spent, charged=sum(held), charged_counters=len(held))


def _fit(amount: int) -> int:
    return min(amount, LARGEST)
