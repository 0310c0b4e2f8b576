"""The counting itself, in this process's memory: what every store that counts here stands on.

Plain functions without an ``await``: atomic on the event loop, and to be called from that one thread only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from typing import Protocol

from gateway.core.clock import Clock
from gateway.state.base import Claim, Level, Rate, Refusal, Reservation, Rule, Slots, Spend
from gateway.state.bucket import US, Bucket
from gateway.state.leases import Leases
from gateway.state.ledger import Ledger, Page
from gateway.state.windows import Calendar

HOLD_LEASE_S = 3_600.0
MAX_LATE = 10_000


class Part(Protocol):
    """What one claim has taken, to be corrected later."""

    def settle(self, id: str, held: int, amount: int, now_us: int) -> None: ...
    def expire(self, held: int) -> None: ...
    def level(self, claim: Claim, now_us: int, now_s: float) -> Level: ...


class Counter(Protocol):
    """One key under one kind of rule. ``take`` answers None where the claim does not fit, and has taken nothing."""

    def take(self, claim: Claim, now_us: int, now_s: float, id: str) -> Part | None: ...
    def level(self, claim: Claim, now_us: int, now_s: float) -> Level: ...
    def wait_s(self, claim: Claim, amount: int, now_us: int, now_s: float) -> float | None: ...
    def is_idle(self, now_us: int, now_s: float) -> bool: ...


Held = tuple[Sequence[Claim], list[Part], int]
"""An open reservation: its claims, what they took, and since when (monotonic microseconds)."""


Late = tuple[int, list[tuple[int, Page, int]]]
"""What nobody settled in time: how many claims it had, and of those for Spend the place, the page and what was held."""


def nothing_before(key: str, window_id: str) -> int:  # noqa: ARG001  there is no earlier process
    return 0


class Counters:
    """All counters, and the reservations that are open on them.

    A limit of 0 refuses every claim that asks for anything; a claim of 0 always fits, also on a counter that is used
    up, so that a free model can be served under an exhausted budget. Rules come with each claim: a lowered limit works
    at once. The same key under two kinds of rule is two counters. Amounts are never negative.

    A reservation that nobody settles within ``hold_lease_s`` is charged at its worst case; the last 10,000 of them are
    corrected if their settlement comes after all. Memory follows what is in use: each new counter looks at two old
    ones, and drops those that a new one would equal.
    """

    def __init__(
        self,
        clock: Clock,
        zone: tzinfo = UTC,
        *,
        hold_lease_s: float = HOLD_LEASE_S,
        opening: Callable[[str, str], int] = nothing_before,
        changed: set[Page] | None = None,
    ) -> None:
        self._monotonic = clock.monotonic
        self._time = clock.time
        self._calendar = Calendar(zone)
        self._hold_lease_us = int(hold_lease_s * US)
        self._opening = opening
        self._changed = changed
        self._tables: dict[type[Rule], dict[str, Counter]] = {Rate: {}, Slots: {}, Spend: {}}
        self._open: dict[str, Held] = {}
        self._late: dict[str, Late] = {}
        self._look_at_us = 0
        self._round: deque[tuple[type[Rule], str]] = deque()

    def __repr__(self) -> str:
        return f"<Counters {len(self._round)} counters, {len(self._open)} open reservations>"

    def hold(self, reservations: Sequence[Reservation]) -> tuple[Level, ...] | Refusal:
        """As Store.hold. Raises ValueError for a reservation whose id is open already."""
        now_us = int(self._monotonic() * US)
        now_s = self._time()
        if now_us >= self._look_at_us:
            self._expire(now_us)
        tables, opened = self._tables, self._open
        for index, reservation in enumerate(reservations):
            id = reservation.id
            if id in opened:
                self._undo(reservations[:index], now_us)
                raise ValueError(f"the reservation {id} is held already")
            parts: list[Part] = []
            opened[id] = (reservation.claims, parts, now_us)
            for claim in reservation.claims:
                counter = tables[claim.rule.__class__].get(claim.key) or self._add(claim, now_us, now_s)
                part = counter.take(claim, now_us, now_s, id)
                if part is None:
                    return self._refuse(reservations[: index + 1], claim, now_us, now_s)
                parts.append(part)
        # Only now: two claims may have taken from one counter.
        return tuple(
            [
                part.level(claim, now_us, now_s)
                for reservation in reservations
                for claim, part in zip(reservation.claims, opened[reservation.id][1], strict=True)
            ]
        )

    def settle(self, reservation_id: str, amounts: Sequence[int]) -> None:
        """As Store.settle. Raises ValueError, changing nothing, where there isn't one amount a claim."""
        held = self._open.get(reservation_id)
        if held is None:
            self._settle_late(reservation_id, amounts)
            return
        claims, parts, since_us = held
        _check_count(len(claims), amounts)
        now_us = int(self._monotonic() * US)
        if now_us - since_us >= self._hold_lease_us:
            self._expire(now_us)
            self._settle_late(reservation_id, amounts)
            return
        del self._open[reservation_id]
        for claim, part, amount in zip(claims, parts, amounts, strict=True):
            part.settle(reservation_id, claim.amount, amount, now_us)

    def levels(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        """As Store.levels."""
        now_us = int(self._monotonic() * US)
        now_s = self._time()
        self._expire(now_us)
        return tuple([self._counter(claim, now_us, now_s).level(claim, now_us, now_s) for claim in claims])

    def _counter(self, claim: Claim, now_us: int, now_s: float) -> Counter:
        return self._tables[claim.rule.__class__].get(claim.key) or self._add(claim, now_us, now_s)

    def _add(self, claim: Claim, now_us: int, now_s: float) -> Counter:
        rule = claim.rule
        counter: Counter
        if isinstance(rule, Rate):
            counter = Bucket(rule, now_us)
        elif isinstance(rule, Slots):
            counter = Leases()
        else:
            counter = Ledger(claim, now_s, self._calendar, self._opening, self._changed)
        self._sweep(now_us, now_s)
        self._tables[rule.__class__][claim.key] = counter
        self._round.append((rule.__class__, claim.key))
        return counter

    def _sweep(self, now_us: int, now_s: float) -> None:
        # Two for each new one: a whole round is made before the number can double, and no call waits for all of it.
        for _ in range(min(2, len(self._round))):
            kind, key = self._round.popleft()
            if self._tables[kind][key].is_idle(now_us, now_s):
                del self._tables[kind][key]
            else:
                self._round.append((kind, key))

    def _refuse(self, taken: Sequence[Reservation], claim: Claim, now_us: int, now_s: float) -> Refusal:
        counter = self._counter(claim, now_us, now_s)
        # What this hold itself took from the same counter before must fit together with the claim.
        wanted = claim.amount + sum(
            earlier.amount
            for reservation in taken
            for earlier, _ in zip(reservation.claims, self._open[reservation.id][1], strict=False)
            if earlier.key == claim.key and earlier.rule.__class__ is claim.rule.__class__
        )
        self._undo(taken, now_us)
        return Refusal(claim, counter.level(claim, now_us, now_s), counter.wait_s(claim, wanted, now_us, now_s))

    def _undo(self, taken: Sequence[Reservation], now_us: int) -> None:
        for reservation in taken:
            claims, parts, _ = self._open.pop(reservation.id)
            # The last one may have taken some of its claims only.
            for claim, part in zip(claims, parts, strict=False):
                part.settle(reservation.id, claim.amount, 0, now_us)

    def _expire(self, now_us: int) -> None:
        # Reservations stand in the order in which they were taken; looked at a few times a lease, as old ones are rare.
        self._look_at_us = now_us + self._hold_lease_us // 60
        over = []
        for id, (_, _, since_us) in self._open.items():
            if now_us - since_us < self._hold_lease_us:
                break
            over.append(id)
        for id in over:
            claims, parts, _ = self._open.pop(id)
            pages = []
            for place, (claim, part) in enumerate(zip(claims, parts, strict=True)):
                part.expire(claim.amount)
                if isinstance(part, Page):
                    pages.append((place, part, claim.amount))
            if pages:
                self._late[id] = len(claims), pages
        while len(self._late) > MAX_LATE:
            _, forgotten = self._late.pop(next(iter(self._late)))
            for _, page, _ in forgotten:
                page.forget()

    def _settle_late(self, id: str, amounts: Sequence[int]) -> None:
        if id not in self._late:
            return
        count, pages = self._late[id]
        _check_count(count, amounts)
        del self._late[id]
        for place, page, held in pages:
            page.correct(held, amounts[place])


def _check_count(claims: int, amounts: Sequence[int]) -> None:
    if len(amounts) != claims:
        raise ValueError(f"{claims} claims were held, {len(amounts)} amounts can't settle them")
