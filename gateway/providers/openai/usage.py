"""OpenAI's usage objects, taken apart into disjoint parts; and the lookalikes' bends of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from gateway.core.kinds import Kind
from gateway.core.money import nanousd
from gateway.core.types import Call
from gateway.core.usage import MOST_TOKENS, Usage
from gateway.providers.raw import is_given, said

MOST_USD = 1_000_000
"""A bill beyond it is a slip of the provider, not a cost."""


_CACHED = ("prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens")
"""Where those of DeepSeek, Databricks and Together have it: beside the totals."""
_BESIDE = frozenset({*_CACHED, "cache_creation_input_tokens", "reasoning_tokens"})
"""All that may stand there and is a part of them."""


def chat_usage(raw: msgspec.Raw) -> tuple[Usage, Mapping[str, Any]] | None:
    """The usage of a chat or an embedding, and the object that it was read from; None if it counts nothing.

    ``prompt_tokens`` holds the cached, image and audio ones, ``completion_tokens`` the reasoning, image and audio ones.
    Where a provider counts some of them beside these (xAI does so with reasoning, Claude's resellers may with what was
    cached), the total gives it away. A completion of null is not counted yet (Databricks says so in each chunk but the
    last): that is no usage of the reply.
    """
    given = _object(raw)
    if "prompt_tokens" not in given and "completion_tokens" not in given:
        return None
    if given.get("completion_tokens", 0) is None:
        return None
    prompt, completion = _count(given, "prompt_tokens"), _count(given, "completion_tokens")
    read = _part(given, "prompt_tokens_details")
    written = _part(given, "completion_tokens_details")
    if not read and not written and _BESIDE.isdisjoint(given):
        return Usage(input=prompt, output=completion), given
    total = _count(given, "total_tokens")
    cached = _count(read, "cached_tokens") or _first_count(given, _CACHED)
    cache_write = _count(read, "cache_write_tokens") or _count(given, "cache_creation_input_tokens")
    if total and total == prompt + completion + cached + cache_write:
        prompt += cached + cache_write
    cached = min(prompt, cached)
    cache_write = min(prompt - cached, cache_write)
    rest = prompt - cached - cache_write
    audio_input = min(rest, _count(read, "audio_tokens"))
    rest -= audio_input
    reasoning = _count(written, "reasoning_tokens") or _count(given, "reasoning_tokens")
    if not (reasoning and total == prompt + completion + reasoning):
        reasoning = min(completion, reasoning)
        completion -= reasoning
    image_output = min(completion, _count(written, "image_tokens"))
    audio_output = min(completion - image_output, _count(written, "audio_tokens"))
    usage = Usage(
        input=rest,
        cached_input=cached,
        cache_write=cache_write,
        audio_input=audio_input,
        output=completion - image_output - audio_output,
        reasoning=reasoning,
        image_output=image_output,
        audio_output=audio_output,
    )
    return usage, given


def image_usage(raw: msgspec.Raw, call: Call, *, images: int, quality: str, size: str) -> Usage:
    """The usage of an images reply: tokens where the model is billed by them, and what was produced in any case.

    The endpoint may give ``output_tokens`` without details: on an image model all of them are image tokens.
    """
    given = _object(raw) if len(raw) else {}
    details = _part(given, "input_tokens_details")
    total = _count(given, "input_tokens")
    image_input = min(total, _count(details, "image_tokens"))
    cached = _part(details, "cached_tokens_details")
    cached_image = min(image_input, _count(cached, "image_tokens"))
    cached_text = min(total - image_input, _count(cached, "text_tokens"))
    text_output = _count(_part(given, "output_tokens_details"), "text_tokens")
    output = _count(given, "output_tokens")
    return Usage(
        input=total - image_input - cached_text,
        cached_input=cached_text,
        image_input=image_input - cached_image,
        cached_image_input=cached_image,
        output=min(text_output, output),
        image_output=max(0, output - text_output),
        images=images,
        image_line=f"{quality or call.needs.image_quality}/{size or call.needs.image_size}",
    )


def billed_chat_usage(raw: msgspec.Raw, kind: Kind) -> Usage | None:
    """The usage of a chat or an embedding, with the provider's own bill where it states one; None for no usage."""
    found = chat_usage(raw) if is_given(raw) else None
    if found is None:
        return None
    usage, given = found
    bill = stated_bill(given, kind)
    return usage if bill is None else msgspec.structs.replace(usage, cost_nanousd=bill)


def with_bill(usage: Usage, raw: msgspec.Raw, kind: Kind) -> Usage:
    """``usage`` with the bill that its object ``raw`` states, if the provider states any."""
    if kind.bill is None or not is_given(raw):
        return usage
    given = said(raw)
    bill = stated_bill(given, kind) if isinstance(given, dict) else None
    return usage if bill is None else msgspec.structs.replace(usage, cost_nanousd=bill)


def stated_bill(usage: Mapping[str, Any], kind: Kind) -> int | None:
    """What the provider itself charges, in nano-dollars; None where it doesn't say so.

    With a key of one's own at a reseller, what that key's provider charges comes on top.
    https://openrouter.ai/docs/use-cases/usage-accounting
    """
    bill = kind.bill
    if bill is None:
        return None
    *outer, name = bill.path
    stated = usage
    for part in outer:
        stated = _part(stated, part)
    cost = _dollars(stated, name, bill.per_usd)
    if cost is None or (cost == 0 and not bill.is_zero_known):
        return None
    if usage.get("is_byok") is not True:
        return cost
    return cost + (_dollars(_part(usage, "cost_details"), "upstream_inference_cost") or 0)


def _object(raw: msgspec.Raw) -> dict[str, Any]:
    given = said(raw)
    return given if isinstance(given, dict) else {}


def _part(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = given.get(name)
    return part if isinstance(part, dict) else {}


def _first_count(given: Mapping[str, Any], names: Sequence[str]) -> int:
    return next((count for name in names if (count := _count(given, name))), 0)


def _count(given: Mapping[str, Any], name: str) -> int:
    count = given.get(name)
    if not count:  # most are 0 or not there
        return 0
    return min(int(count), MOST_TOKENS) if isinstance(count, int | float) and count > 0 else 0


def _dollars(given: Mapping[str, Any], name: str, per_usd: int = 1) -> int | None:
    """An amount of money as nano-dollars; None for what is no sane one."""
    amount = given.get(name)
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount <= MOST_USD * per_usd:
        return None
    return nanousd(amount) if per_usd == 1 else nanousd(Decimal(str(amount)) / per_usd)
