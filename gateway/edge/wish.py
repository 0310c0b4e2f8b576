"""What a client asks of routing: the model's suffix, and the ``route`` object that no provider ever sees."""

from __future__ import annotations

from collections.abc import Container
from decimal import Decimal

import msgspec

from gateway.core.body import NOT_JSON
from gateway.core.errors import InvalidRequest
from gateway.core.money import nanousd
from gateway.core.wish import NO_WISH, Wish
from gateway.routing.strategies import STRATEGIES


class _Providers(msgspec.Struct, forbid_unknown_fields=True):
    only: list[str] | None = None
    ignore: list[str] | None = None
    order: list[str] | None = None


class _Route(msgspec.Struct, forbid_unknown_fields=True):
    by: str | None = None
    task: str | None = None
    regions: list[str] | None = None
    providers: _Providers | None = None
    max_cost_usd: Decimal | None = None
    max_latency_ms: float | None = None
    min_quality: float | None = None
    allow_fallbacks: bool | None = None


MAX_USD = 1_000_000_000

_route = msgspec.json.Decoder(_Route | None).decode


def split_suffix(model: str, known: Container[str]) -> tuple[str, str | None]:
    """``gpt-5-mini:cost`` is the model and how to route it; a public model that is so named is just that.

    Only a known strategy is a suffix: what else has a colon (``llama3:8b``) is a name.
    """
    name, colon, by = model.rpartition(":")
    if colon and name and by in STRATEGIES and model not in known:
        return name, by
    return model, None


def read_wish(raw: msgspec.Raw | bytes | None, by: str | None) -> Wish:
    """The ``route`` object and the suffix as one wish; the object's own ``by`` counts more.

    Raises InvalidRequest naming the field within ``route``.
    """
    if raw is None:
        return NO_WISH if by is None else Wish(by=by)
    try:
        route = _route(raw)
    except NOT_JSON as error:
        raise InvalidRequest(f"'route' is not understood: {error}", param="route") from None
    if route is None:
        return read_wish(None, by)
    if route.by is not None and route.by not in STRATEGIES:
        known = ", ".join(STRATEGIES)
        raise InvalidRequest(f"'route.by' must be one of {known}", param="route.by")
    providers = route.providers or _Providers()
    return Wish(
        by=route.by or by,
        task=route.task,
        regions=_set(route.regions),
        only=_set(providers.only),
        ignore=frozenset(providers.ignore or ()),
        order=tuple(providers.order or ()),
        max_cost_nanousd=_money(route.max_cost_usd),
        max_latency_s=None if route.max_latency_ms is None else _positive(route.max_latency_ms) / 1000,
        min_quality=route.min_quality,
        allow_fallbacks=route.allow_fallbacks,
    )


def _set(names: list[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def _money(amount: Decimal | None) -> int | None:
    if amount is None:
        return None
    # 1e999999 is eight letters, and an integer that takes a minute to make.
    if not (amount.is_finite() and 0 <= amount <= MAX_USD):
        raise InvalidRequest(f"'route.max_cost_usd' must be from 0 to {MAX_USD}", param="route.max_cost_usd")
    return nanousd(amount)


def _positive(number: float) -> float:
    if number <= 0:
        raise InvalidRequest("'route.max_latency_ms' must be above 0", param="route.max_latency_ms")
    return number
