"""Requests for images: generations, edits (a form or JSON) and variations, read into one shape.

Any size is taken that has two numbers; models by whatever name. Names that begin with ``dall-e`` are answered as
DALL-E does (URLs by default, no usage), all others as the GPT image models.
Source: https://platform.openai.com/docs/api-reference/images
"""

from __future__ import annotations

import base64
import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.core.errors import InvalidRequest
from gateway.simulator.form import Form, Upload, parse_form
from gateway.simulator.requests import converted, decoded

Kind = Literal["generation", "edit", "variation"]
LARGEST = 4096
PROMPT = Meta(max_length=32_000)


class ImageRequest(Struct, kw_only=True):
    """``inputs`` are the images given, their bytes where they came along."""

    prompt: Annotated[str, PROMPT] = ""
    model: Annotated[str, Meta(min_length=1)] = "sim-image"
    n: Annotated[int, Meta(ge=1, le=10)] | None = None
    size: str | None = None
    quality: Literal["standard", "hd", "low", "medium", "high", "auto"] | None = None
    background: Literal["transparent", "opaque", "auto"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Annotated[int, Meta(ge=0, le=100)] | None = None
    response_format: Literal["url", "b64_json"] | None = None
    stream: bool | None = None
    partial_images: Annotated[int, Meta(ge=0, le=3)] | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    inputs: tuple[bytes, ...] = ()

    @property
    def is_dalle(self) -> bool:
        return self.model.startswith("dall-e")

    @property
    def count(self) -> int:
        return self.n or 1

    @property
    def format(self) -> str:
        return self.output_format or "png"

    @property
    def is_transparent(self) -> bool:
        return self.background == "transparent"

    @property
    def wants_url(self) -> bool:
        """OpenAI gives URLs for DALL-E alone, and unless told otherwise; this one gives them to whoever asks."""
        return self.response_format == "url" or (self.is_dalle and self.response_format is None)

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height; ``auto`` is a square of 1024. Raises InvalidRequest."""
        if self.size in (None, "auto"):
            return 1024, 1024
        found = _SIZE.fullmatch(str(self.size))
        width, height = (int(found[1]), int(found[2])) if found else (0, 0)
        if not (1 <= width <= LARGEST and 1 <= height <= LARGEST):
            message = f"Invalid value: '{self.size}'. A size is 'auto' or WIDTHxHEIGHT of up to {LARGEST} each."
            raise InvalidRequest(message, param="size", code="invalid_value")
        return width, height

    def check(self) -> None:
        """What the types can't say. Raises InvalidRequest."""
        self.pixels  # noqa: B018  (raises)
        if self.is_transparent and self.format == "jpeg":
            message = "Transparent background is not supported for output format 'jpeg'."
            raise InvalidRequest(message, param="background", code="invalid_value")
        if self.partial_images and not self.stream:
            message = "The 'partial_images' parameter is only allowed when 'stream' is enabled."
            raise InvalidRequest(message, param="partial_images")


_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")


class _Asked(ImageRequest, kw_only=True):
    """A generation, or the text fields of an edit: the prompt must be there."""

    prompt: Annotated[str, Meta(min_length=1), PROMPT]


class _Reference(Struct):
    image_url: str | None = None
    file_id: str | None = None


class _JsonEdit(_Asked, kw_only=True):
    images: Annotated[list[_Reference], Meta(min_length=1, max_length=16)]
    mask: _Reference | None = None


_generation = msgspec.json.Decoder(_Asked)
_json_edit = msgspec.json.Decoder(_JsonEdit)


def read_generation(_content_type: bytes, body: bytes) -> ImageRequest:
    """Raises InvalidRequest."""
    request = decoded(body, _generation)
    request.check()
    return request


def read_edit(content_type: bytes, body: bytes) -> ImageRequest:
    """A form with ``image`` or ``image[]``, and perhaps ``mask``; or JSON with ``images``. Raises InvalidRequest."""
    if not content_type.startswith(b"multipart/"):
        edit = decoded(body, _json_edit)
        edit.inputs = tuple(_referred(image, at) for at, image in enumerate(edit.images))
        edit.check()
        return edit
    form = parse_form(content_type, body)
    return _of_form(form, _Asked, images=form.uploads("image"), most=16)


def read_variation(content_type: bytes, body: bytes) -> ImageRequest:
    """A form with one ``image``. Raises InvalidRequest."""
    form = parse_form(content_type, body)
    return _of_form(form, ImageRequest, images=form.uploads("image"), most=1)


def _of_form(form: Form, kind: type[ImageRequest], *, images: list[Upload], most: int) -> ImageRequest:
    if not images:
        raise InvalidRequest("Missing required parameter: 'image'.", param="image", code="missing_required_parameter")
    if len(images) > most:
        raise InvalidRequest(f"Invalid 'image': at most {most} may be given.", param="image", code="invalid_value")
    for file in (*images, *form.uploads("mask")):
        if not file.data:
            message = f"Invalid value for '{file.name}': the file is empty."
            raise InvalidRequest(message, param=file.name, code="invalid_image_file")
    request = converted(form, kind)
    request.inputs = tuple(file.data for file in images)
    request.check()
    return request


def _referred(image: _Reference, at: int) -> bytes:
    if image.image_url is None:
        if image.file_id is None:
            param = f"images[{at}]"
            raise InvalidRequest(f"Invalid value for '{param}': it has neither image_url nor file_id.", param=param)
        return b""
    if not image.image_url.startswith("data:"):
        return b""
    # Only the head is looked at: it says how large the picture is.
    try:
        return base64.b64decode(image.image_url.partition(",")[2][:64])
    except ValueError:  # binascii's own is one; text that is not ASCII is another
        param = f"images[{at}].image_url"
        raise InvalidRequest("Invalid image data.", param=param, code="invalid_image_file") from None
