"""Prices: compiled from listed rates, or from what a configuration states."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from msgspec.structs import replace

from gateway.catalog.listing import Period, Rates, Row
from gateway.core.money import DAY_S, FREE, TOKEN_RATES, Price, Term, Tier, nanousd

Amount = Decimal | str | int | float


def price_of_rates(
    rates: Mapping[str, int],
    *,
    lines: Mapping[str, int] | None = None,
    source: str = "",
    tiers: tuple[tuple[int, Rates], ...] = (),
) -> Price | None:
    """A price from published rates, those that are missing filled in; None without an ``input`` rate.

    Unpublished: cached input, cache writes, images and audio cost as text input does; images and audio written as text
    output; cached images as images, or as cached text where images are text.
    """
    if "input" not in rates:
        return None
    text, output = rates["input"], rates.get("output", 0)
    cached = rates.get("cached_input", text)
    write = rates.get("cache_write", text)
    # Price lists have the rate of five minutes alone. Whoever charges for writes charges double for an hour.
    # https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pricing
    write_1h = max(write, 2 * text) if write > text else write
    return Price(
        input=text,
        cached_input=cached,
        cache_write=write,
        cache_write_1h=rates.get("cache_write_1h", write_1h),
        output=output,
        reasoning=rates.get("reasoning"),
        image_input=rates.get("image_input", text),
        cached_image_input=rates.get("cached_image_input", rates.get("image_input", cached)),
        image_output=rates.get("image_output", output),
        audio_input=rates.get("audio_input", text),
        audio_output=rates.get("audio_output", output),
        per_request=rates.get("per_request", 0),
        per_image=lines or {},
        source=source,
        tiers=tuple(
            Tier(start, price)
            for start, longer in tiers
            if (price := price_of_rates(longer, lines=lines, source=source)) is not None
        ),
    )


def price_of_row(
    row: Row,
    *,
    now: float,
    also: Mapping[str, int] | None = None,
    lines: Mapping[str, int] | None = None,
    source: str = "",
) -> Price | None:
    """The price of a listed model from ``now`` (epoch seconds) on; None if its list states no rate for tokens.

    ``also`` are rates that hold where the list states none. A price that changes with the hour is the dearest of them
    to whoever does not ask for ``at``; one that will change some day is today's.
    """
    standing, rest = _standing(row.periods, now)

    def price(period: Period) -> Price | None:
        rates, tiers = period.rates, period.tiers
        if also and rates:
            tiers = tuple((start, {**also, **longer}) for start, longer in tiers)
            rates = {**also, **rates}
        return price_of_rates(rates, lines=lines, source=source, tiers=tiers)

    base = price(standing)
    if base is None:
        return None
    terms = tuple(
        Term(other, period.since, *(period.hours or (0, DAY_S)))
        for period in rest
        if (other := price(period)) is not None
    )
    hourly = [term.price for term, period in zip(terms, rest, strict=False) if period.hours]
    if hourly:
        terms = (Term(base), *terms)
        base = max(base, *hourly, key=lambda price: (price.output, price.input))
    return replace(base, terms=terms) if terms else base


def _standing(periods: tuple[Period, ...], now: float) -> tuple[Period, tuple[Period, ...]]:
    """The last period that has begun and knows no hours, and those after it, which may yet take its place."""
    for index in range(len(periods) - 1, 0, -1):
        if periods[index].hours is None and periods[index].since <= now:
            return periods[index], periods[index + 1 :]
    return periods[0], periods[1:]


def price_from_config(setting: Mapping[str, Any] | str, listed: Price | None = None) -> Price:
    """The price that a configuration's ``price:`` states.

    ``free``, or a mapping of token rates (USD a million), ``per_image`` (USD by ``quality/size``, with ``default``; or
    one amount) and ``per_request`` (USD a call). What it states wins for that kind of figure as a whole: a token rate
    replaces all of ``listed``'s token rates, tiers among them, the missing ones filled in as ever; ``per_image`` alone
    bills by the piece and no tokens. None and an empty ``per_image`` say nothing.

    Raises ValueError, naming the setting.
    """
    if isinstance(setting, str):
        if setting != "free":
            raise ValueError(f"{setting!r} is no price: write a mapping of rates, or free")
        return FREE
    setting = {name: value for name, value in setting.items() if value is not None and value != {}}
    _refuse_unknown(setting)
    rates = {name: _amount(name, setting[name]) for name in TOKEN_RATES if name in setting}
    lines = _lines(setting["per_image"]) if "per_image" in setting else None
    per_request = _amount("per_request", setting["per_request"]) if "per_request" in setting else None
    if per_request is None:
        per_request = listed.per_request if listed else 0
    if rates:
        return _by_tokens(rates, lines, listed, per_request)
    if lines is not None:
        return Price(per_image=lines, per_request=per_request, source="config")
    return _at_request(listed or Price(), per_request)


def _by_tokens(rates: dict[str, int], lines: Mapping[str, int] | None, listed: Price | None, per_request: int) -> Price:
    if "input" not in rates:
        raise ValueError("input: a price by tokens needs it (0 where input costs nothing)")
    if "output" not in rates and "image_output" not in rates and lines is None:
        raise ValueError("output: a price by tokens needs it (0 where nothing is written, as with embeddings)")
    rates["per_request"] = per_request
    if lines is not None:
        # A price a piece was stated and none by image tokens: so images are billed by the piece.
        rates.setdefault("image_output", 0)
    elif listed is not None and rates.get("image_output", rates.get("output")):
        lines = listed.per_image
    price = price_of_rates(rates, lines=lines, source="config")
    assert price is not None
    return price


def _at_request(price: Price, per_request: int) -> Price:
    """``price`` with another charge a call, in its tiers and at other times too."""
    return replace(
        price,
        per_request=per_request,
        source="config",
        tiers=tuple(replace(tier, price=_at_request(tier.price, per_request)) for tier in price.tiers),
        terms=tuple(replace(term, price=_at_request(term.price, per_request)) for term in price.terms),
    )


def _refuse_unknown(setting: Mapping[str, Any]) -> None:
    known = (*TOKEN_RATES, "per_request", "per_image")
    if not setting:
        raise ValueError(f"an empty price says nothing: state {', '.join(known)}, or free")
    for name in setting:
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            raise ValueError(f"{name}: no such rate" + (f"; did you mean {near[0]}?" if near else ""))


def _lines(setting: Any) -> dict[str, int]:
    if not isinstance(setting, Mapping):
        return {"default": _amount("per_image", setting)}
    lines: dict[str, int] = {}
    for name, amount in setting.items():
        line = str(name).strip().lower()
        if line != "default" and line.count("/") != 1:
            raise ValueError(f"per_image.{name}: a line is quality/size, such as low/1024x1024, or default")
        lines[line] = _amount(f"per_image.{name}", amount)
    return with_auto(lines)


def with_auto(lines: Mapping[str, int]) -> dict[str, int]:
    """The lines, and for what a request left open the dearest that it may come to: ``low/auto``, ``auto/1024x1024``.

    Lines that are there already stay, so a model whose ``auto`` means one thing says so itself. ``default`` is one of
    the lines that it may come to.
    """
    filled = dict(lines)
    other = lines.get("default", 0)
    for line, amount in lines.items():
        quality, slash, size = line.partition("/")
        if not slash or "auto" in (quality, size):
            continue
        for open_line in (f"{quality}/auto", f"auto/{size}", "auto/auto"):
            if open_line not in lines:
                filled[open_line] = max(amount, other, filled.get(open_line, 0))
    return filled


def _amount(name: str, value: Amount) -> int:
    if isinstance(value, bool) or not isinstance(value, (Decimal, str, int, float)):
        raise ValueError(f"{name}: {value!r} is not an amount in USD")  # noqa: TRY004  (one kind of error for callers)
    try:
        amount = nanousd(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if amount < 0:
        raise ValueError(f"{name}: {value} is below zero")
    return amount
