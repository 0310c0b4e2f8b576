"""A request for images, taken apart: from an images endpoint, or from a chat that asks for an image.

https://platform.openai.com/docs/api-reference/images
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from gateway.core.body import FormBody, JsonBody
from gateway.core.errors import InvalidRequest, unsupported
from gateway.core.types import Call, Endpoint, Target
from gateway.providers.client.chat import Chat, Image, Message, own_field
from gateway.providers.client.media import Media

_SIZE = re.compile(r"([0-9]{1,6})x([0-9]{1,6})")


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
            return cls._of_chat(Chat.of(call), call, target)
        needs = call.needs
        return cls(
            prompt=_text(call, "prompt") or "",
            images=_images(call),
            mask=_mask(call),
            count=needs.images,
            size=size_for(call, target),
            quality=needs.image_quality,
            background=_text(call, "background"),
            format=needs.image_format,
            compression=_number(_value(call, "output_compression")),
        )

    @classmethod
    def _of_chat(cls, chat: Chat, call: Call, target: Target) -> ImageRequest:
        needs = call.needs
        prompt, images = _of_chat(chat)
        background = (chat.image_config or {}).get("background")
        return cls(
            prompt=prompt,
            images=images,
            count=needs.choices,
            size=size_for(call, target),
            quality=needs.image_quality,
            background=background if isinstance(background, str) else None,
            format=needs.image_format,
        )


def size_for(call: Call, target: Target) -> str:
    """The size that ``target`` is to draw: the one that was asked for, or where its config allows it the nearest."""
    size = call.needs.image_size
    sizes = target.capabilities.image_sizes
    if not target.nearest_image_size or not sizes or size in sizes or (asked := pixels(size)) is None:
        return size
    return nearest(asked, sizes) or size


def nearest(asked: tuple[int, int], sizes: Iterable[str]) -> str | None:
    """Which of ``sizes`` has the nearest aspect ratio to ``asked``, and among those the nearest area; None of none."""
    known = {name: found for name in sizes if (found := pixels(name)) is not None}

    def distance(name: str) -> tuple[float, int]:
        width, height = known[name]
        ratio = (width * asked[1]) / (height * asked[0])
        return max(ratio, 1 / ratio), abs(width * height - asked[0] * asked[1])

    return min(sorted(known), key=distance, default=None)


def image_line(call: Call, target: Target) -> str:
    """``quality/size``, as price lists name what is drawn."""
    return f"{call.needs.image_quality}/{size_for(call, target)}"


def pixels(size: str) -> tuple[int, int] | None:
    """``1024x1536`` as width and height; None for what is no size."""
    found = _SIZE.fullmatch(size)
    if found is None:
        return None
    width, height = int(found[1]), int(found[2])
    return (width, height) if width and height else None


def _value(call: Call, name: str) -> Any:
    return call.body.get(name) if isinstance(call.body, FormBody) else own_field(call, name)


def _text(call: Call, name: str) -> str | None:
    value = _value(call, name)
    if value is None or isinstance(value, str):
        return value
    raise InvalidRequest(f"'{name}' must be a string", param=name)


def _number(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest("'output_compression' must be a whole number", param="output_compression") from None


def _images(call: Call) -> tuple[Media, ...]:
    body = call.body
    if isinstance(body, FormBody):
        return tuple(Media.of_file(file) for file in body.files if file.name in ("image", "image[]"))
    given = own_field(call, "images") or []
    if not isinstance(given, list):
        raise InvalidRequest("'images' must be an array", param="images")
    return tuple(_reference(each, "images") for each in given)


def _mask(call: Call) -> Media | None:
    body = call.body
    if isinstance(body, FormBody):
        return next((Media.of_file(file) for file in body.files if file.name == "mask"), None)
    given = own_field(call, "mask") if isinstance(body, JsonBody) else None
    return None if given is None else _reference(given, "mask")


def _reference(given: Any, param: str) -> Media:
    """An image of a JSON request: ``{"image_url": …}``, or by the id of a file, which only OpenAI has."""
    url = given.get("image_url") if isinstance(given, dict) else given
    url = url.get("url") if isinstance(url, dict) else url
    if isinstance(url, str):
        return Media.of_url(url)
    raise unsupported(param, f"'{param}' must hold image_url: a file's id is known only where it was uploaded")


def _of_chat(chat: Chat) -> tuple[str, tuple[Media, ...]]:
    """The user's last words as the prompt; to be edited, the pictures beside them, or else the last ones before."""
    last = max((at for at, message in enumerate(chat.messages) if message.role == "user"), default=None)
    prompt = "" if last is None else chat.messages[last].text
    if last is None or not prompt:
        raise unsupported("messages", "an image model draws what the user's last message says, and it says nothing")
    upto = reversed(chat.messages[: last + 1])
    return prompt, next((found for message in upto if (found := _pictures(message))), ())


def _pictures(message: Message) -> tuple[Media, ...]:
    given = [part for part in message.parts if isinstance(part, Image)]
    return tuple(part.media for part in (*given, *(message.images or ())))
