"""One connection to the log's file, which may be deleted, replaced or damaged at any time: it is only a log."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.core.sqlite import SqliteFile, beside
from gateway.telemetry.calls.schema import MIGRATIONS

ASIDE = ".corrupt"
"""What is appended to the name of a file that can't be read, of which there is one at a time."""
_WAL_BYTES = 8_000_000
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_CODE = 0xFF
"""What the low bits of an extended code say."""
_log = logging.getLogger("sluice.calls")


class LogFile:
    """For one thread. Whatever goes wrong, the next one who asks begins with a new connection."""

    def __init__(self, path: Path, *, busy_s: float = 2.0) -> None:
        self.path = path
        self._file = SqliteFile(path, MIGRATIONS, setting="calls.path", busy_s=busy_s, is_log=True)
        self._inode: int | None = None

    @property
    def exists(self) -> bool:
        return self.path.exists()

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """A connection to the file that is at the path now, made if there is none. Raises StoreUnavailable,
        sqlite3.Error and OSError.
        """
        try:
            yield self._connection()
        except sqlite3.Error as error:
            self._file.disconnect()
            if getattr(error, "sqlite_errorcode", 0) & _CODE in _DAMAGED:
                self._set_aside(error)
            raise

    def close(self) -> None:
        self._file.close()

    def _connection(self) -> sqlite3.Connection:
        if self._file.is_open and _inode(self.path) != self._inode:
            self._file.disconnect()
        if not self._file.is_open:
            # Noted before it is opened: what can't even be opened is set aside too.
            self._inode = _inode(self.path)
            db = self._file.open()
            self._inode = _inode(self.path)
            # A WAL that a long question or a large batch has grown shrinks again.
            db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        return self._file.connection()

    def _set_aside(self, error: sqlite3.Error) -> None:
        """Unless somebody else has done so: what is at the path now is another file then."""
        if self._inode is None or _inode(self.path) != self._inode:
            return
        aside = self.path.with_name(self.path.name + ASIDE)
        # Of each part there may be none, or another worker may be faster.
        for part in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(self.path.name + part).replace(aside.with_name(aside.name + part))
        with contextlib.suppress(FileNotFoundError):
            self.path.with_name(f"{self.path.name}-shm").unlink()
        _log.error("the log of calls is damaged (%s): it was moved to %s, and a new one is begun", error, aside)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def calls_file(path: str, state_url: str) -> Path | None:
    """Where the log is by ``calls.path`` and ``state.url``; None: in a temporary file, of whoever runs."""
    if path:
        return Path(path)
    scheme, _, store = state_url.partition(":///")
    return beside(Path(store), "calls") if scheme == "sqlite" else None
