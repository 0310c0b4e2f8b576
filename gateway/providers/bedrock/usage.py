"""Converse's usage, whose parts of the input don't overlap: what went through the cache is not in ``inputTokens``.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
"""

from __future__ import annotations

import msgspec

from gateway.core.usage import MOST_TOKENS, Usage


class _Written(msgspec.Struct, rename="camel", gc=False):
    ttl: str | None = None
    input_tokens: int | None = None


class Counts(msgspec.Struct, rename="camel", gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    """Thoughts among them; nothing says how many."""
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    cache_details: list[_Written] | None = None
    """Of those, for how long."""


def usage_of(counts: Counts) -> Usage:
    written = _count(counts.cache_write_input_tokens)
    for_1h = sum(_count(part.input_tokens) for part in counts.cache_details or () if part.ttl == "1h")
    for_1h = min(for_1h, written)
    return Usage(
        input=_count(counts.input_tokens),
        cached_input=_count(counts.cache_read_input_tokens),
        cache_write=written - for_1h,
        cache_write_1h=for_1h,
        output=_count(counts.output_tokens),
    )


def _count(given: int | None) -> int:
    return min(max(given or 0, 0), MOST_TOKENS)
