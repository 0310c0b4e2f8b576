"""What sets one provider apart from another of the same dialect, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from gateway.core.types import Feature

Bill = Callable[[Mapping[str, Any]], int | None]
"""Reads the provider's own bill, in nano-dollars, out of a usage object; None where it states none."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of provider."""

    base_url: str = ""
    """What the provider's official SDK uses; empty where every customer has an address of his own."""
    refuses: frozenset[str] = frozenset()
    """Request fields that it answers with an error, and without which an answer is still an answer: taken off."""
    renames: Mapping[str, str] = MappingProxyType({})
    """OpenAI's name of a field -> its own."""
    lacks: frozenset[Feature] = frozenset()
    """What none of its models can do: a call that needs it goes elsewhere."""
    takes_stream_options: bool = True
    """False: it refuses ``stream_options`` and sends usage unasked."""
    marks_usage_null: bool = False
    """With ``include_usage`` it puts ``"usage":null`` into each other chunk."""
    bill: Bill | None = None
