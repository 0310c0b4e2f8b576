"""A SQLite file that one process owns: locked, migrated, in WAL mode, each commit flushed to the disk.

Everything here blocks, and is for one thread.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from gateway.core.errors import StoreUnavailable
from gateway.core.migrations import Migrations, migrate


class SqliteFile:
    """The connection, opened again after an error.

    A second process is kept out by a lock on a file beside it, ``<name>.lock``, which ends with the process that holds
    it, however that ends; ``in_use`` tells it what to do. The database itself stays readable for others (backups, a
    shell). ``setting`` is where the file is named.
    """

    def __init__(self, path: Path, migrations: Migrations, *, setting: str, in_use: str, busy_s: float = 1.0) -> None:
        self.path = path
        self._migrations = migrations
        self._setting = setting
        self._in_use = in_use
        self._busy_s = busy_s
        self._lock: sqlite3.Connection | None = None
        self._db: sqlite3.Connection | None = None

    @property
    def is_open(self) -> bool:
        return self._db is not None

    def open(self) -> sqlite3.Connection:
        """Make the folder, lock and migrate. Raises StoreUnavailable, sqlite3.Error or OSError: close it then."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self._locked()
        return self.connection()

    def connection(self) -> sqlite3.Connection:
        """The one that is open, or a new one. Raises sqlite3.Error."""
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
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _connect(self) -> sqlite3.Connection:
        # The thread that opened it may end before the one that closes it; never two at a time.
        db = sqlite3.connect(self.path, timeout=self._busy_s, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            migrate(db, self.path, self._migrations, self._setting)
        except BaseException:
            db.close()
            raise
        return db

    def _locked(self) -> sqlite3.Connection:
        lock = sqlite3.connect(f"{self.path}.lock", timeout=0, check_same_thread=False)
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            lock.close()
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            raise StoreUnavailable(f"{self.path} is in use by another running gateway. {self._in_use}") from None
        return lock
