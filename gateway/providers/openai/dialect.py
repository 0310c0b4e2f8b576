"""OpenAI's own format, for OpenAI and everyone who speaks it: encode is a splice, decode a look.

Clients speak this format too, so bodies pass through: fields are taken off or renamed as the row of its kind says, the
values in between stay the bytes that the client sent. https://platform.openai.com/docs/api-reference
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from gateway.core.body import NOT_JSON, FormBody, JsonBody
from gateway.core.clock import Clock
from gateway.core.errors import InvalidRequest, UpstreamError, unsupported
from gateway.core.exchange import Buffer, Header, HttpHead, HttpRequest, Origin, Pieces
from gateway.core.kinds import Kind
from gateway.core.types import Call, Endpoint, Feature, Target
from gateway.providers.base import Account, Decoder
from gateway.providers.client.chat import own_field
from gateway.providers.client.image_request import ImageRequest, size_for
from gateway.providers.client.reply import writer_for
from gateway.providers.openai.bends import BentReply, BentStream, bends_of
from gateway.providers.openai.chat_by_images import ChatByImages, files, images_for, references
from gateway.providers.openai.failure import failure
from gateway.providers.openai.form import Form
from gateway.providers.openai.image_by_chat import ImageByChat, chat_for
from gateway.providers.openai.messages import fit_for
from gateway.providers.openai.reply import WholeReply
from gateway.providers.openai.stream import ChatStream, ImageStream

LARGE = 64 * 1024
"""A value above this is sent from where it lies; below it a copy costs less than another piece."""

_OPENAI = ".openai.com"

Reader = Callable[[Call, Kind, Sequence[str]], Decoder]
new_boundary = secrets.token_hex
_encode = msgspec.json.encode
_ASKS_USAGE = msgspec.Raw(b'{"include_usage":true}')


class OpenAI:
    """The dialect for one account. ``boundary`` names the part separator of a form; it must not be guessable, or a
    client could end a part early and smuggle in a field.
    """

    _whole_reply: Reader = WholeReply
    _chat_stream: Reader = ChatStream

    def __init__(
        self, account: Account, kind: Kind, clock: Clock, *, boundary: Callable[[], str] = new_boundary
    ) -> None:
        self.account = account
        self._kind = kind
        self._clock = clock
        self._boundary = boundary
        base = account.base_url.rstrip("/")
        self._origin = Origin.of(base)
        prefix = urlsplit(base).path
        self._paths = {endpoint: f"{prefix}/{endpoint.value}".encode() for endpoint in Endpoint}
        credential = self.credential(account.api_key) if account.api_key else {}
        self._headers = account.headers_over({"user-agent": "sluice", "accept": "*/*", **credential})
        self._json_headers: tuple[Header, ...] = ((b"content-type", b"application/json"), *self._headers)
        self._dropped = kind.refuses | {"route"}
        # Anybody's server may be of this kind: what OpenAI refuses, DeepSeek's models behind vLLM need back.
        is_someone_elses = account.kind == "openai" and not self._origin.host.endswith(_OPENAI)
        self._fit = None if is_someone_elses else fit_for(kind)
        if bends := bends_of(kind):
            self._whole_reply = partial(BentReply, bends=bends)
            self._chat_stream = partial(BentStream, bends=bends)
        self._secrets = account.secrets

    @staticmethod
    def credential(api_key: str) -> dict[str, str]:
        """The header that says whose call it is. Whoever shows it another way overrides this."""
        return {"authorization": f"Bearer {api_key}"}

    def encode(self, call: Call, target: Target) -> HttpRequest:
        endpoint = target.endpoint_for(call)
        if endpoint is not call.endpoint:
            return self._translated(call, target, endpoint)
        body = call.body
        path = self._path(endpoint, target)
        if isinstance(body, JsonBody):
            pieces = _splice(self._fields(call, body, target))
            return HttpRequest(b"POST", self._origin, path, self._json_headers, pieces)
        return self._form(path, Form(self._form_fields(call, body, target), body.files, self._boundary()))

    def decoder(self, call: Call, target: Target, head: HttpHead) -> Decoder:
        if is_translated(call, target):
            writer = writer_for(call, target, time=self._clock.time())
            if call.endpoint is Endpoint.CHAT:
                return ChatByImages(call, writer, self._kind, self._secrets)
            return ImageByChat(writer, self._kind, self._secrets)
        if target.nearest_image_size:
            call = _as_drawn(call, target)
        if not call.stream or head.media_type == b"application/json":
            return self._whole_reply(call, self._kind, self._secrets)
        if call.endpoint is Endpoint.CHAT:
            return self._chat_stream(call, self._kind, self._secrets)
        return ImageStream(call, self._secrets)

    def failure(self, head: HttpHead, body: bytes) -> UpstreamError:
        return failure(head, body, secrets=self._secrets)

    def _path(self, endpoint: Endpoint, target: Target) -> bytes:  # noqa: ARG002  some have one for each model
        return self._paths[endpoint]

    def _form(self, path: bytes, form: Form) -> HttpRequest:
        headers = ((b"content-type", form.content_type), *self._headers)
        return HttpRequest(b"POST", self._origin, path, headers, form)

    def _translated(self, call: Call, target: Target, endpoint: Endpoint | None) -> HttpRequest:
        """The request to ``endpoint``, which serves ``call`` in the place of its own."""
        if endpoint is None:
            raise unsupported("model", f"{target.model} does not serve /v1/{call.endpoint}")
        request = ImageRequest.of(call, target)
        fields: dict[str, Any] = {"model": target.model}
        if call.user is not None and "user" not in self._dropped:
            fields[self._kind.renames.get("user", "user")] = call.user
        path = self._path(endpoint, target)
        if endpoint is Endpoint.CHAT:
            fields |= chat_for(request)
        else:
            fields |= images_for(request, endpoint, call, target)
        if endpoint is Endpoint.IMAGE_EDITS:
            linked = references(request.images)
            if linked is None:
                texts = [(name, str(value)) for name, value in fields.items()]
                return self._form(path, Form(texts, files(request.images), self._boundary()))
            fields["images"] = linked
        return HttpRequest(b"POST", self._origin, path, self._json_headers, Pieces(_encode(fields)))

    def _fields(self, call: Call, body: JsonBody, target: Target) -> dict[str, msgspec.Raw]:
        """The request's fields, each still bytes. Made anew from the decoded object, so that a name which the client
        gave twice (one value for us to check, another for the provider to use) goes out once.
        """
        fields = body.fields.copy()
        fields["model"] = msgspec.Raw(_encode(target.model))
        for name in self._dropped:
            fields.pop(name, None)
        for name, theirs in self._kind.renames.items():
            if name in fields:
                fields.setdefault(theirs, fields.pop(name))
        if self._fit is not None and (fitting := self._fit(body)) is not None:
            fields["messages"] = fitting
        if call.stream and call.endpoint is Endpoint.CHAT:
            self._ask_for_usage(call, fields)
        if call.needs.images and not _takes_response_format(target):
            fields.pop("response_format", None)
        if target.nearest_image_size:
            _fit_size(call, target, fields)
        return fields

    def _ask_for_usage(self, call: Call, fields: dict[str, msgspec.Raw]) -> None:
        if not self._kind.takes_stream_options:
            fields.pop("stream_options", None)
        elif not call.wants_usage:
            fields["stream_options"] = _with_usage(fields.get("stream_options"))

    def _form_fields(self, call: Call, body: FormBody, target: Target) -> Iterator[tuple[str, str]]:
        yield "model", target.model
        # As with JSON: of a name that came twice, the value that was checked goes out, and only that. Lists repeat.
        checked = dict(body.fields)
        if target.nearest_image_size and "size" in checked:
            checked["size"] = size_for(call, target)
        if not _takes_response_format(target):
            checked.pop("response_format", None)
        for name, value in body.fields:
            if name == "model" or name in self._dropped:
                continue
            if name.endswith("[]"):
                yield name, value
            elif name in checked:
                yield self._kind.renames.get(name, name), checked.pop(name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.account!r}>"


def is_translated(call: Call, target: Target) -> bool:
    """Another endpoint of ``target`` than the one that was asked for is to serve ``call``, if any does."""
    return target.endpoint_for(call) is not call.endpoint


def _fit_size(call: Call, target: Target, fields: dict[str, msgspec.Raw]) -> None:
    """Ask for the size that ``target`` makes, wherever ``call`` names the one that it wants."""
    size = size_for(call, target)
    if size == call.needs.image_size:
        return
    if call.needs.images:
        fields["size"] = msgspec.Raw(_encode(size))
    elif isinstance(config := own_field(call, "image_config"), dict):
        fields["image_config"] = msgspec.Raw(_encode({**config, "size": size}))


def _takes_response_format(target: Target) -> bool:
    """What always answers with base64 (the gpt-image family) refuses the field, even where it asks for just that.

    https://platform.openai.com/docs/api-reference/images/create#images_create-response_format
    """
    able = target.capabilities.features
    return able is None or Feature.IMAGE_LINKS in able


def _as_drawn(call: Call, target: Target) -> Call:
    """``call`` with the size that is drawn for it: what is billed, where the reply doesn't say."""
    return replace(call, needs=replace(call.needs, image_size=size_for(call, target)))


def _with_usage(options: msgspec.Raw | None) -> msgspec.Raw:
    if options is None:
        return _ASKS_USAGE
    try:
        given = msgspec.json.decode(options, type=dict[str, msgspec.Raw] | None)
    except NOT_JSON:
        raise InvalidRequest("'stream_options' must be an object", param="stream_options") from None
    return msgspec.Raw(_encode({**(given or {}), "include_usage": True}))


def _splice(fields: dict[str, msgspec.Raw]) -> Pieces:
    """The fields as one JSON object, with large values left where they lie."""
    large = [name for name, value in fields.items() if len(value) > LARGE]
    if not large:
        return Pieces(_encode(fields))
    pieces: list[Buffer] = []
    values = [(name, fields.pop(name)) for name in large]
    opening = _encode(fields)[:-1]  # never empty: it holds the model
    for name, value in values:
        pieces += (opening + b"," + _encode(name) + b":", memoryview(value))
        opening = b""
    return Pieces(*pieces, b"}")
