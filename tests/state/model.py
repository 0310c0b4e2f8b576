"""What a store should do, told the slow way: every answer is reckoned anew from all that ever happened."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

from gateway.state.base import Claim, Rate, Reservation, Slots, Spend

DAY_S = 86_400


@dataclass
class Entry:
    """One claim that was taken."""

    reservation_id: str
    claim: Claim
    at: Fraction
    day: int
    order: int
    settled: tuple[Fraction, int, int] | None = None
    """When, to which amount, and its place in the order of all that happened."""
    corrected: int | None = None
    """What was spent in truth, where that was told only after the worst case had been charged."""

    @property
    def spent(self) -> int:
        """Or held."""
        if self.settled:
            return self.settled[1]
        return self.claim.amount if self.corrected is None else self.corrected


@dataclass
class Model:
    hold_lease_s: int
    entries: list[Entry] = field(default_factory=list)
    order: int = 0

    def hold(self, reservations: list[Reservation], at: Fraction, day: int) -> Claim | None:
        """Take all; or answer with the first claim that does not fit."""
        kept = len(self.entries)
        for reservation in reservations:
            for claim in reservation.claims:
                if claim.amount and self.used_exactly(claim, at, day) + claim.amount > claim.rule.limit:
                    del self.entries[kept:]
                    return claim
                self.order += 1
                self.entries.append(Entry(reservation.id, claim, at, day, self.order))
        return None

    def settle(self, reservation_id: str, amounts: list[int], at: Fraction) -> None:
        mine = [entry for entry in self.entries if entry.reservation_id == reservation_id]
        if not mine or any(entry.settled or entry.corrected is not None for entry in mine):
            return
        if any(at - entry.at >= self.hold_lease_s for entry in mine):
            for entry, amount in zip(mine, amounts, strict=True):
                entry.corrected = amount
            return
        for entry, amount in zip(mine, amounts, strict=True):
            self.order += 1
            entry.settled = (at, amount, self.order)

    def used(self, claim: Claim, at: Fraction, day: int) -> int:
        return math.ceil(self.used_exactly(claim, at, day))

    def held(self, claim: Claim, at: Fraction, day: int) -> int:
        if isinstance(claim.rule, Rate):
            return 0
        if isinstance(claim.rule, Slots):
            return self.used(claim, at, day)
        return sum(
            entry.claim.amount
            for entry in self._of(claim)
            if (entry.day == day or claim.rule.per == "total")
            and not entry.settled
            and at - entry.at < self.hold_lease_s
        )

    def used_exactly(self, claim: Claim, at: Fraction, day: int) -> Fraction:
        rule = claim.rule
        if isinstance(rule, Spend):
            return Fraction(sum(entry.spent for entry in self._of(claim) if entry.day == day or rule.per == "total"))
        if isinstance(rule, Slots):
            leased = [e for e in self._of(claim) if not e.settled and at - e.at < Fraction(rule.lease_s)]
            return Fraction(sum(entry.claim.amount for entry in leased))
        return self._in_bucket(claim, rule, at)

    def _in_bucket(self, claim: Claim, rule: Rate, at: Fraction) -> Fraction:
        steps = []
        for entry in self._of(claim):
            steps.append((entry.at, entry.order, entry.claim.amount))
            if entry.settled:
                moment, amount, order = entry.settled
                steps.append((moment, order, amount - entry.claim.amount))
        level, since = Fraction(0), min((moment for moment, _, _ in steps), default=at)
        for moment, _, change in sorted(steps):
            level = max(Fraction(0), level - (moment - since) * rule.limit / Fraction(rule.period_s))
            level = max(Fraction(0), level + change)
            since = moment
        return max(Fraction(0), level - (at - since) * rule.limit / Fraction(rule.period_s))

    def _of(self, claim: Claim) -> list[Entry]:
        return [e for e in self.entries if e.claim.key == claim.key and e.claim.rule.__class__ is claim.rule.__class__]
