"""The SQLite files that a gateway writes: in WAL mode, each commit flushed to the disk, and of the last schema.

Everything here blocks, and is for one thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path

from gateway.core.errors import StoreUnavailable

Migrations = Sequence[Sequence[str]]
"""The statements that turn schema n into n + 1. A released one is never changed; a later need gets one of its own."""


_INCREMENTAL = 2
"""What ``PRAGMA auto_vacuum`` says then."""


class SqliteFile:
    """A connection to the file, opened again after an error. ``setting`` is where the file is named.

    Whoever shares the file with others waits for one that writes, up to ``busy_s``. One ``is_log`` waits for no disk: a
    power cut may cost it what was written last, a killed process nothing. It can give room back to the disk.
    """

    def __init__(
        self,
        path: Path,
        migrations: Migrations,
        *,
        setting: str = "state.url",
        busy_s: float = 1.0,
        is_log: bool = False,
    ) -> None:
        self.path = path
        self._migrations = migrations
        self._setting = setting
        self._busy_s = busy_s
        self._is_log = is_log
        self._db: sqlite3.Connection | None = None

    def __repr__(self) -> str:
        return f"{self.path} {'open' if self._db else 'closed'}"

    @property
    def is_open(self) -> bool:
        return self._db is not None

    def open(self) -> sqlite3.Connection:
        """Make the folder, connect and migrate, unless it is open. Raises StoreUnavailable, sqlite3.Error or OSError:
        close it then.
        """
        if self._db is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.connection()

    def connection(self) -> sqlite3.Connection:
        """The one that is open, or a new one. Raises StoreUnavailable and sqlite3.Error."""
        self._db = self._db or self._connect()
        return self._db

    def disconnect(self) -> None:
        """After an I/O error a connection may stay unusable; a new one costs nothing."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def close(self) -> None:
        """Closing again does nothing."""
        self.disconnect()

    def _connect(self) -> sqlite3.Connection:
        self._begin()
        # The thread that opened it may end before the one that closes it; never two at a time.
        db = sqlite3.connect(self.path, timeout=self._busy_s, check_same_thread=False)
        try:
            if self._is_log and db.execute("PRAGMA auto_vacuum").fetchone() != (_INCREMENTAL,):
                # Has to be said before the file's first page is written, which the next line does.
                db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(f"PRAGMA synchronous = {'NORMAL' if self._is_log else 'FULL'}")
            # Who only looks at a log waits for nobody who writes it.
            if not (self._is_log and _is_current(db, self._migrations)):
                _migrate(db, self.path, self._migrations, self._setting)
        except BaseException:
            db.close()
            raise
        return db

    def _begin(self) -> None:
        """Make the file for its owner alone: it has names of users, or digests of keys. What is there stays as it is.

        SQLite gives the files that it puts beside it the same mode.
        """
        if not self.path.exists():
            # What is wrong SQLite says, who asks next.
            with suppress(OSError):
                self.path.touch(mode=0o600)


def beside(path: Path, what: str) -> Path:
    """A file of the same folder that belongs to ``path``: ``data/sluice.db`` has ``data/sluice-spend.db``."""
    return path.with_name(f"{path.stem}-{what}{path.suffix}")


def _is_current(db: sqlite3.Connection, migrations: Migrations) -> bool:
    """Whether there is nothing to migrate."""
    try:
        return bool(db.execute("SELECT version FROM schema_version").fetchone() == (len(migrations),))
    except sqlite3.OperationalError:
        # Most likely it has no such table. What else is wrong comes up again.
        return False


def _migrate(db: sqlite3.Connection, path: Path, migrations: Migrations, setting: str) -> None:
    """Bring the file at ``path`` to the last schema, whole or not at all.

    Raises StoreUnavailable for a file of another program or of a newer release, sqlite3.Error for a disk that takes no
    write.
    """
    with closing(db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")) as found:
        tables = {name for (name,) in found}
    if tables and "schema_version" not in tables:
        raise StoreUnavailable(f"{path} is a database of some other program. Choose another file in {setting}.")
    with db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
        row = db.execute("SELECT version FROM schema_version").fetchone()
        version = row[0] if row else 0
        if version > len(migrations):
            raise StoreUnavailable(
                f"{path} was written by a newer release (schema {version}, this one knows {len(migrations)}). "
                f"Run that release, or choose another file in {setting}."
            )
        for statement in chain.from_iterable(migrations[version:]):
            db.execute(statement)
        # Written at each start, needed or not: a disk that takes no write is found out now, not under traffic.
        db.execute("DELETE FROM schema_version")
        db.execute("INSERT INTO schema_version VALUES (?)", (len(migrations),))
