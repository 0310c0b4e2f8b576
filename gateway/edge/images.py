"""Image requests: generations as JSON, edits as JSON or a form, variations as a form."""

from __future__ import annotations

import msgspec

from gateway.catalog.tokens import measure
from gateway.core.body import NOT_JSON, FormBody, JsonBody
from gateway.core.errors import InvalidRequest
from gateway.core.types import Call, Endpoint, Feature, Needs
from gateway.edge.asking import Asking
from gateway.edge.body import field

DEFAULT_MODEL = "dall-e-2"
"""What OpenAI takes where the client names none. https://platform.openai.com/docs/api-reference/images"""
MAX_IMAGES = 10
_TEXT = frozenset(
    [
        "background",
        "model",
        "n",
        "output_format",
        "partial_images",
        "prompt",
        "quality",
        "response_format",
        "route",
        "size",
        "stream",
        "user",
    ]
)
_FLAGS = {"true": True, "false": False}


class _Fields:
    """The fields of an image request, whichever way they came."""

    def __init__(self, body: JsonBody | FormBody) -> None:
        self._body = body

    def text(self, name: str) -> str | None:
        if isinstance(self._body, FormBody):
            return self._body.get(name) or None
        return field(self._body, name, str, "a string")

    def number(self, name: str) -> int | None:
        if isinstance(self._body, JsonBody):
            return field(self._body, name, int, "a whole number")
        text = self._body.get(name)
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            raise InvalidRequest(f"'{name}' must be a whole number", param=name) from None

    def flag(self, name: str) -> bool:
        if isinstance(self._body, JsonBody):
            return field(self._body, name, bool, "true or false") or False
        text = self._body.get(name)
        if not text:
            return False
        if text.lower() not in _FLAGS:
            raise InvalidRequest(f"'{name}' must be true or false", param=name)
        return _FLAGS[text.lower()]

    def images(self) -> int:
        """How many images come with the request."""
        if isinstance(self._body, FormBody):
            return sum(file.name in ("image", "image[]") for file in self._body.files)
        if (raw := self._body.fields.get("images")) is None:
            return 0
        try:
            return len(msgspec.json.decode(raw, type=list[msgspec.Raw]))
        except NOT_JSON:
            raise InvalidRequest("'images' must be an array", param="images") from None

    def has_mask(self) -> bool:
        if isinstance(self._body, FormBody):
            return any(file.name == "mask" for file in self._body.files)
        return self._body.fields.get("mask") not in (None, msgspec.Raw(b"null"))


def image_call(endpoint: Endpoint, asking: Asking, body: JsonBody | FormBody) -> Call:
    """The call that an image request asks for. Raises InvalidRequest naming the field."""
    if isinstance(body, FormBody):
        _refuse_files_for_text(body)
    model, wish = asking.model_and_wish(body, DEFAULT_MODEL)
    fields = _Fields(body)
    prompt = fields.text("prompt")
    if not prompt and endpoint is not Endpoint.IMAGE_VARIATIONS:
        raise InvalidRequest("you must provide a 'prompt'", param="prompt")
    images = fields.images()
    if not images and endpoint is not Endpoint.IMAGE_GENERATIONS:
        name = "image" if isinstance(body, FormBody) else "images"
        raise InvalidRequest(f"you must provide '{name}'", param=name)
    stream = fields.flag("stream")
    if stream and fields.text("response_format") == "url":
        raise InvalidRequest(
            "a stream holds images as base64: leave out 'response_format', or ask without 'stream'",
            param="response_format",
        )
    return asking.call(
        endpoint=endpoint,
        model=model,
        wish=wish,
        body=body,
        needs=_needs(fields, prompt or "", images, stream=stream),
        stream=stream,
        user=fields.text("user"),
    )


def _refuse_files_for_text(body: FormBody) -> None:
    """A provider may read a file as the text that is in it: a field for it to use that nobody here has looked at."""
    for file in body.files:
        if file.name in _TEXT:
            raise InvalidRequest(f"'{file.name}' must be text, not a file", param=file.name)


def _needs(fields: _Fields, prompt: str, images: int, *, stream: bool) -> Needs:
    size = measure(msgspec.json.encode(prompt))
    count = fields.number("n")
    if count is not None and not 1 <= count <= MAX_IMAGES:
        raise InvalidRequest(f"'n' must be from 1 to {MAX_IMAGES}", param="n")
    features = set()
    if fields.has_mask():
        features.add(Feature.MASK)
    if fields.text("background") == "transparent":
        features.add(Feature.TRANSPARENT)
    if stream:
        features.add(Feature.STREAMING)
    if fields.text("response_format") == "url":
        features.add(Feature.IMAGE_LINKS)
    return Needs(
        features=frozenset(features),
        input_tokens=size.tokens,
        input_tokens_max=size.tokens_max,
        input_images=images,
        images=count or 1,
        partial_images=(fields.number("partial_images") or 0) if stream else 0,
        image_size=fields.text("size") or "auto",
        image_quality=fields.text("quality") or "auto",
        image_format=fields.text("output_format"),
    )
