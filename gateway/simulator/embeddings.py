"""``POST /v1/embeddings``: unit vectors that depend on nothing but the text and the number of dimensions.

Source: https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from array import array
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.core.errors import InvalidRequest
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.requests import decoded
from gateway.simulator.script import Script, Stamp
from gateway.simulator.tokens import count

LARGEST = 3072
DIMENSIONS = {"text-embedding-3-large": 3072}
USUAL = 1536
MOST_INPUTS = 2048


class EmbeddingsRequest(Struct):
    model: Annotated[str, Meta(min_length=1)]
    input: str | list[Any]
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: Annotated[int, Meta(ge=1, le=LARGEST)] | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    texts: tuple[str | tuple[int, ...], ...] = ()
    """``input`` as a list, each one text or token ids."""


_decoder = msgspec.json.Decoder(EmbeddingsRequest)


def read(_content_type: bytes, body: bytes) -> EmbeddingsRequest:
    """Raises InvalidRequest."""
    request = decoded(body, _decoder)
    given = request.input
    items = [given] if isinstance(given, str) or (given and isinstance(given[0], int)) else given
    if not 1 <= len(items) <= MOST_INPUTS:
        message = f"Invalid 'input': expected 1 to {MOST_INPUTS} inputs, got {len(items)}."
        raise InvalidRequest(message, param="input", code="invalid_value")
    request.texts = tuple(_checked(item) for item in items)
    return request


def _checked(item: Any) -> str | tuple[int, ...]:
    if isinstance(item, str) and item:
        return item
    if isinstance(item, list) and item and all(type(token) is int for token in item):
        return tuple(item)
    message = "Invalid 'input': expected a non-empty string, an array of them, of token ids, or of arrays of token ids."
    raise InvalidRequest(message, param="input", code="invalid_type")


def reply(request: EmbeddingsRequest, model: str, behaviour: Behaviour, _stamp: Stamp) -> Script:
    """The reply."""
    dimensions = request.dimensions or DIMENSIONS.get(model, USUAL)
    is_base64 = request.encoding_format == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _embedding(text, dimensions, is_base64=is_base64)}
        for index, text in enumerate(request.texts)
    ]
    tokens = sum(count(text) if isinstance(text, str) else len(text) for text in request.texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    body = msgspec.json.encode({"object": "list", "data": data, "model": model, "usage": usage})
    return Script(events=(body,), before_head_s=behaviour.ttft_ms / 1000)


def weight(request: EmbeddingsRequest, _behaviour: Behaviour) -> int:
    """About how many bytes the reply has."""
    return len(request.texts) * (request.dimensions or USUAL) * 16


def _embedding(text: str | tuple[int, ...], dimensions: int, *, is_base64: bool) -> str | list[float]:
    found = vector(text, dimensions)
    # OpenAI's base64 holds 32-bit floats, little-endian.
    return base64.b64encode(struct.pack(f"<{dimensions}f", *found)).decode() if is_base64 else list(found)


@lru_cache(maxsize=256)
def vector(text: str | tuple[int, ...], dimensions: int) -> tuple[float, ...]:
    """A unit vector, of numbers that 32-bit floats hold exactly."""
    digest = hashlib.shake_256(repr(text).encode(errors="replace")).digest(2 * dimensions)
    noise = [value or 1 for value in struct.unpack(f"<{dimensions}h", digest)]
    length = math.sqrt(sum(value * value for value in noise))
    return tuple(array("f", (value / length for value in noise)))
