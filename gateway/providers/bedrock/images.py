"""Amazon's own image models, Titan and Nova Canvas: what they are asked, and what they send.

https://docs.aws.amazon.com/nova/latest/userguide/image-gen-req-resp-structure.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-image.html
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.body import NOT_JSON, FormBody
from gateway.core.errors import InvalidRequest, Reason, UpstreamError, unsupported
from gateway.core.types import Call, Event, Target
from gateway.core.usage import Usage
from gateway.providers.base import WholeDecoder
from gateway.providers.bedrock.failure import words_of
from gateway.providers.client.chat import own_field
from gateway.providers.client.image_request import ImageRequest, pixels, size_for
from gateway.providers.client.media import Media
from gateway.providers.client.writer import Writer
from gateway.providers.failure import refusal

MAX_IMAGES = 5
"""At once; as many may be shown to it for a variation."""

USUAL_QUALITY, USUAL_SIZE = "standard", "1024x1024"
"""Where none is asked for."""

_FAMILIES = ("amazon.titan-image", "amazon.nova-canvas")
_DREW = frozenset({"image/png", "image/jpeg"})
_HEADER_BYTES = 26
_PNG = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPE = 25
_WITH_ALPHA = (4, 6)

Body = dict[str, Any]


def body_of(call: Call, target: Target) -> Body:
    """The body of InvokeModel. Raises InvalidRequest, and UpstreamError (UNSUPPORTED) for what they can't do."""
    if not any(family in target.model for family in _FAMILIES):
        raise unsupported("model", "at Bedrock the gateway knows how to ask Titan Image and Nova Canvas for images")
    asked = ImageRequest.of(call, target)
    _refuse(asked)
    words = {"text": asked.prompt, "negativeText": _own(call, "negative_prompt", str)}
    mask_prompt = _own(call, "mask_prompt", str)
    if not asked.images:
        task = {"taskType": "TEXT_IMAGE", "textToImageParams": _given(words)}
    elif asked.mask is not None or mask_prompt is not None:
        mask = {"maskPrompt": mask_prompt} if asked.mask is None else {"maskImage": _mask(asked.mask)}
        images = _pictures(asked.images[:1])
        task = {"taskType": "INPAINTING", "inPaintingParams": _given({**words, "image": images[0], **mask})}
        if len(asked.images) > 1:
            raise unsupported("image", "only one image can be painted into")
    else:
        strength = _own(call, "similarity_strength", float)
        variation = {**words, "images": _pictures(asked.images), "similarityStrength": strength}
        task = {"taskType": "IMAGE_VARIATION", "imageVariationParams": _given(variation)}
    return {**task, "imageGenerationConfig": _config(call, asked)}


def _config(call: Call, asked: ImageRequest) -> Body:
    config: Body = {
        "numberOfImages": asked.count,
        "quality": USUAL_QUALITY if asked.quality == "auto" else asked.quality,
        "cfgScale": _own(call, "cfg_scale", float),
        "seed": _own(call, "seed", int),
    }
    if asked.size != "auto":
        size = pixels(asked.size)
        if size is None:
            raise InvalidRequest(f"'size' must be like 1024x1024, not {asked.size[:32]!r}", param="size")
        config["width"], config["height"] = size
    return _given(config)


def _refuse(asked: ImageRequest) -> None:
    if asked.count > MAX_IMAGES:
        raise unsupported("n", f"these models draw at most {MAX_IMAGES} images a request")
    if asked.format not in (None, "png"):
        raise unsupported("output_format", "these models draw PNG alone")
    if asked.background == "transparent":
        raise unsupported("background", "these models draw no transparent background")
    if len(asked.images) > MAX_IMAGES:
        raise unsupported("image", f"these models look at no more than {MAX_IMAGES} images")


def _pictures(images: Sequence[Media]) -> list[str]:
    if any(image.url for image in images):
        raise unsupported("image", "Bedrock fetches nothing from the web: send images as files or data: URLs")
    if any(image.type not in _DREW for image in images):
        raise unsupported("image", "these models look at PNG and JPEG images")
    return [image.base64 for image in images]


def _mask(mask: Media) -> str:
    """A mask in black (to be painted) and white. OpenAI's says it by transparency, which these models don't read."""
    if mask.url:
        raise unsupported("mask", "Bedrock fetches nothing from the web: send the mask as a file or data: URL")
    try:
        head = b64decode(mask.base64[: _HEADER_BYTES * 4 // 3 + 4 & ~3])
    except (binascii.Error, ValueError):
        raise InvalidRequest("'mask' is no base64", param="mask") from None
    if head.startswith(_PNG) and len(head) > _COLOR_TYPE and head[_COLOR_TYPE] in _WITH_ALPHA:
        raise unsupported("mask", "these models want a mask in black (to be painted) and white, without transparency")
    return mask.base64


def _own(call: Call, name: str, type: type) -> Any:
    value = call.body.get(name) if isinstance(call.body, FormBody) else own_field(call, name)
    if value is None:
        return None
    try:
        return msgspec.convert(value, type, strict=False)
    except msgspec.ValidationError:
        raise InvalidRequest(f"'{name}' must be a {type.__name__}", param=name) from None


def _given(fields: Body) -> Body:
    return {name: value for name, value in fields.items() if value not in (None, "")}


def image_line(call: Call, target: Target) -> str:
    """``quality/size`` of what is drawn, for its price. What the client left open is as it is drawn then."""
    quality, size = call.needs.image_quality, size_for(call, target)
    return f"{USUAL_QUALITY if quality == 'auto' else quality}/{USUAL_SIZE if size == 'auto' else size}"


class _Drawn(msgspec.Struct, gc=False):
    images: list[str] | None = None
    error: str | None = None


_drawn = msgspec.json.Decoder(_Drawn).decode


class DrawnReply(WholeDecoder):
    """The images, at once. Some may be held back by a filter; of them ``error`` tells."""

    def __init__(self, writer: Writer, image_line: str, secrets: Sequence[str] = ()) -> None:
        self._writer = writer
        self._image_line = image_line
        self._secrets = secrets

    def decode(self, frame: bytes) -> Sequence[Event]:
        try:
            drawn = _drawn(frame)
        except NOT_JSON as error:
            raise UpstreamError(Reason.UNREADABLE, "the provider's reply is none of an image model") from error
        if not drawn.images:
            words = drawn.error or "the provider answered without an image"
            reason = words_of(words) or (Reason.SERVER_ERROR if drawn.error else Reason.UNREADABLE)
            raise refusal(reason, 200, words, secrets=self._secrets)
        for image in drawn.images:
            self._writer.image("image/png", image)
        self._writer.finish("stop")
        self._writer.usage(Usage(images=len(drawn.images), image_line=self._image_line))
        self._writer.close()
        self._has_come = True
        return self._writer.take()
