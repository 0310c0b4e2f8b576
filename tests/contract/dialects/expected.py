"""What a recorded reply means in OpenAI's words, read by code that shares nothing with the gateway's."""

from __future__ import annotations

from typing import Any

import msgspec


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What the client is to get of one exchange; whole and streamed replies mean the same."""

    text: str = ""
    reasoning: str = ""
    tool_calls: list[tuple[str, str, Any]] = []
    """Id (empty: any will do), name, arguments decoded."""
    images: int = 0
    finish: str | None = None
    usage: dict[str, int] = {}
    """By the names of Usage's fields; what is not in it is none."""
    error: tuple[str, int] | None = None
    """The Reason, and the HTTP status that the client gets."""
    retry_after: float | None = None
    """Seconds."""
    breaks_off: bool = False
    """The error comes inside a stream that has begun."""
