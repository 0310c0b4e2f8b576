"""A clock that stands still until a test moves it."""

from __future__ import annotations

import time


class FrozenClock:
    def __init__(self, at: float = 1_700_000_000.0) -> None:
        self._monotonic = 1_000.0
        self._time = at

    def monotonic(self) -> float:
        return self._monotonic

    def time(self) -> float:
        return self._time

    def advance(self, seconds: float) -> None:
        self._monotonic += seconds
        self._time += seconds


class MovableClock:
    """A clock that runs, and that a test may move on. It begins at ``at``, seconds since the epoch."""

    def __init__(self, at: float = 1_700_000_000.0) -> None:
        self._started = time.monotonic()
        self._moved = 0.0
        self._at = at

    def monotonic(self) -> float:
        return time.monotonic() + self._moved

    def time(self) -> float:
        return self._at + time.monotonic() - self._started + self._moved

    def advance(self, seconds: float) -> None:
        self._moved += seconds
