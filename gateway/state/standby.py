"""Lets calls in while the engine is out: each claim as its rule's ``on_outage`` says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import tzinfo

import msgspec

from gateway.core.clock import Clock
from gateway.core.errors import StoreUnavailable
from gateway.state.base import Claim, Level, Rate, Refusal, Reservation, Spend
from gateway.state.counters import Counters
from gateway.state.outbox import Outbox
from gateway.state.remote import Charge
from gateway.state.shares import Shares
from gateway.state.windows import Calendar, Span

LARGEST = 2**63 - 1
"""What an engine and a journal can write down: 9.2 billion dollars in nano-dollars."""


class EngineClock:
    """Durations by this machine's clock, dates by the engine's."""

    def __init__(self, clock: Clock, now_s: Callable[[], float]) -> None:
        self.monotonic = clock.monotonic
        self.time = now_s


class Admitted(msgspec.Struct, frozen=True):
    """A reservation that was let in without the engine."""

    claims: int
    """So many it had."""
    counted: tuple[int, ...]
    """The places of those that are counted here."""
    charge: Charge | None
    """What it owes at worst."""
    places: tuple[int, ...]
    """Of the charge's claims, in the reservation."""


class Standby:
    """Counts in this process, over this replica's shares.

    What is let in and may cost money is noted in the outbox at its worst case before the answer is given, so that a
    crash charges it, and put there as a Charge when it is settled. A reservation may come under the same id as one that
    the engine was asked for: its charge goes by another.
    """

    def __init__(self, clock: Clock, zone: tzinfo, shares: Shares, outbox: Outbox) -> None:
        self._time = clock.time
        self._calendar = Calendar(zone)
        self._shares = shares
        self._outbox = outbox
        self._counters = Counters(clock, zone, opening=shares.opening)
        self._admitted: dict[str, Admitted] = {}

    def __repr__(self) -> str:
        return f"<Standby {self._counters!r}, {len(self._admitted)} calls>"

    def hold(self, reservations: Sequence[Reservation], why: str) -> tuple[Level, ...] | Refusal:
        """As Store.hold. Raises StoreUnavailable, which says ``why``, for a claim that is ``closed``, and for one that
        would owe money when no more can be noted.
        """
        claims = [claim for reservation in reservations for claim in reservation.claims]
        self._check(claims, why)
        now_s = self._time()
        asked: dict[int, Claim] = {}
        translated = []
        for reservation in reservations:
            counted = [(claim, self._share(claim, now_s)) for claim in reservation.claims if _is_local(claim)]
            asked |= {id(ours): claim for claim, ours in counted}
            translated.append(Reservation(reservation.id, tuple([ours for _, ours in counted])))
        answer = self._counters.hold(translated)
        if isinstance(answer, Refusal):
            return self._refusal(answer, asked[id(answer.claim)], now_s)
        for reservation in reservations:
            self._admit(reservation, now_s)
        levels = iter(answer)
        return tuple([next(levels) if _is_local(claim) else Level(claim.rule.limit, 0, 0, None) for claim in claims])

    def settle(self, reservation_id: str, amounts: Sequence[int]) -> None:
        """As Store.settle."""
        admitted = self._admitted.get(reservation_id)
        if admitted is None:
            return
        if len(amounts) != admitted.claims:
            raise ValueError(f"{admitted.claims} claims were held, {len(amounts)} amounts can't settle them")
        del self._admitted[reservation_id]
        self._counters.settle(reservation_id, [amounts[place] for place in admitted.counted])
        if admitted.charge is not None:
            truth = tuple([min(amounts[place], LARGEST) for place in admitted.places])
            self._outbox.settle(msgspec.structs.replace(admitted.charge, amounts=truth))

    def levels(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        """How the counters stand, as far as it is known here."""
        now_s = self._time()
        return tuple([self._level(claim, now_s) for claim in claims])

    def _check(self, claims: Sequence[Claim], why: str) -> None:
        closed = next((claim for claim in claims if claim.rule.on_outage == "closed"), None)
        if closed is not None:
            raise StoreUnavailable(f"{why}; {closed.key} lets nothing in without it")
        if self._outbox.is_full and any(isinstance(claim.rule, Spend) for claim in claims):
            raise StoreUnavailable(f"{why}; {self._outbox.fullness}")

    def _share(self, claim: Claim, now_s: float) -> Claim:
        rule = claim.rule
        if isinstance(rule, Spend):
            span = self._calendar.window(now_s, rule.per)
            return Claim(claim.key, self._shares.of_money(claim.key, rule, span), claim.amount)
        share = self._shares.of(claim)
        if isinstance(rule, Rate) and share.limit < claim.amount <= rule.limit:
            # What fits the limit passes when the whole share is free, and leaves a debt.
            return Claim(claim.key, share, share.limit)
        return Claim(claim.key, share, claim.amount)

    def _refusal(self, answer: Refusal, claim: Claim, now_s: float) -> Refusal:
        """In terms of what was asked for. Where only the share of a Spend stands in the way, all that is left of the
        window counts as held: others may spend it, and the next answer of the engine divides it anew.
        """
        if not isinstance(claim.rule, Spend):
            return msgspec.structs.replace(answer, claim=claim)
        level = self._level(claim, now_s)
        limit, left = level.limit, max(0, level.limit - level.used)
        if level.used - level.held + claim.amount <= limit:
            level = Level(limit, level.used + left, level.held + left, level.reset_s)
        return Refusal(claim, level, level.reset_s if claim.amount <= limit else None)

    def _admit(self, reservation: Reservation, now_s: float) -> None:
        counted, places, windows = [], [], []
        for place, claim in enumerate(reservation.claims):
            if _is_local(claim):
                counted.append(place)
            if isinstance(claim.rule, Spend):
                places.append(place)
                windows.append(self._calendar.window(now_s, claim.rule.per))
        charge = _charge(reservation, places, windows) if places else None
        if counted or charge is not None:
            admitted = Admitted(len(reservation.claims), tuple(counted), charge, tuple(places))
            self._admitted[reservation.id] = admitted
        if charge is not None:
            self._outbox.note(charge)

    def _level(self, claim: Claim, now_s: float) -> Level:
        (here,) = self._counters.levels([claim])
        rule = claim.rule
        if not isinstance(rule, Spend):
            return here
        span = self._calendar.window(now_s, rule.per)
        used = self._shares.used(claim.key, rule, span) + here.used - self._shares.counted(claim.key, span)
        held = self._shares.held(claim.key, rule, span) + here.held
        return Level(rule.limit, used, held, None if math.isinf(span.end_s) else max(0.0, span.end_s - now_s))


def _is_local(claim: Claim) -> bool:
    return claim.rule.on_outage == "local"


def _charge(reservation: Reservation, places: Sequence[int], windows: Sequence[Span]) -> Charge:
    claims = tuple([reservation.claims[place] for place in places])
    worst = tuple([min(claim.amount, LARGEST) for claim in claims])
    small = tuple([Claim(claim.key, claim.rule, amount) for claim, amount in zip(claims, worst, strict=True)])
    return Charge(f"{reservation.id}-local", small, worst, tuple(windows))
