"""A clock that stands still until a test moves it."""

from __future__ import annotations


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
