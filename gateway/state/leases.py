"""How Slots are counted: each taken slot is a lease, which ends when it is given back or when its time is up."""

from __future__ import annotations

import math

from gateway.state.base import Claim, Level, Slots
from gateway.state.bucket import US


class Leases:
    """One Slots counter."""

    __slots__ = ("_leases", "_next_us", "_taken")

    def __init__(self) -> None:
        self._leases: dict[str, tuple[float, int]] = {}
        self._taken = 0
        self._next_us = math.inf
        """No lease ends before this; it may be early, never late."""

    def take(self, claim: Claim, now_us: int, now_s: float, id: str) -> Leases | None:  # noqa: ARG002  one shape for all
        if now_us >= self._next_us:
            self._collect(now_us)
        rule: Slots = claim.rule  # type: ignore[assignment]  # the table that found this counter is for slots alone
        amount = claim.amount
        taken = self._taken + amount
        if taken > rule.limit and amount:
            return None
        self._taken = taken
        ends_us = now_us + rule.lease_s * US
        ends_us, amount = self._joined(id, ends_us, amount) if id in self._leases else (ends_us, amount)
        self._leases[id] = (ends_us, amount)
        if ends_us < self._next_us:  # noqa: PLR1730  min() costs a call, here at each request
            self._next_us = ends_us
        return self

    def settle(self, id: str, held: int, amount: int, now_us: int) -> None:  # noqa: ARG002  one shape for all
        # All slots that one reservation has here come back at once; one whose lease is over came back before.
        lease = self._leases.pop(id, None)
        if lease is not None:
            self._taken -= lease[1]

    def expire(self, held: int) -> None:
        """A slot has a lease of its own."""

    def level(self, claim: Claim, now_us: int, now_s: float) -> Level:  # noqa: ARG002  one shape for all
        if now_us >= self._next_us:
            self._collect(now_us)
        return Level(claim.rule.limit, self._taken, self._taken, None)

    def wait_s(self, claim: Claim, amount: int, now_us: int, now_s: float) -> float | None:  # noqa: ARG002  one shape
        """Not known: a slot is free when some call ends."""
        return None

    def is_idle(self, now_us: int, now_s: float) -> bool:  # noqa: ARG002  one shape for all
        """A new counter would stand the same."""
        if now_us >= self._next_us:
            self._collect(now_us)
        return not self._leases

    def _joined(self, id: str, ends_us: float, amount: int) -> tuple[float, int]:
        earlier_us, earlier = self._leases[id]
        return max(earlier_us, ends_us), earlier + amount

    def _collect(self, now_us: int) -> None:
        over = [id for id, (ends_us, _) in self._leases.items() if ends_us <= now_us]
        for id in over:
            self._taken -= self._leases.pop(id)[1]
        self._next_us = min((ends_us for ends_us, _ in self._leases.values()), default=math.inf)
