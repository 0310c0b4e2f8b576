"""``POST /v1/images/...``: a request and a behaviour make a script. Pure, but for large images not fast.

An image's URL holds all that is needed to draw it again, so that none is kept.
Formats: https://platform.openai.com/docs/api-reference/images/object and .../images-streaming
"""

from __future__ import annotations

import base64
import re
import zlib
from typing import Any

import msgspec

from gateway.simulator.behaviour import Behaviour
from gateway.simulator.image_request import LARGEST, ImageRequest, Kind
from gateway.simulator.image_usage import usage
from gateway.simulator.jpeg import jpeg
from gateway.simulator.png import colours, png
from gateway.simulator.script import SSE, Script, Stamp
from gateway.simulator.webp import webp

PATH = "/images/"
_NAME = re.compile(r"([0-9a-f]{8})-([0-9]{1,4})x([0-9]{1,4})(t?)\.(png|jpeg|webp)")
MEDIA_TYPES = {"png": b"image/png", "jpeg": b"image/jpeg", "webp": b"image/webp"}


def draw(format: str, size: tuple[int, int], key: int, *, is_transparent: bool = False, least_bytes: int = 0) -> bytes:
    """An image file. PNGs have stripes and can be padded; JPEG and WebP are of one colour."""
    if format == "png":
        return png(*size, key, is_transparent=is_transparent, least_bytes=least_bytes)
    colour = colours(key)[8]
    return jpeg(*size, colour) if format == "jpeg" else webp(*size, colour, 0 if is_transparent else 255)


def redrawn(name: str) -> tuple[bytes, bytes] | None:
    """Media type and bytes of an image whose URL was given out; None for a name that never was."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    key, width, height, transparent, format = found.groups()
    size = int(width), int(height)
    if not (min(size) >= 1 and max(size) <= LARGEST):
        return None
    return MEDIA_TYPES[format], draw(format, size, int(key, 16), is_transparent=bool(transparent))


def weight(request: ImageRequest, behaviour: Behaviour) -> int:
    """About how many bytes are worked through to make the reply: from a megabyte on it is no work for an event loop."""
    width, height = request.pixels
    return request.count * (width * height // 32 + behaviour.image_kb * 1024)


def reply(kind: Kind, request: ImageRequest, model: str, behaviour: Behaviour, stamp: Stamp) -> Script:
    """The reply, whole or streamed."""
    key = zlib.crc32(b"%b %b" % (request.prompt.encode(errors="replace"), stamp.id.encode()))
    before_head_s = behaviour.ttft_ms / 1000
    making_s = behaviour.image_ms / 1000
    if request.stream and not request.is_dalle:
        events = _streamed(kind, request, key, behaviour, stamp)
        per_image = len(events) // request.count
        return Script(
            events=tuple(events),
            content_type=SSE,
            before_head_s=before_head_s,
            interval_s=making_s / per_image,
            paced=(0, len(events)),
        )
    data = [_entry(request, model, key + at, behaviour, stamp) for at in range(request.count)]
    return Script(
        events=(msgspec.json.encode({"created": stamp.created, **_about(request), "data": data}),),
        before_head_s=before_head_s + making_s,
    )


def _about(request: ImageRequest) -> dict[str, Any]:
    if request.is_dalle:
        return {}
    return {**_traits(request), "usage": usage(request)}


def _traits(request: ImageRequest) -> dict[str, str]:
    """What was chosen where the client left it open."""
    width, height = request.pixels
    quality = request.quality
    return {
        "background": "transparent" if request.is_transparent else "opaque",
        "output_format": request.format,
        "quality": quality if quality in ("low", "medium", "high") else "high",
        "size": f"{width}x{height}",
    }


def _entry(request: ImageRequest, model: str, key: int, behaviour: Behaviour, stamp: Stamp) -> dict[str, str]:
    entry: dict[str, str] = {}
    if request.wants_url:
        width, height = request.pixels
        transparent = "t" if request.is_transparent else ""
        name = f"{key & 0xFFFFFFFF:08x}-{width}x{height}{transparent}.{request.format}"
        entry["url"] = f"{stamp.origin}{PATH}{name}"
    else:
        entry["b64_json"] = _base64(request, key, behaviour)
    if model == "dall-e-3":
        entry["revised_prompt"] = f"A picture of {request.prompt}"
    return entry


def _base64(request: ImageRequest, key: int, behaviour: Behaviour) -> str:
    least = behaviour.image_kb * 1024
    data = draw(
        request.format, request.pixels, key & 0xFFFFFFFF, is_transparent=request.is_transparent, least_bytes=least
    )
    return base64.b64encode(data).decode()


def _streamed(kind: Kind, request: ImageRequest, key: int, behaviour: Behaviour, stamp: Stamp) -> list[bytes]:
    prefix = "image_edit" if kind == "edit" else "image_generation"
    events = []
    for image in range(request.count):
        common = {"created_at": stamp.created, **_traits(request)}
        for index in range(request.partial_images or 0):
            picture = _base64(request, key + image + 30 * (index + 1), behaviour)
            partial = {"b64_json": picture, **common, "partial_image_index": index}
            events.append(_event(f"{prefix}.partial_image", partial))
        picture = _base64(request, key + image, behaviour)
        events.append(_event(f"{prefix}.completed", {"b64_json": picture, **common, "usage": usage(request)}))
    return events


def _event(name: str, fields: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode({"type": name, **fields}))
