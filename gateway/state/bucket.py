"""How a Rate is counted: a bucket that fills as calls take and drains evenly, exact to the unit.

The level is kept as an integer of ``amount x period`` in microseconds, which drains by ``limit`` a microsecond: no
division, so no rounding that lets one more in. (The same law as GCRA, ITU-T I.371, read as a leaky bucket.)
"""

from __future__ import annotations

from gateway.state.base import Claim, Level, Rate

US = 1_000_000
"""Microseconds a second."""


class Bucket:
    """One Rate counter.

    What a settlement gives back lowers the level, never below empty: over any time from the first call on, no more is
    used than the limit and what has drained since. Inside that time a burst can reach twice the limit, where calls
    that held much and used little end late.
    """

    __slots__ = ("_at_us", "_capacity", "_level", "_limit", "_open", "_period_us", "_rule")

    def __init__(self, rule: Rate, now_us: int) -> None:
        self._at_us = now_us
        self._open = 0
        self._level = 0
        self._period_us = 1
        self._use(rule)

    def take(self, claim: Claim, now_us: int, now_s: float, id: str) -> Bucket | None:  # noqa: ARG002  one shape for all
        rule = claim.rule
        if rule is not self._rule:
            self._drain(now_us)
            self._use(rule)  # type: ignore[arg-type]  # the table that found this counter is for rates alone
        level = self._level - (now_us - self._at_us) * self._limit
        if level < 0:  # noqa: PLR1730  max() costs a call, here at each request
            level = 0
        self._at_us = now_us
        wanted = level + claim.amount * self._period_us
        if wanted > self._capacity and claim.amount:
            self._level = level
            return None
        self._level = wanted
        self._open += 1
        return self

    def settle(self, id: str, held: int, amount: int, now_us: int) -> None:  # noqa: ARG002  one shape for all
        self._open -= 1
        if amount != held:
            # Drained up to now first: a debt must not be paid with time that went by before it.
            self._drain(now_us)
            self._level = max(0, self._level + (amount - held) * self._period_us)

    def expire(self, held: int) -> None:  # noqa: ARG002  one shape for all
        """What was taken drains as it is."""
        self._open -= 1

    def level(self, claim: Claim, now_us: int, now_s: float) -> Level:  # noqa: ARG002  one shape for all
        level = self._level - (now_us - self._at_us) * self._limit
        if level <= 0:
            return Level(claim.rule.limit, 0, 0, 0.0)
        reset_s = level / (self._limit * US) if self._limit else None
        return Level(claim.rule.limit, -(-level // self._period_us), 0, reset_s)

    def wait_s(self, claim: Claim, amount: int, now_us: int, now_s: float) -> float | None:  # noqa: ARG002  one shape
        """Seconds until ``amount`` would fit; None for never."""
        if amount > self._limit or not self._limit:
            return None
        self._drain(now_us)
        over = self._level + amount * self._period_us - self._capacity
        return max(0, -(-over // self._limit)) / US

    def is_idle(self, now_us: int, now_s: float) -> bool:  # noqa: ARG002  one shape for all
        """A new counter would stand the same, and nobody will come to settle with this one."""
        return not self._open and self._level <= (now_us - self._at_us) * self._limit

    def _drain(self, now_us: int) -> None:
        self._level = max(0, self._level - (now_us - self._at_us) * self._limit)
        self._at_us = now_us

    def _use(self, rule: Rate) -> None:
        period_us = max(1, round(rule.period_s * US))
        self._level = -(-self._level * period_us // self._period_us)
        self._rule = rule
        self._limit = rule.limit
        self._period_us = period_us
        self._capacity = rule.limit * period_us
