"""Writes log lines from a thread, so that no call ever waits for whoever reads them."""

from __future__ import annotations

import logging
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

_log = logging.getLogger(__name__)

_T = TypeVar("_T")
_BATCH = 128
"""Lines a write. Encoding them takes well under a millisecond of the interpreter lock, which the loop wants back."""


class LogWriter:
    """A bounded queue of lines, and the thread that encodes them and writes them to the file descriptor ``fd``.

    ``put`` never blocks and never raises, from whatever thread: a pipe that nobody reads, a full disk or a closed
    terminal costs lines, counted in ``dropped``, and no call a microsecond. When the queue is full its oldest line
    goes. What is put after ``close`` is not written.

    Lines that come within ``linger_s`` share one write: under load the thread wakes twenty times a second, not at each
    call; at rest, never. Made after a fork, not before it.
    """

    def __init__(self, fd: int = 2, *, capacity: int = 10_000, linger_s: float = 0.05) -> None:
        self._fd = fd
        self._capacity = capacity
        self._linger_s = linger_s
        self._lines: deque[tuple[Callable[[Any], bytes], Any]] = deque(maxlen=capacity)
        # SimpleQueue.put is reentrant: a finalizer that logs while this thread is inside put can't deadlock it.
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._is_rung = False
        self._flushes: deque[threading.Event] = deque()
        self._is_closing = False
        self._overflowed = 0
        self._unwritten = 0
        self._reported = 0
        self._thread = threading.Thread(target=self._run, name="sluice-log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines lost so far: pushed out of a full queue, or refused by the file."""
        return self._overflowed + self._unwritten

    def put(self, encode: Callable[[_T], bytes], item: _T) -> None:
        """Queue the line ``encode(item)``, line end included; it is encoded in the thread."""
        lines = self._lines
        if len(lines) == self._capacity:
            self._overflowed += 1
        lines.append((encode, item))
        if not self._is_rung:
            self._is_rung = True
            self._bell.put(None)

    def flush(self, timeout_s: float = 1.0) -> bool:
        """Wait until what was put before is written; False if that took longer."""
        if not self._thread.is_alive() or threading.current_thread() is self._thread:
            return not self._lines
        done = threading.Event()
        self._flushes.append(done)
        self._bell.put(None)
        return done.wait(timeout_s)

    def close(self, timeout_s: float = 2.0) -> bool:
        """Write what is queued and end the thread; False if the file would not take it in time. The file stays open."""
        self._is_closing = True
        self._bell.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self._bell.get()
            if not (self._flushes or self._is_closing):
                self._linger()
            self._is_rung = False
            is_last = self._is_closing
            waiting = [self._flushes.popleft() for _ in range(len(self._flushes))]
            self._drain()
            for done in waiting:
                done.set()
            if is_last:
                return

    def _linger(self) -> None:
        # While the bell counts as rung, only a flush or the close rings it again: those cut the wait short.
        try:
            self._bell.get(timeout=self._linger_s)
        except Empty:
            return

    def _drain(self) -> None:
        # Not until it is empty: lines that come while this runs are the next round's, or a flush might never return.
        left = len(self._lines)
        is_read = False
        while left > 0:
            batch = self._encoded(min(left, _BATCH))
            left -= _BATCH
            if not self._write(b"".join(batch)):
                self._unwritten += len(batch)
            else:
                is_read = True
        # Said only where someone listens: to a dead reader this line too would be lost, and call for the next.
        if is_read and self.dropped != self._reported:
            lost, self._reported = self.dropped - self._reported, self.dropped
            _log.warning("%d log lines were lost: their reader is too slow or was gone", lost)

    def _encoded(self, count: int) -> list[bytes]:
        batch = []
        for _ in range(count):
            try:
                encode, item = self._lines.popleft()
            except IndexError:
                break
            try:
                batch.append(encode(item))
            except Exception:  # noqa: BLE001  one bad line must not end the thread
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
        return f"<LogWriter to fd {self._fd}: {len(self._lines)} of {self._capacity} queued, {self.dropped} dropped>"
