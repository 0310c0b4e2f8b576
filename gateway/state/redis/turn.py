"""What one turn of the event loop asks of the keys under one tag: one call of the script ``hold``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from gateway.core.errors import StoreUnavailable
from gateway.state.base import Claim, Level, Refusal, Reservation
from gateway.state.redis.rows import LARGEST, Counter, Rows, refusal
from gateway.state.redis.scripts import packed
from gateway.state.remote import Charge, Delivery, Settlement

TAKEN, HELD_ALREADY = 0, -2
SETTLEMENT, WITHDRAWAL, CHARGE = 1, 2, 3

encode = msgspec.msgpack.Encoder().encode

Held = tuple[Level, ...] | Refusal


class Asked:
    """One hold, and who waits for its answer."""

    __slots__ = ("claims", "counters", "done", "reservations")

    def __init__(self, reservations: Sequence[Reservation], done: asyncio.Future[Held]) -> None:
        self.reservations = reservations
        self.done = done
        self.claims: list[Claim] = []
        self.counters: list[Counter] = []

    def pack(self, rows: Rows, arguments: list[bytes]) -> list[str]:
        """Its ids as hold.lua takes them, and the claims of each as an argument more."""
        self.claims.clear()
        self.counters.clear()
        of = rows.of
        for reservation in self.reservations:
            claims = reservation.claims
            counters = [of(claim) for claim in claims]
            told = [each.row(claim.amount) for each, claim in zip(counters, claims, strict=True)]
            arguments.append(packed(encode(told)))
            self.claims += claims
            self.counters += counters
        return [reservation.id for reservation in self.reservations]

    def answer(self, figures: list[int], now_s: float) -> None:
        """Tell who waits what hold.lua said."""
        if self.done.done():
            return
        code = figures[0]
        if code == TAKEN:
            each = iter(figures)
            next(each)
            self.done.set_result(tuple([counter.level(each, now_s) for counter in self.counters]))
        elif code > 0:
            self.done.set_result(refusal(self.claims, self.counters, code - 1, figures[1:], now_s))
        elif code == HELD_ALREADY:
            ids = ", ".join(reservation.id for reservation in self.reservations)
            self.done.set_exception(ValueError(f"one of the reservations {ids} is held already"))
        else:
            self.done.set_exception(StoreUnavailable("the hold was withdrawn before it came to Redis"))

    def fail(self, why: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(why)


class Delivered:
    """Some deliveries, and who waits until they are applied. Raises ValueError where amounts and claims don't match."""

    __slots__ = ("done", "markers", "rows")

    def __init__(self, deliveries: Sequence[Delivery], tag: str, rows: Rows, done: asyncio.Future[None]) -> None:
        self.markers: list[bytes] = []
        """The keys that remember each charge."""
        self.rows = [self._row(each, tag, rows) for each in deliveries]
        self.done = done

    def _row(self, delivery: Delivery, tag: str, rows: Rows) -> tuple[object, ...]:
        """As deliver.lua takes it."""
        if isinstance(delivery, Settlement):
            if len(delivery.amounts) != len(delivery.claims):
                raise ValueError(f"{len(delivery.claims)} claims, and {len(delivery.amounts)} amounts to settle them")
            return SETTLEMENT, delivery.id, [min(amount, LARGEST) for amount in delivery.amounts]
        if not isinstance(delivery, Charge):
            return WITHDRAWAL, delivery.id
        self.markers.append(packed(f"sluice:{{{tag}}}:charged:{delivery.id}".encode()))
        amounts = []
        for claim, amount, span in zip(delivery.claims, delivery.amounts, delivery.windows, strict=True):
            counter = rows.in_window(claim, span)
            amounts.append((counter.key, min(amount, LARGEST), counter.law.x))
        return CHARGE, delivery.id, amounts

    def answer(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def fail(self, why: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(why)


class Turn:
    """Gathers until it is sent."""

    __slots__ = ("delivered", "holds", "size")

    def __init__(self, holds: Sequence[Asked] = ()) -> None:
        self.holds = list(holds)
        self.delivered: list[Delivered] = []
        self.size = 0
        """Reservations and deliveries."""

    def add_hold(self, asked: Asked) -> None:
        self.holds.append(asked)
        self.size += len(asked.reservations)

    def add_delivered(self, delivered: Delivered) -> None:
        self.delivered.append(delivered)
        self.size += len(delivered.rows)

    def fail(self, why: Exception) -> None:
        for asked in self.holds:
            asked.fail(why)
        for delivered in self.delivered:
            delivered.fail(why)
