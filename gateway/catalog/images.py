"""Image models: what an image costs by quality and size, and what each family can do. Data: ``images.json``.

Each family states its figures in USD as strings, with their source and date. Sources disagree at times, so a
configuration's own price wins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.catalog.models import GEOGRAPHY
from gateway.catalog.prices import with_auto
from gateway.core.money import nanousd
from gateway.core.types import Capabilities, Endpoint, Feature

_DATE = re.compile(r"-20\d{2}-\d{2}-\d{2}$")


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Image models that share their prices and abilities. What is None is not known."""

    names: tuple[str, ...]
    sold_by: frozenset[str]
    """Providers, as genai-prices names them, that sell at these prices."""
    source: str
    date: str
    """When the figures were read, ISO to the month."""
    lines: Mapping[str, str]
    """USD an image by ``quality/size``, or ``default``."""
    auto: str | None = None
    """The line that a request gets which names neither; None where the provider chooses: then the dearest counts."""
    tokens: Mapping[str, str] = {}
    """USD a million tokens, by the field of ``Price``."""
    endpoints: frozenset[Endpoint] | None = None
    features: frozenset[Feature] | None = None
    sizes: frozenset[str] | None = None
    qualities: frozenset[str] | None = None
    formats: frozenset[str] | None = None
    max_images: int | None = None
    context: int | None = None
    output: int | None = None
    """The most output tokens of one reply, where it is a chat."""
    note: str = ""

    def per_image(self) -> dict[str, int]:
        """Nano-dollars by line, with a line for each thing that a request may leave to ``auto``."""
        lines = {line: nanousd(usd) for line, usd in self.lines.items()}
        if self.auto is not None:
            quality, _, size = self.auto.partition("/")
            lines |= {f"auto/{line.partition('/')[2]}": amount for line, amount in _of_quality(lines, quality)}
            lines |= {f"{line.partition('/')[0]}/auto": amount for line, amount in _of_size(lines, size)}
        return with_auto(lines)

    def rates(self) -> dict[str, int]:
        """Nano-dollars a million tokens, those that were found."""
        return {field: nanousd(usd) for field, usd in self.tokens.items()}

    def capabilities(self) -> Capabilities:
        return Capabilities(
            endpoints=self.endpoints,
            features=self.features,
            context_tokens=self.context,
            max_output_tokens=self.output,
            image_sizes=self.sizes,
            image_qualities=self.qualities,
            image_formats=self.formats,
            max_images=self.max_images,
        )


class ImageList(msgspec.Struct, frozen=True):
    """All families."""

    families: tuple[Family, ...]

    def family(self, provider: str, model: str) -> Family | None:
        """The family of ``model``, if ``provider`` sells it. A vendor or a region before the name and a date after it
        are passed over: ``openai/gpt-image-1``, ``us.amazon.nova-canvas-v1:0``, ``gpt-image-2-2026-04-21``.
        """
        name = GEOGRAPHY.sub("", model.lower().rpartition("/")[2])
        undated = _DATE.sub("", name)
        for family in self.families:
            if provider in family.sold_by and (name in family.names or undated in family.names):
                return family
        return None

    @property
    def as_of(self) -> str:
        """The oldest date among the figures, ISO to the month."""
        return min(family.date for family in self.families)


def load_images() -> ImageList:
    """The list that comes with the package."""
    return msgspec.json.decode(Path(__file__).with_name("images.json").read_bytes(), type=ImageList)


def _of_quality(lines: Mapping[str, int], quality: str) -> list[tuple[str, int]]:
    return [(line, amount) for line, amount in lines.items() if line.partition("/")[0] == quality]


def _of_size(lines: Mapping[str, int], size: str) -> list[tuple[str, int]]:
    return [(line, amount) for line, amount in lines.items() if line.partition("/")[2] == size]
