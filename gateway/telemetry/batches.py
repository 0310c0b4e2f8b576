"""A bounded queue, and the thread that empties it: what stands between calls and whatever may be slow."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Batches(Generic[_T]):
    """Hands what is ``put`` to ``write`` in batches, in a thread of its own, named ``name``.

    ``put`` never blocks and never raises, from whatever thread: a sink that is slow or gone costs items, counted in
    ``dropped``, and no call a microsecond. When the queue is full, its oldest goes. After ``close``, nothing is taken.

    ``write`` gets at most ``batch`` items. If it raises, they are lost and counted, and that is told once, until it
    goes well again. What comes within ``linger_s`` is written together: under load the thread wakes a few times a
    second, not at each call; at rest, never. Made after a fork, not before it.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Sequence[_T]], None],
        *,
        capacity: int = 10_000,
        batch: int = 128,
        linger_s: float = 0.05,
    ) -> None:
        self.name = name
        self._write = write
        self._capacity = capacity
        self._batch = batch
        self._linger_s = linger_s
        self._items: deque[_T] = deque(maxlen=capacity)
        # SimpleQueue.put is reentrant: a finalizer that logs while this thread is inside put can't deadlock it.
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._is_rung = False
        self._flushes: deque[threading.Event] = deque()
        self._is_closing = False
        self._is_failing = False
        self._overflowed = 0
        self._failed = 0
        self.written = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Items lost so far: pushed out of a full queue, or not taken by the sink."""
        return self._overflowed + self._failed

    @property
    def backlog(self) -> int:
        return len(self._items)

    def put(self, item: _T) -> None:
        items = self._items
        if len(items) == self._capacity:
            self._overflowed += 1
        items.append(item)
        if not self._is_rung:
            self._is_rung = True
            self._bell.put(None)

    def flush(self, timeout_s: float = 1.0) -> bool:
        """Wait until what was put before is written; False if that took longer."""
        if not self._thread.is_alive() or threading.current_thread() is self._thread:
            return not self._items
        done = threading.Event()
        self._flushes.append(done)
        self._bell.put(None)
        return done.wait(timeout_s)

    def close(self, timeout_s: float = 2.0) -> bool:
        """Write what is queued and end the thread; False if the sink would not take it in time."""
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
        # Not until it is empty: what comes while this runs is the next round's, or a flush might never return.
        left = len(self._items)
        while left > 0:
            batch = self._taken(min(left, self._batch))
            left -= self._batch
            if batch:
                self._hand_over(batch)

    def _taken(self, count: int) -> list[_T]:
        batch: list[_T] = []
        try:
            for _ in range(count):
                batch.append(self._items.popleft())  # noqa: PERF401  what was taken must not be lost with the error
        except IndexError:
            pass
        return batch

    def _hand_over(self, batch: list[_T]) -> None:
        try:
            self._write(batch)
        except Exception as error:  # noqa: BLE001  a bad batch, or a sink that is gone, must not end the thread
            self._failed += len(batch)
            if not self._is_failing:
                self._is_failing = True
                # The items stay out of the line: they may hold what clients wrote.
                _log.warning("%s: %d items were lost: %s: %s", self.name, len(batch), type(error).__name__, error)
        else:
            self.written += len(batch)
            if self._is_failing:
                self._is_failing = False
                _log.warning("%s: written again; %d items were lost in all", self.name, self.dropped)

    def __repr__(self) -> str:
        return f"<Batches {self.name}: {self.backlog} of {self._capacity} queued, {self.dropped} dropped>"
