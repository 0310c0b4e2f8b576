"""What routing is asked for one call under one route: the call's needs, and every bound that applies, combined."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from gateway.core.types import Call, Route, Target
from gateway.core.wish import NO_WISH
from gateway.health.breaker import Breakers
from gateway.health.vitals import Reading, Vitals

_N = TypeVar("_N", int, float)


class Ask(msgspec.Struct, gc=False):
    """A call, the route it goes by (already narrowed), and where to read how targets stand. Lives for one decision."""

    call: Call
    route: Route
    vitals: Vitals
    breakers: Breakers
    off: frozenset[str] = frozenset()
    """Providers that are switched off, for want of a credential."""
    under_budget: bool = False
    """Money is counted for this call, so what has no price can't serve it."""
    budgeted: frozenset[str] = frozenset()
    """Providers with a budget of their own: there money is counted for every call."""
    links_are_kept: bool = False
    """The gateway keeps images and serves links to them, so a target need not."""

    def reading(self, target: Target) -> Reading:
        return self.vitals.reading(target.id, self.call.stream)


def narrow(route: Route, call: Call, *, regions: frozenset[str] | None = None) -> Route:
    """``route`` as it binds ``call``: with the client's wish, the key's regions, and ``regions`` from elsewhere.

    Bounds only get narrower: the lower ceiling, the higher floor, what is in every set. Preferences (by, task, order)
    are the client's where it has any.
    """
    wish = call.wish
    within = both(both(route.regions, call.caller.regions), regions)
    if wish is NO_WISH:
        return route if within == route.regions else msgspec.structs.replace(route, regions=within)
    return Route(
        by=wish.by or route.by,
        weights=route.weights,
        task=wish.task or route.task,
        regions=both(within, wish.regions),
        only=both(route.only, wish.only),
        ignore=route.ignore | wish.ignore,
        order=wish.order or route.order,
        max_cost_nanousd=_lower(route.max_cost_nanousd, wish.max_cost_nanousd),
        max_latency_s=_lower(route.max_latency_s, wish.max_latency_s),
        min_quality=_higher(route.min_quality, wish.min_quality),
        allow_fallbacks=route.allow_fallbacks and wish.allow_fallbacks is not False,
        fallback_on_content_filter=route.fallback_on_content_filter,
    )


def both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """What two bounds leave together, where None bounds nothing and an empty set allows nothing."""
    if one is None:
        return other
    return one if other is None else one & other


def _lower(one: _N | None, other: _N | None) -> _N | None:
    if one is None:
        return other
    return one if other is None else min(one, other)


def _higher(one: float | None, other: float | None) -> float | None:
    if one is None:
        return other
    return one if other is None else max(one, other)
