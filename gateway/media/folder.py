"""Pictures as files of one folder: each there whole or not at all, and for so long.

All of it blocks: who must not wait calls it in a thread. Several processes may share a folder; each looks now and then
for what the others keep, so together they may pass the bound for a minute.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gateway.core.clock import Clock
from gateway.core.errors import NotKept

_NAME = re.compile(r"[0-9a-f]{32}\.(?:png|jpeg|webp)")
_DRAFT = ".draft"
DRAFT_S = 3_600.0
"""A draft older than this is of a process that died over it."""


class Folder:
    """Files of at most ``max_bytes`` in all, each kept for ``keep_s``; where there is no room the oldest go first."""

    def __init__(self, path: Path, *, max_bytes: int, keep_s: float, clock: Clock) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._keep_s = keep_s
        self._time = clock.time
        self._lock = threading.Lock()
        self._sizes: dict[str, int] = {}
        """By name, oldest first."""
        self._used = 0

    def open(self) -> None:
        """Make the folder and look what is in it. Raises OSError if that can't be, or nothing could be kept there."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = self.path / f"{secrets.token_hex(16)}{_DRAFT}"
        _write(probe, b"")
        probe.unlink()
        self.sweep()

    def keep(self, data: bytes, ending: str) -> str:
        """Keep ``data``; its new name, which can't be guessed. Raises NotKept, and then nothing of it is left."""
        name = f"{secrets.token_hex(16)}.{ending}"
        draft = self.path / (name + _DRAFT)
        now = self._time()
        with self._lock:
            self._make_room(len(data))
            try:
                # Not synced: after a power cut a picture may be gone, as all are within the hour.
                _write(draft, data)
                os.utime(draft, (now, now))
                draft.replace(self.path / name)
            except OSError as error:
                with contextlib.suppress(OSError):
                    draft.unlink(missing_ok=True)
                raise NotKept(f"the media store can't write: {error.strerror or 'its disk failed'}") from error
            self._note(name, len(data))
        return name

    def file(self, name: str) -> BinaryIO | None:
        """The picture of this name, to be read and closed; None if there is none (any more)."""
        if not _NAME.fullmatch(name):
            return None
        try:
            return os.fdopen(os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW), "rb")
        except OSError:
            return None

    def sweep(self) -> None:
        """Take away what has expired, and see what is there."""
        now = self._time()
        with self._lock:
            self._sizes.clear()
            self._used = 0
            for written, name, size in sorted(self._seen(now)):
                if written + self._keep_s <= now:
                    self._remove(name)
                else:
                    self._note(name, size)
            self._make_room(0)

    def _seen(self, now: float) -> Iterator[tuple[float, str, int]]:
        """When each picture was written, its name and its size. Old drafts go by the way; what is not ours stays."""
        with os.scandir(self.path) as entries:
            for entry in entries:
                try:
                    found = entry.stat(follow_symlinks=False)
                except OSError:
                    continue  # another process was quicker
                if _NAME.fullmatch(entry.name):
                    yield found.st_mtime, entry.name, found.st_size
                elif entry.name.endswith(_DRAFT) and found.st_mtime + DRAFT_S <= now:
                    self._remove(entry.name)

    def _make_room(self, size: int) -> None:
        if size > self._max_bytes:
            raise NotKept(f"the media store takes no picture of {size / 1e6:.1f} MB")
        while self._sizes and self._used + size > self._max_bytes:
            oldest = next(iter(self._sizes))
            self._used -= self._sizes.pop(oldest)
            self._remove(oldest)

    def _note(self, name: str, size: int) -> None:
        self._sizes[name] = size
        self._used += size

    def _remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            (self.path / name).unlink()

    def __repr__(self) -> str:
        return f"<Folder {self.path}: {len(self._sizes)} pictures, {self._used} bytes>"


def _write(path: Path, data: bytes) -> None:
    """A new file that only this user can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
