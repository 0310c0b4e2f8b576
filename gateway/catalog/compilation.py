"""Compiles the package ``genai-prices`` into a listing. The only module that imports it, and only when asked to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import msgspec

from gateway.catalog.listing import Clause, Listing, Period, Provider, Rates, Row
from gateway.core.money import nanousd

FIELDS: Mapping[str, str] = {
    "input_mtok": "input",
    "cache_read_mtok": "cached_input",
    "cache_write_mtok": "cache_write",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "input_image_mtok": "image_input",
    "cache_image_read_mtok": "cached_image_input",
    "output_image_mtok": "image_output",
    "input_audio_mtok": "audio_input",
    "output_audio_mtok": "audio_output",
    "requests_kcount": "per_request",
}
"""Their price keys that a reply's usage can be billed by, and our field for each. Searches, pages and hours are not
among them: no usage of ours counts those."""

_OPS = ("equals", "starts_with", "ends_with", "contains", "regex")


def compile_listing(version: str, today: date) -> Listing:
    """The listing of the installed package. Takes about 0.6 s and 40 MB, so it is run in a process of its own."""
    from genai_prices.data import providers  # noqa: PLC0415  (its import is what everyone else avoids)

    compiled = [_provider(provider) for provider in providers]
    started = [period.since for provider in compiled for row in provider.rows for period in row.periods if period.since]
    now = _midnight(today)
    newest = max((since for since in started if since <= now), default=0)
    return Listing(
        version=version,
        as_of=datetime.fromtimestamp(newest, UTC).date().isoformat() if newest else "",
        providers={provider.id: msgspec.Raw(msgspec.msgpack.encode(provider)) for provider in compiled},
        patterns={provider.api_pattern: provider.id for provider in reversed(compiled)},
    )


def _provider(provider: Any) -> Provider:
    return Provider(
        id=provider.id,
        fallbacks=tuple(provider.fallback_model_providers or ()),
        api_pattern=provider.api_pattern,
        rows=tuple(
            Row(model.id, _clause(model.match), model.context_window, _periods(model.prices))
            for model in provider.models
        ),
    )


def _clause(clause: Any) -> Clause:
    for op in _OPS:
        text = getattr(clause, op, None)
        if text is not None:
            return Clause(op, text if op == "regex" else text.lower())
    if hasattr(clause, "or_"):
        return Clause("or", "", tuple(map(_clause, clause.or_)))
    return Clause("and", "", tuple(map(_clause, clause.and_)))


def _periods(prices: Any) -> tuple[Period, ...]:
    if not isinstance(prices, list):
        return (_period(prices),)
    return tuple(_period(price.prices, price.constraint) for price in prices)


def _period(prices: Any, constraint: Any = None) -> Period:
    published = {field: value for key, field in FIELDS.items() if (value := getattr(prices, key, None)) is not None}
    starts = sorted({tier.start for value in published.values() for tier in getattr(value, "tiers", ())})
    return Period(
        rates=_rates(published, 0),
        tiers=tuple((start, _rates(published, start + 1)) for start in starts),
        since=_midnight(constraint.start_date) if hasattr(constraint, "start_date") else 0,
        hours=(_second(constraint.start_time), _second(constraint.end_time))
        if hasattr(constraint, "start_time")
        else None,
    )


def _rates(published: Mapping[str, Any], input_tokens: int) -> Rates:
    return {field: _rate(field, _at(value, input_tokens)) for field, value in published.items()}


def _at(value: Any, input_tokens: int) -> Decimal:
    """The figure for a call with so much input: the last tier that it passes, else the base."""
    found = getattr(value, "base", value)
    for tier in getattr(value, "tiers", ()):
        if input_tokens > tier.start:
            found = tier.price
    return Decimal(found)


def _rate(field: str, figure: Decimal) -> int:
    # Requests are listed by the thousand.
    return nanousd(figure / 1_000 if field == "per_request" else figure)


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _second(moment: time) -> int:
    """A time of day as its second in UTC; one without a zone is UTC."""
    offset = moment.utcoffset()
    second = moment.hour * 3600 + moment.minute * 60 + moment.second - int(offset.total_seconds() if offset else 0)
    return second % 86_400
