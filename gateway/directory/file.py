"""The file behind ``sqlite://``'s directory. Everything here blocks, and is for one thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from gateway.core.sqlite import Migrations, SqliteFile
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
    """The directory's records and audit log in one SQLite file."""

    def __init__(self, path: Path, *, busy_s: float = 0.8) -> None:
        self.path = path
        self._file = SqliteFile(path, MIGRATIONS, busy_s=busy_s)
        self._data_version = -1
        self._seen: int | None = None
        """The last entry whose change was told; None before the first look."""

    def __repr__(self) -> str:
        return repr(self._file)

    def open(self) -> None:
        """Raises StoreUnavailable, sqlite3.Error, OSError."""
        with self._opened() as db:
            if self._seen is None:
                self._seen = _last_entry(db)

    def close(self) -> None:
        self._file.close()

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

    def note(self, entry: AuditEntry, change: Change | None) -> bool:
        with self._writing() as db:
            self._append(db, entry, change)
        return True

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
        if not self._file.is_open:
            self._data_version = -1
        db = self._file.open()
        try:
            yield db
        except sqlite3.Error as error:
            # While somebody else writes, this connection can read, and a new one would wait for them.
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
                self._file.disconnect()
            raise


def _owner(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT id FROM keys WHERE name = ? AND NOT is_revoked", (name,)).fetchone()
    return row[0] if row else None


def _last_entry(db: sqlite3.Connection) -> int:
    (last,) = db.execute("SELECT coalesce(max(id), 0) FROM audit").fetchone()
    return int(last)
