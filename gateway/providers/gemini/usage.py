"""``usageMetadata`` taken apart. https://ai.google.dev/api/generate-content#UsageMetadata

Google's own overlaps: the prompt's count holds the cached tokens and every modality; thoughts are beside the
candidates' count, and so is what its own tools read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from gateway.core.body import NOT_JSON
from gateway.core.usage import Usage

_Tokens = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class _Modality(msgspec.Struct, rename="camel", gc=False):
    modality: str = ""
    token_count: _Tokens | None = None


class _Metadata(msgspec.Struct, rename="camel", gc=False):
    prompt_token_count: _Tokens | None = None
    cached_content_token_count: _Tokens | None = None
    candidates_token_count: _Tokens | None = None
    thoughts_token_count: _Tokens | None = None
    tool_use_prompt_token_count: _Tokens | None = None
    total_token_count: _Tokens | None = None
    prompt_tokens_details: list[_Modality] | None = None
    cache_tokens_details: list[_Modality] | None = None
    candidates_tokens_details: list[_Modality] | None = None


_metadata = msgspec.json.Decoder(_Metadata).decode


def usage_of(raw: msgspec.Raw, *, has_images: bool = False) -> Usage | None:
    """The official usage so far; None where it is missing or no sense can be made of it.

    ``has_images``: the reply holds pictures. Where the modalities are left out, its tokens are then theirs.
    """
    if not raw:
        return None
    try:
        told = _metadata(raw)
    except NOT_JSON:
        return None
    if told.prompt_token_count is None and told.candidates_token_count is None:
        return None
    prompt, cached = told.prompt_token_count or 0, told.cached_content_token_count or 0
    written = _written(told)
    images = _count(told.prompt_tokens_details, "IMAGE")
    audio = _count(told.prompt_tokens_details, "AUDIO")
    cached_images = min(_count(told.cache_tokens_details, "IMAGE"), images, cached)
    cached_audio = min(_count(told.cache_tokens_details, "AUDIO"), audio, cached)
    drawn = _count(told.candidates_tokens_details, "IMAGE")
    spoken = _count(told.candidates_tokens_details, "AUDIO")
    if has_images and not drawn:
        drawn = written
    # Not every reply tells of what kind the cached ones are: no part may count them again.
    fresh = max(prompt - cached, 0)
    fresh_images = min(images - cached_images, fresh)
    fresh_audio = min(audio - cached_audio, fresh - fresh_images)
    return Usage(
        input=fresh - fresh_images - fresh_audio + (told.tool_use_prompt_token_count or 0),
        cached_input=max(cached - cached_images, 0),
        image_input=fresh_images,
        cached_image_input=cached_images,
        audio_input=fresh_audio,
        output=max(written - drawn - spoken, 0),
        reasoning=told.thoughts_token_count or 0,
        image_output=drawn,
        audio_output=spoken,
    )


def _written(told: _Metadata) -> int:
    """The candidates' tokens without thoughts. Some models have counted them in, which only the total tells."""
    written, thoughts = told.candidates_token_count or 0, told.thoughts_token_count or 0
    beside = (told.prompt_token_count or 0) + (told.tool_use_prompt_token_count or 0)
    if thoughts and written >= thoughts and told.total_token_count == beside + written:
        return written - thoughts
    return written


def _count(details: Sequence[_Modality] | None, modality: str) -> int:
    return sum(each.token_count or 0 for each in details or () if each.modality == modality)
