"""A SQLite file that one process has for itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from gateway.core.errors import StoreUnavailable
from gateway.core.sqlite import Migrations, SqliteFile


class LockedFile(SqliteFile):
    """A second process is kept out by a lock on a file beside it, ``<name>.lock``, which ends with the process that
    holds it, however that ends; ``in_use`` tells it what to do. The database itself stays readable for others (backups,
    a shell).
    """

    def __init__(self, path: Path, migrations: Migrations, *, setting: str, in_use: str, busy_s: float = 1.0) -> None:
        super().__init__(path, migrations, setting=setting, busy_s=busy_s)
        self._in_use = in_use
        self._lock: sqlite3.Connection | None = None

    def open(self) -> sqlite3.Connection:
        """Make the folder, lock, connect and migrate. Raises as SqliteFile does: close it then."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self._locked()
        return self.connection()

    def close(self) -> None:
        super().close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

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
