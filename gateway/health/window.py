"""Successes and failures of the last so many seconds."""

from __future__ import annotations

BUCKETS = 6


class Window:
    """A sliding count in ``BUCKETS`` steps: what is counted leaves after ``span_s``, at most a step early."""

    __slots__ = ("_bad", "_step", "_step_s", "_total", "failures", "volume")

    def __init__(self, span_s: float) -> None:
        self._step_s = span_s / BUCKETS
        self.clear()

    def clear(self) -> None:
        self._step = 0
        self._total = [0] * BUCKETS
        self._bad = [0] * BUCKETS
        self.volume = 0
        """Counted in the span, as of the last ``add``."""
        self.failures = 0

    def add(self, now: float, *, failed: bool) -> None:
        step = int(now / self._step_s)
        if step != self._step:
            self._move_to(step)
        place = step % BUCKETS
        self._total[place] += 1
        self.volume += 1
        if failed:
            self._bad[place] += 1
            self.failures += 1

    def _move_to(self, step: int) -> None:
        for passed in range(max(self._step + 1, step - BUCKETS + 1), step + 1):
            place = passed % BUCKETS
            self.volume -= self._total[place]
            self.failures -= self._bad[place]
            self._total[place] = self._bad[place] = 0
        self._step = step
