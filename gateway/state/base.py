"""What a store of shared counters does. It counts; it does not know what.

Three rules of counting, each a frozen row: ``Rate`` (so much a period, refilled evenly), ``Slots`` (so many at once,
leased) and ``Spend`` (so much in a window of the calendar). Each says what it means while a shared store is out
(``on_outage``). A *claim* asks one counter for an amount under a rule. A
*reservation* is a named group of claims that is settled as one; ``hold`` takes any number of reservations at once, all
or nothing, and ``settle`` corrects one of them to the truth later.

The invariant, whatever runs at the same time: for a Spend counter, spent + held <= limit after every hold. A settlement
may go past it only by what the truth was larger than the hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from gateway.core.ceilings import Outage, Window


class Rate(msgspec.Struct, frozen=True, tag="rate"):
    """At most ``limit`` a ``period_s``, as a bucket that starts full and refills evenly.

    A settlement below the hold gives the rest back; one above it leaves a debt that later calls wait for.
    """

    limit: int
    period_s: float = 60.0
    on_outage: Outage = "local"


class Slots(msgspec.Struct, frozen=True, tag="slots"):
    """At most ``limit`` at once. A slot that is not settled within ``lease_s`` comes back by itself."""

    limit: int
    lease_s: float = 3_600.0
    on_outage: Outage = "local"


class Spend(msgspec.Struct, frozen=True, tag="spend"):
    """At most ``limit`` in each window of the calendar, reckoned from the clock: no job resets it.

    What is held and not settled counts as spent. A hold belongs to the window it was taken in.
    """

    limit: int
    per: Window
    on_outage: Outage = "local"


Rule = Rate | Slots | Spend


class Claim(msgspec.Struct, frozen=True, gc=False):
    """Asks the counter ``key`` for ``amount`` under ``rule``. Two claims of one hold may name the same counter.

    A key has the form ``kind:name:what``; counters that agree up to the second colon are kept together where a store is
    spread over machines.
    """

    key: str
    rule: Rule
    amount: int


class Reservation(msgspec.Struct, frozen=True, gc=False):
    """Claims that are settled together. ``id`` is unique for all time; whoever retries, it settles once."""

    id: str
    claims: tuple[Claim, ...]


class Level(msgspec.Struct, frozen=True, gc=False):
    """How a counter stands."""

    limit: int
    used: int
    """Taken in the bucket, slots or window, what is held among it."""
    held: int
    """The part of ``used`` that is held and not yet settled. 0 for a Rate, which doesn't tell them apart."""
    reset_s: float | None
    """Seconds until it is full again (Rate), until the window ends (Spend); None for Slots and for ``total``."""

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """The first claim that did not fit; nothing was taken. A cluster is asked scope by scope: the first scope's."""

    claim: Claim
    level: Level
    retry_after_s: float | None
    """When it would fit if nobody else came; None if that is not known or never (the amount exceeds the limit)."""

    @property
    def is_passing(self) -> bool:
        """It would fit if what others hold were given back: worth a short wait."""
        return self.level.held > 0 and self.level.used - self.level.held + self.claim.amount <= self.level.limit


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How a store does, for readiness and metrics."""

    is_reachable: bool = True
    """False while what is shared can't be reached, and each limit does as it says for that case."""
    backlog: int = 0
    """Settlements that are not yet durable, or not yet delivered to what is shared."""
    is_durable: bool = True
    """False where the backlog should be on the disk and the disk does not take it: a kill would lose it."""
    outages: int = 0
    """How often what is shared went out of reach, since the start."""
    failures: int = 0
    """How often what is shared did not answer, since the start: some are no outage yet. As long as it stays, all levels
    were from there."""


class Store(Protocol):
    """Atomic verbs over counters. Everything a store needs to know comes with the claim: it keeps no configuration."""

    async def start(self) -> None:
        """Open it and recover what an earlier process left. Raises StoreUnavailable, saying what to do."""
        ...

    async def hold(self, reservations: Sequence[Reservation]) -> tuple[Level, ...] | Refusal:
        """Take every claim of every reservation, or none.

        Answers with a level for each claim, in order, as it stands after; or with the first refusal. Raises
        StoreUnavailable where what is shared is out, and one of the claims is ``closed`` then.
        """
        ...

    def settle(self, reservation_id: str, amounts: Sequence[int]) -> None:
        """Correct a reservation to what was really used: one amount a claim, in their order.

        Rate: gives back or takes the difference. Slots: gives the slot back, whatever the amount. Spend: the hold ends
        and the amount is spent. Never waits and never fails: it runs in exits that a hang-up must not cut short, and
        delivery is the store's business from here on. An id that is unknown or already settled changes nothing. One
        that nobody settled in time was charged at its worst case: its Spend is corrected when this comes after all.
        """
        ...

    async def levels(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        """How the counters of ``claims`` stand now, taking nothing; amounts are ignored."""
        ...

    async def aclose(self) -> None:
        """Deliver every settlement, then close. Calling it again does nothing."""
        ...

    @property
    def status(self) -> Status:
        """How it does now."""
        ...
