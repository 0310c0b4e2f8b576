"""Anthropic's usage, whose parts of the input don't overlap, and whose output holds the thoughts.

https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

import msgspec

from gateway.core.usage import MOST_TOKENS, NOTHING, Usage


class _Details(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class _Written(msgspec.Struct, gc=False):
    ephemeral_1h_input_tokens: int | None = None


class Counts(msgspec.Struct, gc=False):
    """What a message or the end of a stream counts; what it leaves out is as it was."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    """Into the cache, for five minutes or an hour alike."""
    cache_creation: _Written | None = None
    """Of those, for how long."""
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: _Details | None = None
    type: str = ""
    """Of an iteration."""
    iterations: list[Counts] | None = None
    """The parts of a reply that took several; those of ``compaction`` alone are not in the figures above."""


def usage_of(counts: Counts, before: Usage) -> Usage:
    """``counts`` over what was counted ``before``."""
    details = counts.output_tokens_details
    reasoning = _count(details.thinking_tokens if details is not None else None, before.reasoning)
    output = _count(counts.output_tokens, before.output + before.reasoning)
    reasoning = min(reasoning, output)
    written = _count(counts.cache_creation_input_tokens, before.cache_write + before.cache_write_1h)
    for_1h = counts.cache_creation.ephemeral_1h_input_tokens if counts.cache_creation is not None else None
    for_1h = min(_count(for_1h, before.cache_write_1h), written)
    return Usage(
        input=_count(counts.input_tokens, before.input),
        cached_input=_count(counts.cache_read_input_tokens, before.cached_input),
        cache_write=written - for_1h,
        cache_write_1h=for_1h,
        output=output - reasoning,
        reasoning=reasoning,
    )


def compaction_of(counts: Counts) -> Usage | None:
    """What it took to sum up a context that had become too long, which is billed beside all else; None if nothing is
    said of it. https://platform.claude.com/docs/en/build-with-claude/compaction
    """
    found: Usage | None = None
    for each in counts.iterations or ():
        if each.type == "compaction":
            took = usage_of(each, NOTHING)
            found = took if found is None else found.plus(took)
    return found


def _count(given: int | None, before: int) -> int:
    return before if given is None else min(max(given, 0), MOST_TOKENS)
