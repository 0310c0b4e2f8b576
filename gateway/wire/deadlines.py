"""One coarse timer for everything that waits on a provider.

A timer of its own for each wait costs 7 µs a call. Here a wait costs one attribute, ``due``, that its owner moves as
it likes, and a wheel of slots looks at each watched thing about once a turn, or when it is due. An entry that was
postponed in between is simply put back, so moving ``due`` later costs nothing.

After Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987), scheme 6, with revisits for the hierarchy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from gateway.core.clock import Clock

T = TypeVar("T")

NEVER = float("inf")


class Watched:
    """Something with a time by which it must be over. Moving ``due`` to before ``visit_at`` takes ``Wheel.hasten``."""

    __slots__ = ("due", "slot", "visit_at")

    def __init__(self) -> None:
        self.due = NEVER
        self.visit_at = NEVER
        self.slot = -1
        """The wheel's own mark: in which of its slots this is, -1 while in none."""

    def expire(self) -> None:
        """``due`` has passed. Setting it to a later time asks to be watched on."""
        raise NotImplementedError


class Expired(Exception):
    """What ``Wheel.bounded`` waited for was cancelled: it did not end in time."""


class Wheel:
    """Calls ``expire`` on each watched thing at most one tick after it was due.

    Ticks only while something is watched. Tests move the clock and call ``tick`` by hand.
    """

    def __init__(self, clock: Clock, *, tick_s: float = 0.05, slots: int = 32) -> None:
        self._now = clock.monotonic
        self._tick_s = tick_s
        self._slots: list[set[Watched]] = [set() for _ in range(slots)]
        self._position = 0
        self._watched = 0
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, entry: Watched) -> None:
        if self._timer is None:
            self._position = int(self._now() / self._tick_s)
            self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._run)
        self._watched += 1
        self._place(entry)

    def forget(self, entry: Watched) -> None:
        """Stop watching; does nothing if it isn't watched."""
        if entry.slot < 0:
            return
        self._slots[entry.slot].discard(entry)
        entry.slot = -1
        entry.visit_at = NEVER
        self._watched -= 1

    def hasten(self, entry: Watched) -> None:
        """``entry.due`` has moved to before its next visit."""
        if entry.slot >= 0:
            self._slots[entry.slot].discard(entry)
            self._place(entry)

    def tick(self) -> None:
        """Visit every slot whose time has come."""
        now = self._now()
        current = int(now / self._tick_s)
        count = len(self._slots)
        for position in range(max(self._position + 1, current - count + 1), current + 1):
            self._position = position
            slot = self._slots[position % count]
            # One by one, since an expiry may end other entries; what is put back never lands in this same slot.
            while slot:
                self._visit(slot.pop(), now)

    def close(self) -> None:
        """Stop ticking. What is still watched is not called."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def bounded(self, work: Coroutine[Any, Any, T], due: float) -> T:
        """What ``work`` returns; once ``due`` has passed it is cancelled, and this raises Expired. For rare steps."""
        task = asyncio.get_running_loop().create_task(work)
        bound = _Bound(task, due)
        self.watch(bound)
        try:
            return await task
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            # Expired and cancelled at once: the caller's own cancellation must not be swallowed.
            if caller is None or caller.cancelling():
                raise
            raise Expired from None
        finally:
            self.forget(bound)

    def _visit(self, entry: Watched, now: float) -> None:
        entry.slot = -1
        entry.visit_at = NEVER
        self._watched -= 1
        if entry.due <= now:
            entry.expire()
        if entry.due > now and entry.slot < 0:
            self._watched += 1
            self._place(entry)

    def _place(self, entry: Watched) -> None:
        farthest = self._position + len(self._slots) - 1
        position = farthest
        if entry.due < farthest * self._tick_s:
            position = max(int(entry.due / self._tick_s), self._position) + 1
        entry.slot = position % len(self._slots)
        entry.visit_at = position * self._tick_s
        self._slots[entry.slot].add(entry)

    def _run(self) -> None:
        self.tick()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._tick_s, self._run) if self._watched else None

    def __repr__(self) -> str:
        return f"<Wheel {self._watched} watched, {'ticking' if self._timer else 'at rest'}>"


class _Bound(Watched):
    __slots__ = ("task",)

    def __init__(self, task: asyncio.Task[Any], due: float) -> None:
        super().__init__()
        self.task = task
        self.due = due

    def expire(self) -> None:
        self.task.cancel()
