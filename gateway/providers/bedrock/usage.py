"""Converse's usage, whose parts of the input don't overlap: what went through the cache is not in ``inputTokens``.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
"""

from __future__ import annotations

import msgspec

from gateway.core.usage import Usage

MOST_TOKENS = 10**12
"""More are a slip of the provider's."""


class Counts(msgspec.Struct, rename="camel", gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    """Thoughts among them; nothing says how many."""
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None


def usage_of(counts: Counts) -> Usage:
    return Usage(
        input=_count(counts.input_tokens),
        cached_input=_count(counts.cache_read_input_tokens),
        cache_write=_count(counts.cache_write_input_tokens),
        output=_count(counts.output_tokens),
    )


def _count(given: int | None) -> int:
    return min(max(given or 0, 0), MOST_TOKENS)
