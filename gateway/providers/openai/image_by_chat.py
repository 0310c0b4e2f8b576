"""An images request served by a chat model that answers with images, where both speak OpenAI's format.

The prompt and the images to edit become a user's message; the pictures come back as data URLs in ``message.images``.
That place is OpenRouter's, and everyone who followed: https://openrouter.ai/docs/features/multimodal/image-generation

Carried: prompt, images, size, quality, background, format, compression, user. Not carried: a mask, several images at
once. Left out, since an image without them is still one: ``partial_images``, ``moderation``, ``style``,
``input_fidelity``, and words beside the pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.errors import InvalidRequest, Reason, UpstreamError, unsupported
from gateway.core.kinds import Kind
from gateway.core.types import Event
from gateway.providers.base import WholeDecoder
from gateway.providers.client.image_request import ImageRequest
from gateway.providers.client.media import Media
from gateway.providers.client.writer import Writer
from gateway.providers.openai.failure import read_whole
from gateway.providers.openai.usage import billed_chat_usage
from gateway.providers.raw import EMPTY


def chat_for(request: ImageRequest) -> dict[str, Any]:
    """The fields of the chat that asks for ``request``, the model apart. Raises UpstreamError (UNSUPPORTED)."""
    if request.mask is not None:
        raise unsupported("mask", "a chat model can't be given a mask")
    if request.count > 1:
        raise unsupported("n", "a chat model draws one image a request")
    content: str | list[dict[str, Any]] = request.prompt
    if request.images:
        content = [{"type": "text", "text": request.prompt}]
        content += [{"type": "image_url", "image_url": {"url": image.data_url}} for image in request.images]
    chat: dict[str, Any] = {
        "messages": [{"role": "user", "content": content}],
        "modalities": ["image", "text"],
    }
    config = {
        "size": None if request.size == "auto" else request.size,
        "quality": None if request.quality == "auto" else request.quality,
        "background": None if request.background == "auto" else request.background,
        "output_format": request.format,
        "output_compression": request.compression,
    }
    config = {name: value for name, value in config.items() if value is not None}
    if config:
        chat["image_config"] = config
    return chat


class _Message(msgspec.Struct, gc=False):
    content: Any = None
    refusal: str | None = None
    images: list[Any] | None = None


class _Choice(msgspec.Struct, gc=False):
    message: _Message | None = None
    finish_reason: str | None = None


class _Reply(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY


_reply = msgspec.json.Decoder(_Reply).decode


class ImageByChat(WholeDecoder):
    """Reads a whole chat completion and tells ``writer`` the pictures in it, whether the client streams or not."""

    def __init__(self, writer: Writer, kind: Kind, secrets: Sequence[str] = ()) -> None:
        self._writer = writer
        self._kind = kind
        self._secrets = secrets

    def decode(self, frame: bytes) -> Sequence[Event]:
        self._has_come = True
        reply = read_whole(_reply, frame, self._secrets)
        if not reply.choices or reply.choices[0].message is None:
            raise UpstreamError(Reason.UNREADABLE, "the provider's reply has no 'choices'")
        writer = self._writer
        usage = billed_chat_usage(reply.usage, self._kind)
        if usage is not None:
            writer.usage(usage)
        for choice in reply.choices:
            if choice.message is not None:
                _tell(choice.message, writer)
        writer.finish(reply.choices[0].finish_reason or "stop")
        writer.close()
        return writer.take()


def _tell(message: _Message, writer: Writer) -> None:
    """What a message holds; some providers put pictures among the parts of its content."""
    parts = message.content if isinstance(message.content, list) else ()
    if isinstance(message.content, str):
        writer.text(message.content)
    if message.refusal:
        writer.refusal(message.refusal)
    for part in (*parts, *(message.images or ())):
        if not isinstance(part, dict):
            continue
        if isinstance(text := part.get("text"), str):
            writer.text(text)
        url = part.get("image_url")
        url = url.get("url") if isinstance(url, dict) else url
        if isinstance(url, str):
            _picture(url, writer)


def _picture(url: str, writer: Writer) -> None:
    try:
        media = Media.of_url(url)
    except InvalidRequest as error:
        raise UpstreamError(Reason.UNREADABLE, "the provider sent an image that can't be read") from error
    if media.url:
        writer.image_link(media.url)
    else:
        writer.image(media.type, media.base64)
