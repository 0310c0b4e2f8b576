"""OpenRouter: OpenAI's format for chats, which pass through, and an API of its own for images.

    POST {base}/images {"model", "prompt", "input_references": [{"type": "image_url", "image_url": {"url"}}], "n", …}
    {"created", "data": [{"b64_json", "media_type"}], "usage": {"prompt_tokens", "completion_tokens", "cost", …}}

It draws by every model that can, also by those that otherwise chat, so all images requests go there; and chats for an
image go there where a model can do nothing else. https://openrouter.ai/docs/features/multimodal/image-generation

Carried: prompt, images, ``n``, size, quality, background, format and compression, and its own ``aspect_ratio``,
``resolution``, ``seed`` and ``provider`` (of a chat: ``image_config``'s). Not carried: a mask, variations. Left out:
previews, ``user``, ``moderation``, ``style``, ``input_fidelity``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.body import JsonBody
from gateway.core.errors import unsupported
from gateway.core.exchange import HttpHead, HttpRequest, Pieces
from gateway.core.types import Call, Endpoint, Target
from gateway.core.usage import Usage
from gateway.providers.base import Decoder
from gateway.providers.client.chat import own_field
from gateway.providers.client.image_request import ImageRequest
from gateway.providers.client.reply import writer_for
from gateway.providers.openai.chat_by_images import ChatByImages
from gateway.providers.openai.dialect import OpenAI, is_translated
from gateway.providers.openai.usage import billed_chat_usage

_OWN = ("aspect_ratio", "resolution", "seed", "provider")
_OTHER_MODELS = ("models", "preset")
"""Fields that have another model answer than the target's: its fallbacks, and a preset with a model in it.

https://openrouter.ai/docs/guides/routing · https://openrouter.ai/docs/guides/features/presets
"""
_OF_IMAGE_CONFIG = {"aspect_ratio": "aspect_ratio", "image_size": "resolution"}
"""A chat's words -> the images API's."""


class OpenRouter(OpenAI):
    """The dialect for one account."""

    def encode(self, call: Call, target: Target) -> HttpRequest:
        if not _is_drawn(call, target):
            return super().encode(call, target)
        if call.endpoint is Endpoint.IMAGE_VARIATIONS:
            raise unsupported("model", "OpenRouter makes no variations of images")
        fields = {"model": target.model, **_own(call), **_drawing(ImageRequest.of(call, target))}
        path = self._paths[Endpoint.IMAGE_GENERATIONS].removesuffix(b"/generations")
        return HttpRequest(b"POST", self._origin, path, self._json_headers, Pieces(msgspec.json.encode(fields)))

    def decoder(self, call: Call, target: Target, head: HttpHead) -> Decoder:
        if not _is_drawn(call, target):
            return super().decoder(call, target, head)
        return _Pictures(call, writer_for(call, target, time=self._clock.time()), self._kind, self._secrets)

    def _fields(self, call: Call, body: JsonBody, target: Target) -> dict[str, msgspec.Raw]:
        fields = super()._fields(call, body, target)
        if "*" not in call.caller.models:
            # A key for some models would else be a key for them all.
            for name in _OTHER_MODELS:
                fields.pop(name, None)
        return fields


class _Pictures(ChatByImages):
    """Its usage is a chat's, and what it charges is in it."""

    def _usage(self, usage: msgspec.Raw, images: int, line: tuple[str, str]) -> Usage | None:  # noqa: ARG002
        found = billed_chat_usage(usage, self._kind)
        if found is None or found.image_output:
            return found
        # Not every upstream tells what was written; without images it would not be here.
        return msgspec.structs.replace(found, output=0, image_output=found.output)


def _is_drawn(call: Call, target: Target) -> bool:
    """The images API serves ``call``."""
    if call.endpoint is Endpoint.CHAT:
        return is_translated(call, target) and target.endpoint_for(call) is not None
    return call.endpoint is not Endpoint.EMBEDDINGS


def _drawing(request: ImageRequest) -> dict[str, Any]:
    if request.mask is not None:
        raise unsupported("mask", "OpenRouter's images API can't be given a mask")
    fields: dict[str, Any] = {"prompt": request.prompt}
    if request.images:
        urls = [image.data_url for image in request.images]
        fields["input_references"] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    given = {
        "n": request.count if request.count > 1 else None,
        "size": None if request.size == "auto" else request.size,
        "quality": None if request.quality == "auto" else request.quality,
        "background": request.background,
        "output_format": request.format,
        "output_compression": request.compression,
    }
    return fields | {name: value for name, value in given.items() if value is not None}


def _own(call: Call) -> dict[str, Any]:
    """What only it has a word for."""
    given = {name: own_field(call, name) for name in _OWN}
    if call.endpoint is Endpoint.CHAT and isinstance(config := own_field(call, "image_config"), dict):
        given |= {theirs: config.get(ours) for ours, theirs in _OF_IMAGE_CONFIG.items()}
    return {name: value for name, value in given.items() if value is not None}
