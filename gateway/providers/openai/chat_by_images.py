"""A chat that asks for an image, served by an image model, where both speak OpenAI's format.

The user's last words are the prompt; the images attached to them, or else the last ones before, are edited.
https://platform.openai.com/docs/api-reference/images

Carried: that prompt, those images, ``n`` (as several pictures in the one answer), ``user``, and of ``image_config``
size, quality, background and format. Not carried, and so refused beforehand: tools, schemas, audio, files, log
probabilities. Left out, since they steer words: earlier turns, instructions, sampling, ceilings, ``stop``.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.body import FormFile
from gateway.core.errors import InvalidRequest, Reason, UpstreamError, unsupported
from gateway.core.kinds import Kind
from gateway.core.types import Call, Endpoint, Event, Feature, Target
from gateway.core.usage import Usage
from gateway.providers.base import WholeDecoder
from gateway.providers.client.chat import own_field
from gateway.providers.client.image_request import ImageRequest
from gateway.providers.client.media import Media, type_of
from gateway.providers.client.writer import Writer
from gateway.providers.openai.failure import read_whole
from gateway.providers.openai.usage import image_usage, with_bill
from gateway.providers.raw import EMPTY

IMAGE_CONFIG = frozenset({"size", "quality", "background", "output_format"})
"""What of a chat's ``image_config`` the images endpoints have a word for: the same one."""


def images_for(request: ImageRequest, endpoint: Endpoint, call: Call, target: Target) -> dict[str, Any]:
    """The fields that ask ``endpoint`` of ``target`` for ``request``, the model and the images apart.

    Raises UpstreamError (UNSUPPORTED) where there is nothing to edit, or something that can't be said.
    """
    config = own_field(call, "image_config")
    unsaid = sorted(config.keys() - IMAGE_CONFIG) if isinstance(config, dict) else []
    if unsaid:
        raise unsupported("image_config", f"an image model has no {', '.join(unsaid)}: ask for a size")
    if bool(request.images) != (endpoint is Endpoint.IMAGE_EDITS):
        what = "edits the images of the user's last message" if not request.images else "edits no images"
        raise unsupported("messages", f"an image model {what}")
    fields: dict[str, Any] = {"prompt": request.prompt}
    if request.count > 1:
        fields["n"] = request.count
    if request.size != "auto":
        fields["size"] = request.size
    if request.quality != "auto":
        fields["quality"] = request.quality
    if request.background is not None:
        fields["background"] = request.background
    if request.format is not None:
        fields["output_format"] = request.format
    if Feature.IMAGE_LINKS in (target.capabilities.features or ()):
        # What can answer with links does so unless told; the others refuse the field.
        fields["response_format"] = "b64_json"
    return fields


def references(images: Sequence[Media]) -> list[dict[str, str]] | None:
    """The images for an edit in JSON, which can name addresses; None where a form can hold them all.

    A form is what every model that edits takes, so it goes first: only the gpt-image family knows JSON.
    """
    if not any(image.url for image in images):
        return None
    return [{"image_url": image.data_url} for image in images]


def files(images: Sequence[Media]) -> list[FormFile]:
    """The images for an edit as files of a form. Raises InvalidRequest for what is no base64."""
    name = "image" if len(images) == 1 else "image[]"
    return [_file(name, index, image) for index, image in enumerate(images)]


def _file(name: str, index: int, image: Media) -> FormFile:
    try:
        data = image.data
    except ValueError:
        raise InvalidRequest("an image of 'messages' holds no valid base64", param="messages") from None
    ending = image.type.rpartition("/")[2]
    filename = f"image{index}.{ending if ending.isalnum() else 'png'}"
    return FormFile(name, filename, image.type, io.BytesIO(data), len(data))


class _Picture(msgspec.Struct, gc=False):
    b64_json: str | None = None
    url: str | None = None
    mime_type: str | None = None


class _Reply(msgspec.Struct, gc=False):
    data: list[_Picture] | None = None
    usage: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY
    quality: str | None = None
    size: str | None = None


_reply = msgspec.json.Decoder(_Reply).decode


class ChatByImages(WholeDecoder):
    """Reads a whole images reply and tells ``writer`` the pictures in it, whether the client streams or not."""

    def __init__(self, call: Call, writer: Writer, kind: Kind, secrets: Sequence[str] = ()) -> None:
        self._call = call
        self._writer = writer
        self._kind = kind
        self._secrets = secrets

    def decode(self, frame: bytes) -> Sequence[Event]:
        self._has_come = True
        reply = read_whole(_reply, frame, self._secrets)
        pictures = [picture for picture in reply.data or () if picture.b64_json or picture.url]
        if not pictures:
            raise UpstreamError(Reason.UNREADABLE, "the provider answered without an image")
        writer = self._writer
        usage = self._usage(reply.usage, len(pictures), (reply.quality or "", reply.size or ""))
        if usage is not None:
            # First, so that it goes with the first picture: a client that hangs up after it owes all of it.
            writer.usage(usage)
        for picture in pictures:
            if picture.b64_json:
                writer.image(type_of(picture.b64_json) or picture.mime_type or "image/png", picture.b64_json)
            elif picture.url:
                writer.image_link(picture.url)
        drawn = writer.take()
        writer.finish("stop")
        writer.close()
        return [*drawn, *writer.take()]

    def _usage(self, usage: msgspec.Raw, images: int, line: tuple[str, str]) -> Usage | None:
        """What ``usage`` says of so many images, their quality and size."""
        quality, size = line
        found = image_usage(usage, self._call, images=images, quality=quality, size=size)
        return with_bill(found, usage, self._kind)
