"""Numbers as Grafana shows them in their units."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

_SECONDS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_THOUSANDS = ((1e9, " B"), (1e6, " M"), (1e3, " K"))


def shown(value: float, unit: str) -> str:
    """``value`` with its unit, in about three digits; a dash where there is no number."""
    if not math.isfinite(value):
        return "-"
    return _UNITS.get(unit, _short)(value)


def _seconds(value: float) -> str:
    for size, name in _SECONDS:
        if abs(value) >= size:
            return f"{_digits(value / size)} {name}"
    return "0 s"


def _short(value: float) -> str:
    for size, name in _THOUSANDS:
        if abs(value) >= size:
            return f"{_digits(value / size)}{name}"
    return _digits(value)


def _digits(value: float) -> str:
    if value == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(places, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_UNITS: Mapping[str, Callable[[float], str]] = {
    "s": _seconds,
    "percentunit": lambda value: f"{_digits(value * 100)}%",
    "currencyUSD": lambda value: f"${_short(value)}",
    "reqps": lambda value: f"{_short(value)} req/s",
    "locale": lambda value: f"{value:,.0f}",
}
