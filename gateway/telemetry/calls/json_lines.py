"""Adds each call to a file, as a line of JSON: the one that the request log has.

The file is for whoever reads it to move away: it is looked at before each batch, and made anew if it is gone. Without
anybody, it is renamed to ``<name>.1`` at its size, in place of the one of that name. Several processes may write one
file; a batch is one write to its end, so that no line is in another.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from gateway.core.types import Outcome
from gateway.telemetry.request_log import json_line

_MODE = 0o640
"""Lines have names of users. Whoever ships them is in the group."""


class JsonLines:
    """For one thread. At most two files of ``max_bytes`` each; what is no plain file is never renamed."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._fd: int | None = None
        self._is_torn = False
        """The last write ended within a line."""

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Raises OSError; the next time it begins with the file anew."""
        lines = b"".join([json_line(outcome) for outcome in outcomes])
        try:
            self._write(lines)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _write(self, lines: bytes) -> None:
        fd = self._opened()
        if self._is_torn:
            lines = b"\n" + lines
        written = os.write(fd, lines)
        self._is_torn = written < len(lines)
        if not self._is_torn:
            return
        rest = memoryview(lines)[written:]
        while rest:
            # A disk that is full says so at the second write.
            rest = rest[os.write(fd, rest) :]
        self._is_torn = False

    def _opened(self) -> int:
        """The file that is at the path now, with room in it."""
        while True:
            if self._fd is not None and not self._is_there(self._fd):
                self.close()
            if self._fd is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
            found = os.fstat(self._fd)
            self._is_torn = self._is_torn and found.st_size > 0
            if found.st_size < self._max_bytes or not stat.S_ISREG(found.st_mode):
                return self._fd
            self._rename(self._fd)

    def _rename(self, fd: int) -> None:
        # Of several processes that find it full one renames it; the others find another file there.
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            if self._is_there(fd):
                # Where a link leads, or the link alone would be moved, and the file it leads to stay for ever.
                place = self._path.resolve()
                place.replace(place.with_name(f"{place.name}.1"))
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)

    def _is_there(self, fd: int) -> bool:
        try:
            there = self._path.stat()
        except OSError:
            return False
        own = os.fstat(fd)
        return (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino)

    def __repr__(self) -> str:
        return f"<JsonLines {self._path}>"
