"""What can be bought, what it can do, what it costs: asked once for each target of a configuration, never on a call.

Quality scores are not in it: the public leaderboards disagree, move weekly and rank other tasks than an operator's.
They come from the configuration.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime

import msgspec
from msgspec.structs import replace

from gateway.catalog.cache import ListingCache, cache_directory, installed_version
from gateway.catalog.images import Family, ImageList, load_images
from gateway.catalog.listing import Listing, Lookup, Row
from gateway.catalog.models import ModelFacts, ModelList, load_models
from gateway.catalog.prices import price_of_rates, price_of_row
from gateway.core.clock import Clock, SystemClock
from gateway.core.kinds import KINDS
from gateway.core.money import Price
from gateway.core.types import UNKNOWN, Capabilities

OPENAI_HOST = "api.openai.com"


class Entry(msgspec.Struct, frozen=True):
    """What the catalog knows of one model at one provider."""

    price: Price | None = None
    """None: not known, which is never the same as free."""
    capabilities: Capabilities = UNKNOWN


NOTHING_KNOWN = Entry()


class Source(msgspec.Struct, frozen=True):
    """Where a kind of figure comes from. ``as_of`` is ISO, to the day or the month; empty if not known."""

    figures: str
    name: str
    as_of: str

    def age_days(self, now: float) -> int | None:
        """Days between the figures' date and ``now`` (epoch seconds); None if they have no date."""
        if not self.as_of:
            return None
        day = date.fromisoformat(self.as_of if len(self.as_of) > len("2026-11") else f"{self.as_of}-01")
        return max(0, (datetime.fromtimestamp(now, UTC).date() - day).days)


class Catalog:
    """Price lists and abilities of the models that providers sell."""

    def __init__(self, listing: Listing, images: ImageList, models: ModelList, clock: Clock) -> None:
        self._listing = listing
        self._rows = Lookup(listing)
        self._images = images
        self._models = ModelFacts(models)
        self._clock = clock

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ, clock: Clock | None = None) -> Catalog:
        """The catalog of this installation: 3 ms, or 1 s the first time after ``genai-prices`` was updated."""
        cache = ListingCache(cache_directory(environ), installed_version())
        return cls(cache.load(), load_images(), load_models(), clock or SystemClock())

    @property
    def sources(self) -> tuple[Source, ...]:
        """What the figures rest on, for whoever wants to know how old they are."""
        models = self._models.list
        return (
            Source("token prices", f"genai-prices {self._listing.version}", self._listing.as_of),
            Source("image prices", "public price lists", self._images.as_of),
            Source("context and output lengths", models.source, models.date),
        )

    def entry(self, kind: str, model: str, base_url: str | None = None) -> Entry:
        """What is known of the upstream ``model`` at a provider of ``kind``.

        ``base_url`` is the configured one. For kind ``openai``, which anyone's server may speak, it says whose prices
        hold: OpenAI's at its own hosts, another listed provider's at that one's, nobody's elsewhere.
        """
        seller = self._seller(kind, base_url)
        if seller == "huggingface":
            # The router's names end with the provider that serves: ``openai/gpt-oss-120b:groq``.
            model, _, served_by = model.rpartition(":")
            seller = f"huggingface_{served_by}" if model else None
        if seller is None:
            return NOTHING_KNOWN
        family = self._images.family(seller, model)
        row = self._rows.row(seller, model)
        chat = self._models.capabilities(seller, model, row.context_tokens if row else None)
        return Entry(self._price(seller, model, row, family), _together(chat, family) if family else chat)

    def _seller(self, kind: str, base_url: str | None) -> str | None:
        if kind != "openai" or not base_url:
            found = KINDS.get(kind)
            return found.price_list if found else None
        host = base_url.partition("://")[2].partition("/")[0].lower()
        if host == OPENAI_HOST or host.endswith(f".{OPENAI_HOST}"):
            return "openai"
        return self._listing.provider_at(base_url)

    def _price(self, seller: str, model: str, row: Row | None, family: Family | None) -> Price | None:
        lines = family.per_image() if family else {}
        rates = family.rates() if family else self._models.audio_rates(seller, model)
        read = f"{family.source}, {family.date}" if family else ""
        if row is not None:
            source = f"genai-prices {self._listing.version}, {self._listing.as_of}" + (
                f"; images: {read}" if read else ""
            )
            price = price_of_row(row, now=self._clock.time(), also=rates, lines=lines, source=source)
            if price is not None:
                return price
            if model.lower().endswith(":free") and not any(period.rates for period in row.periods):
                return Price(source=source)
        if family is None:
            return None
        price = price_of_rates(rates, lines=lines, source=read)
        return price or (Price(per_image=lines, source=read) if lines else None)


def _together(chat: Capabilities, family: Family) -> Capabilities:
    """An image model of a chat endpoint is in both lists: what the image list leaves open, the other may know."""
    image = family.capabilities()
    return replace(
        image,
        endpoints=image.endpoints or chat.endpoints,
        features=chat.features if image.features is None else image.features,
        context_tokens=image.context_tokens or chat.context_tokens,
        max_output_tokens=image.max_output_tokens or chat.max_output_tokens,
        image_input_tokens=chat.image_input_tokens,
    )
