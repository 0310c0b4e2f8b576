"""Public models and their targets: what the settings say, laid over what the catalog knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.catalog.catalog import Catalog
from gateway.catalog.prices import price_from_config
from gateway.core.exchange import Timeouts
from gateway.core.kinds import KINDS
from gateway.core.money import Price, nanousd
from gateway.core.types import Capabilities, Feature, Model, Route, Target
from gateway.providers.bedrock.models import computes_in
from gateway.settings import Settings, model, provider, terms


def build_models(settings: Settings, catalog: Catalog) -> dict[str, Model]:
    """Every public model, by name, in the config's order."""
    return {
        name: Model(
            name=name,
            targets=tuple(_target(settings, catalog, public, target) for target in public.targets),
            route=_route(public.route),
            fallbacks=public.fallbacks,
        )
        for name, public in settings.models.items()
    }


def _target(settings: Settings, catalog: Catalog, public: model.Model, target: model.Target) -> Target:
    account = settings.providers[target.provider]
    entry = catalog.entry(account.kind, target.listed_as or target.model, account.base_url)
    return Target(
        id=target.id,
        provider=target.provider,
        model=target.model,
        weight=float(target.weight),
        region=_region(account, target),
        price=_price(target.price or account.price, entry.price),
        capabilities=_capabilities(account, target, entry.capabilities),
        quality=target.quality,
        timeouts=_timeouts(target.timeouts, public.timeouts, account.timeouts),
        nearest_image_size=target.nearest_image_size,
    )


def _region(account: provider.Provider, target: model.Target) -> str | None:
    if target.region or account.kind != "bedrock":
        return target.region or account.region or None
    return computes_in(target.model, account.region)


def _price(said: terms.Price | None, known: Price | None) -> Price | None:
    if said is None:
        return known
    given: dict[str, Any] = dict(said.rates)
    if said.per_request is not None:
        given["per_request"] = said.per_request
    if said.per_image:
        given["per_image"] = said.per_image
    return price_from_config(given, known)


def _capabilities(account: provider.Provider, target: model.Target, known: Capabilities) -> Capabilities:
    said = {
        name: value
        for name in model.Capabilities.model_fields
        if (value := getattr(target.capabilities, name)) is not None
    }
    capabilities = msgspec.structs.replace(known, **said)
    lacks = KINDS[account.kind].lacks
    if not lacks or target.capabilities.features is not None:
        return capabilities
    features = frozenset(Feature) if capabilities.features is None else capabilities.features
    return msgspec.structs.replace(capabilities, features=features - lacks)


def _timeouts(*places: terms.Timeouts) -> Timeouts:
    """The narrowest place that says anything counts."""
    said: dict[str, float] = {}
    for place in reversed(places):
        said |= {name: value for name, value in place.model_dump().items() if value is not None}
    return Timeouts(**said)


def _route(said: model.Route) -> Route:
    weights: Mapping[str, float] = {}
    if said.weights is not None:
        weights = {name: float(value) for name, value in said.weights.model_dump().items()}
    return Route(
        by=said.by,
        weights=weights,
        task=said.task,
        regions=said.regions,
        only=said.providers.only,
        ignore=said.providers.ignore,
        order=said.providers.order,
        max_cost_nanousd=None if said.max_cost_usd is None else nanousd(said.max_cost_usd),
        max_latency_s=None if said.max_latency_ms is None else said.max_latency_ms / 1000,
        min_quality=said.min_quality,
        allow_fallbacks=said.allow_fallbacks,
        fallback_on_content_filter=said.fallback_on_content_filter,
    )
