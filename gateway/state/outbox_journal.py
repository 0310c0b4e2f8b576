"""The file behind a shared store: what must still reach the engine, and how its counters stood when last heard of.

Everything here blocks, and is for one thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from gateway.core.errors import StoreUnavailable
from gateway.core.sqlite import Migrations
from gateway.state.locked_file import LockedFile
from gateway.state.remote import Delivery
from gateway.state.windows import DAY_S

LARGEST = 2**63 - 1

MIGRATIONS: Migrations = (
    (
        "CREATE TABLE waiting (id TEXT PRIMARY KEY, delivery BLOB NOT NULL) WITHOUT ROWID",
        """
        CREATE TABLE known (
            counter TEXT NOT NULL,
            period TEXT NOT NULL,
            used INTEGER NOT NULL,
            spent INTEGER NOT NULL,
            ends_s REAL,
            PRIMARY KEY (counter, period)
        ) WITHOUT ROWID
        """,
        "CREATE TABLE replicas (live INTEGER NOT NULL)",
    ),
)

IN_USE = "Each replica needs a file of its own: name another in state.journal, or stop that gateway."

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Delivery).decode


class Known(msgspec.Struct, frozen=True, gc=False):
    """How a Spend counter stood in one window, when the engine was last heard of."""

    counter: str
    period: str
    used: int
    spent: int
    """Delivered by this replica since: what it let in during an outage. It may not be in ``used``."""
    ends_s: float | None


class Found(msgspec.Struct, frozen=True):
    """What an earlier process left."""

    waiting: tuple[Delivery, ...] = ()
    known: tuple[Known, ...] = ()
    replicas: int = 1


class Changes(msgspec.Struct, frozen=True):
    """What to write in one transaction: all or nothing."""

    put: Sequence[Delivery] = ()
    drop: Sequence[str] = ()
    known: Sequence[Known] = ()
    replicas: int = 1


class OutboxJournal:
    """One SQLite file for one replica. A delivery that is put again replaces the earlier of its id."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = LockedFile(path, MIGRATIONS, setting="state.journal", in_use=IN_USE)

    def __repr__(self) -> str:
        return f"<OutboxJournal {self._file!r}>"

    def open(self, now_s: float) -> Found:
        """Raises StoreUnavailable, saying what to do; then nothing stays open."""
        try:
            return _recover(self._file.open(), now_s)
        except (sqlite3.Error, OSError, msgspec.MsgspecError) as error:
            self.close()
            raise StoreUnavailable(
                f"{self.path} can't be used as the journal: {error}. Check that its folder is writable and that the "
                "disk has room; or name another file in state.journal."
            ) from error
        except StoreUnavailable:
            self.close()
            raise

    def write(self, changes: Changes) -> None:
        """Raises sqlite3.Error; then nothing is written, and the next call starts afresh."""
        try:
            db = self._file.connection()
            with db:
                db.executemany("REPLACE INTO waiting VALUES (?, ?)", ((each.id, _encode(each)) for each in changes.put))
                db.executemany("DELETE FROM waiting WHERE id = ?", ((id,) for id in changes.drop))
                db.executemany("REPLACE INTO known VALUES (?, ?, ?, ?, ?)", _rows(changes.known))
                db.execute("DELETE FROM replicas")
                db.execute("INSERT INTO replicas VALUES (?)", (changes.replicas,))
        except sqlite3.Error:
            self._file.disconnect()
            raise

    def close(self) -> None:
        """Closing again does nothing."""
        self._file.close()


def _recover(db: sqlite3.Connection, now_s: float) -> Found:
    with db:
        # A day more, for clocks that are set back.
        db.execute("DELETE FROM known WHERE ends_s < ?", (now_s - DAY_S,))
        replicas = db.execute("SELECT live FROM replicas").fetchone()
        return Found(
            waiting=tuple(_decode(row) for (row,) in db.execute("SELECT delivery FROM waiting")),
            known=tuple(Known(*row) for row in db.execute("SELECT counter, period, used, spent, ends_s FROM known")),
            replicas=replicas[0] if replicas else 1,
        )


def _rows(known: Iterable[Known]) -> Iterable[tuple[str, str, int, int, float | None]]:
    return (
        (each.counter, each.period, min(each.used, LARGEST), min(each.spent, LARGEST), each.ends_s) for each in known
    )
