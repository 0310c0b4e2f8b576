"""The time, as a thing that is handed in: nothing below the factory asks the operating system for it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Protocol

Sleep = Callable[[float], Awaitable[None]]
"""Waits so many seconds, and lets others run meanwhile."""


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds that only ever grow; for durations and deadlines. The event loop's own clock ticks the same."""
        ...

    def time(self) -> float:
        """Seconds since the epoch, UTC; for windows and records."""
        ...


class SystemClock:
    """The machine's clocks."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
