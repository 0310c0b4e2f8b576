"""The file behind ``sqlite://``'s directory. Everything here blocks, and is for one thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from gateway.core.migrations import Migrations, migrate
from gateway.directory.base import AUDITED
from gateway.directory.news import EVERYTHING
from gateway.directory.records import AuditEntry, Change, KeyRecord, TeamRecord
from gateway.directory.rules import standing_keys, stands

MIGRATIONS: Migrations = (
    (
        # What is asked for stands in columns; the whole record beside them is JSON.
        """
        CREATE TABLE keys (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            team TEXT,
            is_revoked INTEGER NOT NULL,
            record BLOB NOT NULL
        ) WITHOUT ROWID
        """,
        "CREATE UNIQUE INDEX live_names ON keys (name) WHERE NOT is_revoked",
        "CREATE INDEX keys_by_team ON keys (team, id)",
        "CREATE TABLE teams (name TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID",
        # The audit log is the list of changes too, which other processes read on from where they were.
        """
        CREATE TABLE audit (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT,
            name TEXT NOT NULL,
            entry BLOB NOT NULL
        )
        """,
    ),
)

MOST_NEWS = 1_000
"""Of more changes than this since the last look, it is told that they may have been any."""

_encode = msgspec.json.Encoder().encode
_key = msgspec.json.Decoder(KeyRecord).decode
_team = msgspec.json.Decoder(TeamRecord).decode
_entry = msgspec.json.Decoder(AuditEntry).decode


class DirectoryFile:
    """One SQLite file, in WAL mode, each commit flushed to the disk. After an error it is opened afresh."""

    def __init__(self, path: Path, *, busy_s: float = 0.8) -> None:
        self.path = path
        self._busy_s = busy_s
        self._db: sqlite3.Connection | None = None
        self._data_version = -1
        self._seen: int | None = None
        """The last entry whose change was told; None before the first look."""

    def __repr__(self) -> str:
        return f"{self.path} {'open' if self._db else 'closed'}"

    def open(self) -> None:
        """Raises StoreUnavailable, sqlite3.Error, OSError."""
        with self._opened() as db:
            if self._seen is None:
                self._seen = _last_entry(db)

    def close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def key(self, id: str) -> KeyRecord | None:
        return next(self._read(_key, "SELECT record FROM keys WHERE id = ?", id), None)

    def named_key(self, name: str) -> KeyRecord | None:
        return next(self._read(_key, "SELECT record FROM keys WHERE name = ? AND NOT is_revoked", name), None)

    def keys(self, after: str, limit: int, team: str | None) -> list[KeyRecord]:
        if team is None:
            return list(self._read(_key, "SELECT record FROM keys WHERE id > ? ORDER BY id LIMIT ?", after, limit))
        query = "SELECT record FROM keys WHERE team = ? AND id > ? ORDER BY id LIMIT ?"
        return list(self._read(_key, query, team, after, limit))

    def teams(self) -> list[TeamRecord]:
        return list(self._read(_team, "SELECT record FROM teams ORDER BY name"))

    def audit(self, below: int, limit: int) -> tuple[AuditEntry, ...]:
        with self._opened() as db:
            rows = db.execute("SELECT id, entry FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?", (below, limit))
            return tuple(msgspec.structs.replace(_entry(entry), id=str(id)) for id, entry in rows)

    def put_keys(self, records: Sequence[KeyRecord], entry: AuditEntry, change: Change) -> bool:
        """False where all were kept already. Raises Conflict."""
        with self._writing() as db:
            standing = standing_keys(records, self.key, lambda name: _owner(db, name))
            if not standing:
                return False
            db.executemany(
                "INSERT INTO keys VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET name = excluded.name,"
                " team = excluded.team, is_revoked = excluded.is_revoked, record = excluded.record",
                [(key.id, key.name, key.team, key.revoked_at is not None, _encode(key)) for key in standing],
            )
            self._append(db, entry, change)
        return True

    def put_team(self, record: TeamRecord, entry: AuditEntry, change: Change) -> bool:
        """False where all was so already. Raises Conflict."""
        with self._writing() as db:
            kept = next(self._read(_team, "SELECT record FROM teams WHERE name = ?", record.name), None)
            if not stands(record, kept):
                return False
            if record.deleted_at is None:
                db.execute("INSERT OR REPLACE INTO teams VALUES (?, ?)", (record.name, _encode(record)))
            else:
                db.execute("DELETE FROM teams WHERE name = ?", (record.name,))
            self._append(db, entry, change)
        return True

    def note(self, entry: AuditEntry, change: Change | None) -> None:
        with self._writing() as db:
            self._append(db, entry, change)

    def news(self) -> list[Change]:
        """What others have changed since the last look. Costs a look at one counter where they have not."""
        with self._opened() as db:
            (version,) = db.execute("PRAGMA data_version").fetchone()
            if version == self._data_version:
                return []
            seen, last = self._seen or 0, _last_entry(db)
            query = "SELECT id, kind, name FROM audit WHERE id > ? ORDER BY id LIMIT ?"
            rows = db.execute(query, (seen, MOST_NEWS + 1)).fetchall()
        self._data_version, self._seen = version, last
        # A log that begins later, or ends sooner, than where this one was: it was cut, or put back from a backup.
        if last < seen or len(rows) > MOST_NEWS or (rows and rows[0][0] != seen + 1):
            return [EVERYTHING]
        return [Change(kind, name) for _, kind, name in rows if kind]

    def _append(self, db: sqlite3.Connection, entry: AuditEntry, change: Change | None) -> None:
        kind, name = (change.kind, change.name) if change else (None, "")
        id = db.execute(
            "INSERT INTO audit (kind, name, entry) VALUES (?, ?, ?)", (kind, name, _encode(entry))
        ).lastrowid
        assert id is not None
        db.execute("DELETE FROM audit WHERE id <= ?", (id - AUDITED,))
        if self._seen == id - 1:
            self._seen = id

    def _read(self, decode: Callable[[bytes], Any], query: str, *values: Any) -> Iterator[Any]:
        with self._opened() as db:
            rows = db.execute(query, values).fetchall()
        return (decode(record) for (record,) in rows)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody else writes in: what is read in it, still holds at its end."""
        seen = self._seen
        try:
            with self._opened() as db, db:
                db.execute("BEGIN IMMEDIATE")
                yield db
        except BaseException:
            self._seen = seen
            raise

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        if self._db is None:
            self._db = self._connect()
            self._data_version = -1
        try:
            yield self._db
        except sqlite3.Error as error:
            # After an I/O error a connection may stay unusable, and a new one costs little: but while somebody else
            # writes, the old one can read, and a new one waits for them.
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
                self.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=self._busy_s, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            migrate(db, self.path, MIGRATIONS)
        except BaseException:
            db.close()
            raise
        return db


def _owner(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT id FROM keys WHERE name = ? AND NOT is_revoked", (name,)).fetchone()
    return row[0] if row else None


def _last_entry(db: sqlite3.Connection) -> int:
    (last,) = db.execute("SELECT coalesce(max(id), 0) FROM audit").fetchone()
    return int(last)
