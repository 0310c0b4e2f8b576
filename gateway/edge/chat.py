"""A chat request, read as far as routing and limits need it; the provider judges the rest."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from gateway.catalog.tokens import PromptSize, measure, measure_schema
from gateway.core.body import JsonBody
from gateway.core.errors import InvalidRequest
from gateway.core.types import Call, Endpoint, Feature, Needs
from gateway.edge.asking import Asking
from gateway.edge.body import field

MAX_CHOICES = 128
"""OpenAI's own bound on ``n``."""
MAX_OUTPUT_TOKENS = 2**31 - 1
"""What any provider can count to."""


class _ImageConfig(msgspec.Struct):
    """How an image is to be drawn, in the words of the images endpoints; what else it holds is the provider's."""

    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


def chat_call(asking: Asking, body: JsonBody) -> Call:
    """The call that a chat completion's body asks for. Raises InvalidRequest naming the field."""
    model, wish = asking.model_and_wish(body)
    messages = body.fields.get("messages")
    if messages is None:
        raise InvalidRequest("you must provide 'messages'", param="messages")
    if memoryview(messages)[0] != ord("["):
        raise InvalidRequest("'messages' must be an array", param="messages")
    stream = field(body, "stream", bool, "true or false") or False
    options = field(body, "stream_options", _StreamOptions, "an object")
    return asking.call(
        endpoint=Endpoint.CHAT,
        model=model,
        wish=wish,
        body=body,
        needs=_needs(body, messages, stream=stream),
        stream=stream,
        wants_usage=bool(options and options.include_usage),
        user=field(body, "user", str, "a string"),
    )


def _needs(body: JsonBody, messages: msgspec.Raw, *, stream: bool) -> Needs:
    size = measure(messages)
    for name in ("tools", "functions", "response_format"):
        if (raw := body.fields.get(name)) is not None:
            size += measure_schema(raw)
    choices = _count(body, "n", 1, MAX_CHOICES) or 1
    features = _features(body, size, choices, stream=stream)
    needs = Needs(
        features=features,
        input_tokens=size.tokens,
        input_tokens_max=size.tokens_max,
        input_images=size.images,
        output_tokens_max=_output_ceiling(body),
        choices=choices,
        service_tier=field(body, "service_tier", str, "a string") or "auto",
    )
    return _with_image(needs, body) if Feature.IMAGE_OUTPUT in features else needs


def _with_image(needs: Needs, body: JsonBody) -> Needs:
    """``needs`` with what is asked of the image that the chat is to hold."""
    config = field(body, "image_config", _ImageConfig, "an object, its size and the like strings")
    if config is None:
        return needs
    features = needs.features | {Feature.TRANSPARENT} if config.background == "transparent" else needs.features
    return replace(
        needs,
        features=features,
        image_size=config.size or "auto",
        image_quality=config.quality or "auto",
        image_format=config.output_format,
    )


def _features(body: JsonBody, size: PromptSize, choices: int, *, stream: bool) -> frozenset[Feature]:
    fields = body.fields
    needed = {
        Feature.TOOLS: _has_items(fields.get("tools")) or _has_items(fields.get("functions")),
        Feature.JSON_SCHEMA: _speaks_of(fields.get("response_format"), b'"json_schema"'),
        Feature.LOGPROBS: field(body, "logprobs", bool, "true or false"),
        Feature.VISION: size.images,
        Feature.AUDIO: size.audios or _speaks_of(fields.get("modalities"), b'"audio"'),
        Feature.FILES: size.files,
        Feature.CHOICES: choices > 1,
        Feature.IMAGE_OUTPUT: _speaks_of(fields.get("modalities"), b'"image"'),
        Feature.STREAMING: stream,
    }
    return frozenset([feature for feature, is_needed in needed.items() if is_needed])


def _output_ceiling(body: JsonBody) -> int | None:
    """The most that the provider may write by either name of the ceiling: which one it heeds is not known here.

    0 is none: to some servers (Ollama) it means as much as they like.
    """
    given = [_count(body, name, 0, MAX_OUTPUT_TOKENS) or 0 for name in ("max_completion_tokens", "max_tokens")]
    return max(given) or None


def _count(body: JsonBody, name: str, least: int, most: int) -> int | None:
    count = field(body, name, int, "a whole number")
    if count is not None and not least <= count <= most:
        bound = f"at least {least}" if count < least else f"at most {most}"
        raise InvalidRequest(f"'{name}' must be {bound}", param=name)
    return count


def _has_items(raw: msgspec.Raw | None) -> bool:
    return raw is not None and bytes(raw) not in (b"[]", b"null")


def _speaks_of(raw: msgspec.Raw | None, name: bytes) -> bool:
    return raw is not None and name in bytes(raw)
