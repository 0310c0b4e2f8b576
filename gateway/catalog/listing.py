"""The compiled price list: what providers sell, how they spell it, and what it costs, in integers.

Compiled once from the package ``genai-prices`` (its import takes 0.4 s and 40 MB, a look-up 77 µs) and read back from
a file. Rows keep the package's own rules for matching a model's name, so that a name finds what it finds there.
"""

from __future__ import annotations

import re
from datetime import date

import msgspec

_COMPACT_DATE = re.compile(r"(-)(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


class Clause(msgspec.Struct, array_like=True, frozen=True):
    """A rule that a model's name (lower case) fits or not."""

    op: str
    """``equals``, ``starts_with``, ``ends_with``, ``contains``, ``regex``, ``or``, ``and``."""
    text: str = ""
    parts: tuple[Clause, ...] = ()

    def is_met_by(self, name: str) -> bool:  # noqa: PLR0911  (a row an operation)
        match self.op:
            case "equals":
                return name == self.text
            case "or":
                return any(part.is_met_by(name) for part in self.parts)
            case "starts_with":
                return name.startswith(self.text)
            case "contains":
                return self.text in name
            case "ends_with":
                return name.endswith(self.text)
            case "regex":
                return re.search(self.text, name) is not None
            case _:
                return all(part.is_met_by(name) for part in self.parts)


Rates = dict[str, int]
"""Published rates only, by the name of ``Price``'s field."""


class Period(msgspec.Struct, array_like=True, frozen=True):
    """Rates, and when they hold. Of the periods that hold at a time the last one counts."""

    rates: Rates
    tiers: tuple[tuple[int, Rates], ...] = ()
    """Above so many input tokens, ascending."""
    since: int = 0
    """Epoch seconds."""
    hours: tuple[int, int] | None = None
    """Seconds of the UTC day; an end before the start runs past midnight."""


class Row(msgspec.Struct, array_like=True, frozen=True):
    """A model at a provider."""

    id: str
    match: Clause
    context_tokens: int | None
    periods: tuple[Period, ...]


class Provider(msgspec.Struct, array_like=True, frozen=True):
    """A provider's rows in their order; the first that matches counts."""

    id: str
    fallbacks: tuple[str, ...]
    """Providers whose rows are tried after its own: Azure sells OpenAI's models."""
    api_pattern: str
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row | None:
        for row in self.rows:
            if row.match.is_met_by(name):
                return row
        return None


class Listing(msgspec.Struct, array_like=True, frozen=True):
    """All providers, each still encoded: a configuration uses few of the forty."""

    version: str
    """Of the package that it was compiled from."""
    as_of: str
    """The newest date in it, ISO: its prices are at least so new."""
    providers: dict[str, msgspec.Raw]
    patterns: dict[str, str]
    """Provider ids by what the URL of their API begins with, a regular expression."""

    def provider(self, id: str) -> Provider | None:
        raw = self.providers.get(id)
        return None if raw is None else msgspec.msgpack.decode(raw, type=Provider)

    def provider_at(self, url: str) -> str | None:
        """The id of the provider whose API is at ``url``. A host that merely begins like one's is not that one."""
        for pattern, id in self.patterns.items():
            found = re.match(pattern, url)
            if found and (found[0].endswith("/") or url[found.end() : found.end() + 1] in ("", "/", ":")):
                return id
        return None


class Lookup:
    """Finds rows, and keeps the providers that it has decoded."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self._providers: dict[str, Provider | None] = {}

    def row(self, provider: str, model: str) -> Row | None:
        """The row for ``model`` at ``provider``, as genai-prices would find it."""
        name = model.lower()
        found = self._match(provider, name)
        if found is None:
            dashed = _COMPACT_DATE.sub(_dashed, name)
            if dashed != name:
                found = self._match(provider, dashed)
        return found

    def _match(self, id: str, name: str) -> Row | None:
        provider = self._provider(id)
        if provider is None:
            return None
        found = provider.row(name)
        for fallback in provider.fallbacks if found is None else ():
            other = self._provider(fallback)
            found = other.row(name) if other else None
            if found is not None:
                break
        return found

    def _provider(self, id: str) -> Provider | None:
        if id not in self._providers:
            self._providers[id] = self.listing.provider(id)
        return self._providers[id]


def _dashed(match: re.Match[str]) -> str:
    """``-20251211`` as ``-2025-12-11``: OpenRouter writes dates so. What is no date stays."""
    year, month, day = (int(match[group]) for group in (2, 3, 4))
    try:
        return f"-{date(year, month, day).isoformat()}"
    except ValueError:
        return match[0]
