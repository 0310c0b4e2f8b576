"""Writes log lines from a thread, so that no call ever waits for whoever reads them."""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from gateway.telemetry.batches import Batches

_log = logging.getLogger(__name__)

_T = TypeVar("_T")
_Line = tuple[Callable[[Any], bytes], Any]


class LogWriter:
    """A bounded queue of lines, and the thread that encodes them and writes them to the file descriptor ``fd``.

    ``put`` never blocks and never raises: a pipe that nobody reads, a full disk or a closed terminal costs lines,
    counted in ``dropped``. The rest is as ``Batches`` has it.
    """

    def __init__(self, fd: int = 2, *, capacity: int = 10_000, linger_s: float = 0.25) -> None:
        self._fd = fd
        self._capacity = capacity
        self._unwritten = 0
        self._reported = 0
        # Encoding a batch takes well under a millisecond of the interpreter lock, which the loop wants back.
        self._queue: Batches[_Line] = Batches("sluice-log", self._take, capacity=capacity, linger_s=linger_s)

    @property
    def dropped(self) -> int:
        """Lines lost so far: pushed out of a full queue, or refused by the file."""
        return self._queue.dropped + self._unwritten

    def put(self, encode: Callable[[_T], bytes], item: _T) -> None:
        """Queue the line ``encode(item)``, line end included; it is encoded in the thread."""
        self._queue.put((encode, item))

    def flush(self, timeout_s: float = 1.0) -> bool:
        """Wait until what was put before is written; False if that took longer."""
        return self._queue.flush(timeout_s)

    def close(self, timeout_s: float = 2.0) -> bool:
        """Write what is queued and end the thread; False if the file would not take it in time. The file stays open."""
        return self._queue.close(timeout_s)

    def _take(self, lines: Sequence[_Line]) -> None:
        batch = self._encoded(lines)
        if not self._write(b"".join(batch)):
            self._unwritten += len(batch)
        # Said only where someone listens: to a dead reader this line too would be lost, and call for the next.
        elif self.dropped != self._reported:
            lost, self._reported = self.dropped - self._reported, self.dropped
            _log.warning("%d log lines were lost: their reader is too slow or was gone", lost)

    def _encoded(self, lines: Sequence[_Line]) -> list[bytes]:
        batch = []
        for encode, item in lines:
            try:
                batch.append(encode(item))
            except Exception:  # noqa: BLE001  one bad line must not cost the others
                self._unwritten += 1
                _log.exception("a log line could not be encoded")
        return batch

    def _write(self, data: bytes) -> bool:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:
                # A terminal that another program made non-blocking.
                select.select([], [self._fd], [], 1.0)
            except OSError:
                return False
        return True

    def __repr__(self) -> str:
        return f"<LogWriter to fd {self._fd}: {self._queue.backlog} of {self._capacity} queued, {self.dropped} dropped>"
