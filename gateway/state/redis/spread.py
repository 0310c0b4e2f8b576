"""Reservations whose counters are spread over a cluster: a part for each tag, which one script call can hold."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.state.base import Claim, Level, Reservation
from gateway.state.redis.rows import tag_of
from gateway.state.remote import Charge, Delivery, Settlement, Withdrawal


class Part(msgspec.Struct, frozen=True):
    """What of some reservations is kept under one tag. ``places`` are those of its claims among all."""

    tag: str
    reservations: tuple[Reservation, ...]
    places: tuple[int, ...]


def parts_of(reservations: Sequence[Reservation]) -> list[Part]:
    """In the order in which their tags come first."""
    found: dict[str, dict[str, list[tuple[int, Claim]]]] = {}
    place = 0
    for reservation in reservations:
        for claim in reservation.claims:
            found.setdefault(tag_of(claim.key), {}).setdefault(reservation.id, []).append((place, claim))
            place += 1
    return [
        Part(
            tag,
            tuple(Reservation(id, tuple(claim for _, claim in claims)) for id, claims in by_id.items()),
            tuple(place for claims in by_id.values() for place, _ in claims),
        )
        for tag, by_id in found.items()
    ]


def joined(parts: Sequence[tuple[Part, tuple[Level, ...]]]) -> tuple[Level, ...]:
    """The levels of all parts, in the order of the claims."""
    levels = {place: level for part, found in parts for place, level in zip(part.places, found, strict=True)}
    return tuple(levels[place] for place in range(len(levels)))


def given_back(parts: Sequence[Part]) -> list[Delivery]:
    """What undoes the holding of ``parts``."""
    return [Withdrawal(each.id, each.claims) for part in parts for each in part.reservations]


def by_tag(deliveries: Sequence[Delivery]) -> dict[str, list[Delivery]]:
    """Each delivery cut into what concerns one tag."""
    found: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        places: dict[str, list[int]] = {}
        for place, claim in enumerate(delivery.claims):
            places.setdefault(tag_of(claim.key), []).append(place)
        for tag, mine in places.items():
            found.setdefault(tag, []).append(_cut(delivery, mine))
    return found


def _cut(delivery: Delivery, places: Sequence[int]) -> Delivery:
    claims = tuple(delivery.claims[place] for place in places)
    if isinstance(delivery, Settlement):
        return Settlement(delivery.id, claims, tuple(delivery.amounts[place] for place in places))
    if isinstance(delivery, Charge):
        amounts, windows = delivery.amounts, delivery.windows
        return Charge(delivery.id, claims, tuple(amounts[i] for i in places), tuple(windows[i] for i in places))
    return Withdrawal(delivery.id, claims)
