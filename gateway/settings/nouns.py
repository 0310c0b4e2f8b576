"""Settings as the nouns of ``core``: units turned, defaults filled in."""

from __future__ import annotations

import msgspec

from gateway.core import exchange, types
from gateway.core.money import nanousd
from gateway.settings.model import Capabilities, Route
from gateway.settings.terms import Timeouts

DEFAULT_TIMEOUTS = exchange.Timeouts()


def timeouts(*narrowest_first: Timeouts, default: exchange.Timeouts = DEFAULT_TIMEOUTS) -> exchange.Timeouts:
    """Each time-out as the first of ``narrowest_first`` says that says anything, else the default."""
    said: dict[str, float] = {}
    for wider in reversed(narrowest_first):
        said |= wider.model_dump(exclude_none=True)
    return msgspec.structs.replace(default, **said) if said else default


def capabilities(override: Capabilities, known: types.Capabilities = types.UNKNOWN) -> types.Capabilities:
    """``known``, with what the configuration says instead."""
    said = {name: value for name in override.model_fields_set if (value := getattr(override, name)) is not None}
    return msgspec.structs.replace(known, **said) if said else known


def route(setting: Route) -> types.Route:
    weights = setting.weights
    shares = {"cost": 1.0, "latency": 1.0, "quality": 1.0} if weights is None else weights.model_dump()
    return types.Route(
        by=setting.by,
        weights=shares if setting.by == "balanced" else {},
        task=setting.task,
        regions=setting.regions,
        only=setting.providers.only,
        ignore=setting.providers.ignore,
        order=setting.providers.order,
        max_cost_nanousd=None if setting.max_cost_usd is None else nanousd(setting.max_cost_usd),
        max_latency_s=None if setting.max_latency_ms is None else setting.max_latency_ms / 1000,
        min_quality=setting.min_quality,
        allow_fallbacks=setting.allow_fallbacks,
        fallback_on_content_filter=setting.fallback_on_content_filter,
    )
