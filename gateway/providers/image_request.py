"""A request for images, taken apart: from an images endpoint, or from a chat that asks for an image.

https://platform.openai.com/docs/api-reference/images
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.body import FormBody, JsonBody
from gateway.core.errors import InvalidRequest, unsupported
from gateway.core.types import Call, Endpoint, Target
from gateway.providers.chat import Chat, Image, Message, own_field
from gateway.providers.media import Media


class ImageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``images`` are what is to be edited or varied; without any, something new is wanted. ``auto`` leaves a choice
    to the provider, and so does None.
    """

    prompt: str = ""
    images: Sequence[Media] = ()
    mask: Media | None = None
    count: int = 1
    size: str = "auto"
    quality: str = "auto"
    background: str | None = None
    format: str | None = None
    compression: int | None = None

    @classmethod
    def of(cls, call: Call, target: Target) -> ImageRequest:
        """What ``call`` asks ``target`` to draw. Raises InvalidRequest or UpstreamError (UNSUPPORTED)."""
        if call.endpoint is Endpoint.CHAT:
            prompt, images = _of_chat(Chat.of(call))
            return cls(prompt=prompt, images=images, count=call.needs.choices)
        needs = call.needs
        return cls(
            prompt=_value(call, "prompt") or "",
            images=_images(call),
            mask=_mask(call),
            count=needs.images,
            size=size_for(call, target),
            quality=needs.image_quality,
            background=_value(call, "background"),
            format=needs.image_format,
            compression=_number(_value(call, "output_compression")),
        )


def size_for(call: Call, target: Target) -> str:
    """The size that ``target`` is to draw: the one that was asked for, or where its config allows it the nearest."""
    size = call.needs.image_size
    sizes = target.capabilities.image_sizes
    if not target.nearest_image_size or not sizes or size in sizes or (asked := pixels(size)) is None:
        return size
    known = {name: found for name in sizes if (found := pixels(name)) is not None}

    def distance(name: str) -> tuple[float, int]:
        width, height = known[name]
        ratio = (width * asked[1]) / (height * asked[0])
        return max(ratio, 1 / ratio), abs(width * height - asked[0] * asked[1])

    return min(sorted(known), key=distance, default=size)


def image_line(call: Call, target: Target) -> str:
    """``quality/size``, as price lists name what is drawn."""
    return f"{call.needs.image_quality}/{size_for(call, target)}"


def pixels(size: str) -> tuple[int, int] | None:
    """``1024x1536`` as width and height; None for what is no size."""
    width, cross, height = size.partition("x")
    if not cross or not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        return None
    return (int(width), int(height)) if int(width) and int(height) else None


def _value(call: Call, name: str) -> Any:
    return call.body.get(name) if isinstance(call.body, FormBody) else own_field(call, name)


def _number(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        raise InvalidRequest("'output_compression' must be a whole number", param="output_compression") from None


def _images(call: Call) -> tuple[Media, ...]:
    body = call.body
    if isinstance(body, FormBody):
        return tuple(Media.of_file(file) for file in body.files if file.name in ("image", "image[]"))
    return tuple(_reference(given, "images") for given in own_field(call, "images") or ())


def _mask(call: Call) -> Media | None:
    body = call.body
    if isinstance(body, FormBody):
        return next((Media.of_file(file) for file in body.files if file.name == "mask"), None)
    given = own_field(call, "mask") if isinstance(body, JsonBody) else None
    return None if given is None else _reference(given, "mask")


def _reference(given: Any, param: str) -> Media:
    """An image of a JSON request: ``{"image_url": …}``, or by the id of a file, which only OpenAI has."""
    url = given.get("image_url") if isinstance(given, dict) else given
    if isinstance(url, str):
        return Media.of_url(url)
    raise unsupported(
        param, f"'{param}' must hold image_url: a file's id is known only where it was uploaded"
    )


def _of_chat(chat: Chat) -> tuple[str, tuple[Media, ...]]:
    """The user's last words as the prompt; to be edited, the pictures beside them, or else the last ones before."""
    asked = next((message for message in reversed(chat.messages) if message.role == "user"), None)
    prompt = asked.text if asked is not None else ""
    if not prompt:
        raise unsupported("messages", "an image model draws what the user's last message says, and it says nothing")
    upto = chat.messages[: chat.messages.index(asked) + 1] if asked is not None else ()
    return prompt, next((found for message in reversed(upto) if (found := _pictures(message))), ())


def _pictures(message: Message) -> tuple[Media, ...]:
    given = [part for part in message.parts if isinstance(part, Image)]
    return tuple(part.media for part in (*given, *(message.images or ())))
