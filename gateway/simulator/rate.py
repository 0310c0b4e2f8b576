"""Requests a minute, as the virtual scheduling of GCRA: one number of state. Source: ITU-T I.371, annex A."""

from __future__ import annotations

MINUTE_S = 60.0


class Rate:
    """A bucket of a minute's requests that starts full and refills evenly."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due = 0.0

    def wait_s(self, rpm: int, now: float) -> float | None:
        """Take one request; or, if there is none to take, the seconds until there is."""
        interval = MINUTE_S / rpm
        due = max(self._due, now)
        wait = due - now - (MINUTE_S - interval)
        if wait > 1e-9:
            return wait
        self._due = due + interval
        return None
