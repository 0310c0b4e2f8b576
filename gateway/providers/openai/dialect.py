"""OpenAI's own format, for OpenAI and everyone who speaks it: encode is a splice, decode a look.

Clients speak this format too, so bodies pass through: fields are taken off or renamed as the row of its kind says, the
values in between stay the bytes that the client sent. https://platform.openai.com/docs/api-reference
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

import msgspec

from gateway.core.body import NOT_JSON, FormBody, FormFile, JsonBody
from gateway.core.clock import Clock
from gateway.core.errors import InvalidRequest, UpstreamError
from gateway.core.exchange import Buffer, Header, HttpHead, HttpRequest, Origin, Pieces
from gateway.core.kinds import Kind
from gateway.core.types import Call, Endpoint, Target
from gateway.providers.base import Account, Decoder
from gateway.providers.openai.failure import failure
from gateway.providers.openai.reply import WholeReply
from gateway.providers.openai.stream import ChatStream, ImageStream

SHORTEST_SECRET = 8
LARGE = 64 * 1024
"""A value above this is sent from where it lies; below it a copy costs less than another piece."""

new_boundary = secrets.token_hex
_encode = msgspec.json.encode
_ASKS_USAGE = msgspec.Raw(b'{"include_usage":true}')


class OpenAI:
    """The dialect for one account. ``boundary`` names the part separator of a form; it must not be guessable, or a
    client could end a part early and smuggle in a field.
    """

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
        self._headers = _headers(account, self.credential(account.api_key) if account.api_key else {})
        self._json_headers: tuple[Header, ...] = ((b"content-type", b"application/json"), *self._headers)
        self._dropped = kind.refuses | {"route"}
        # A header may be the credential. What is shorter than any key is a word, and words are not struck out.
        self._secrets = [text for text in (account.api_key, *account.headers.values()) if len(text) >= SHORTEST_SECRET]

    @staticmethod
    def credential(api_key: str) -> dict[str, str]:
        """The header that says whose call it is. Whoever shows it another way overrides this."""
        return {"authorization": f"Bearer {api_key}"}

    def encode(self, call: Call, target: Target) -> HttpRequest:
        body = call.body
        path = self._paths[call.endpoint]
        if isinstance(body, JsonBody):
            pieces = _splice(self._fields(call, body, target))
            return HttpRequest(b"POST", self._origin, path, self._json_headers, pieces)
        form = _Form(self._form_fields(body, target), body.files, self._boundary())
        headers = ((b"content-type", form.content_type), *self._headers)
        return HttpRequest(b"POST", self._origin, path, headers, form)

    def decoder(self, call: Call, target: Target, head: HttpHead) -> Decoder:  # noqa: ARG002
        if not call.stream or head.media_type == b"application/json":
            return WholeReply(call, self._kind, self._secrets)
        if call.endpoint is Endpoint.CHAT:
            return ChatStream(call, self._kind, self._secrets)
        return ImageStream(call, self._secrets)

    def failure(self, head: HttpHead, body: bytes) -> UpstreamError:
        return failure(head, body, secrets=self._secrets)

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
        if call.stream and call.endpoint is Endpoint.CHAT:
            if not self._kind.takes_stream_options:
                fields.pop("stream_options", None)
            elif not call.wants_usage:
                fields["stream_options"] = _with_usage(fields.get("stream_options"))
        return fields

    def _form_fields(self, body: FormBody, target: Target) -> Iterator[tuple[str, str]]:
        yield "model", target.model
        # As with JSON: of a name that came twice, the value that was checked goes out, and only that. Lists repeat.
        checked = dict(body.fields)
        for name, value in body.fields:
            if name == "model" or name in self._dropped:
                continue
            if name.endswith("[]"):
                yield name, value
            elif name in checked:
                yield self._kind.renames.get(name, name), checked.pop(name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.account!r}>"


def _headers(account: Account, credential: Mapping[str, str]) -> tuple[Header, ...]:
    headers = {"user-agent": "sluice", "accept": "*/*", **credential}
    headers.update({name.lower(): value for name, value in account.headers.items()})
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items())


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


class _Form:
    """A multipart/form-data payload (RFC 7578) that reads its files anew each time it is sent."""

    def __init__(self, fields: Iterator[tuple[str, str]], files: Sequence[FormFile], boundary: str) -> None:
        self.content_type = f"multipart/form-data; boundary={boundary}".encode()
        opening = f"--{boundary}\r\nContent-Disposition: form-data; name="
        self._fields = b"".join(f"{opening}{_quoted(name)}\r\n\r\n{value}\r\n".encode() for name, value in fields)
        self._files = [
            (
                f"{opening}{_quoted(file.name)}; filename={_quoted(file.filename)}\r\n"
                f"Content-Type: {file.content_type}\r\n\r\n".encode(),
                file,
            )
            for file in files
        ]
        self._end = f"--{boundary}--\r\n".encode()
        parts = sum(len(head) + file.size + len(b"\r\n") for head, file in self._files)
        self.length = len(self._fields) + parts + len(self._end)

    def __iter__(self) -> Iterator[Buffer]:
        yield self._fields
        for head, file in self._files:
            yield head
            yield from file
            yield b"\r\n"
        yield self._end

    def __repr__(self) -> str:
        return f"<Form {self.length} bytes, {len(self._files)} files>"


def _quoted(text: str) -> str:
    """A parameter as browsers write it: RFC 7578 section 2 with the HTML standard's escapes."""
    return '"' + text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22") + '"'
