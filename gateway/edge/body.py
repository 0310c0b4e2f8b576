"""Reads a request's body under its bound, and decodes JSON one level deep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import msgspec

from gateway.core.body import NOT_JSON, JsonBody
from gateway.core.errors import InvalidRequest, TooLarge, UploadStalled
from gateway.edge.asgi import Message, Receive

T = TypeVar("T")
LARGE = 1024 * 1024
"""A body above this is worked on in steps with a breath between them, so that none holds the loop for long."""
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decoders: dict[type, msgspec.json.Decoder[Any]] = {}


UPLOAD_IDLE_S = 60.0
"""The longest silence within a body: what has come of it is held in memory."""


class ClientGone(Exception):
    """The client hung up before its request was whole; there is nobody to answer."""


async def chunks(
    receive: Receive, *, content_length: int | None, max_bytes: int, idle_s: float = UPLOAD_IDLE_S
) -> AsyncIterator[bytes]:
    """The body as it comes.

    Raises TooLarge as soon as it is known, before the rest is read; UploadStalled after a silence of ``idle_s``; and
    ClientGone.
    """
    if content_length is not None and content_length > max_bytes:
        raise _too_large(max_bytes)
    size = 0
    while True:
        message = await _next(receive, idle_s)
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        if chunk:
            yield chunk
        if not message.get("more_body", False):
            return


async def read_whole(receive: Receive, *, content_length: int | None, max_bytes: int) -> bytes | bytearray:
    """The body in one piece."""
    if content_length is None or content_length <= max_bytes:
        # The usual body comes in one message, and then there is nothing to put together.
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            whole: bytes = message.get("body", b"")
            if len(whole) <= max_bytes:
                return whole
            raise _too_large(max_bytes)
        if message["type"] == "http.disconnect":
            raise ClientGone
        # It grows as it comes: joined at the end, 20 MB of fresh memory would hold the loop for 8 ms.
        body = bytearray(message.get("body", b""))
        async for chunk in chunks(receive, content_length=None, max_bytes=max_bytes - len(body)):
            body += chunk
        return body
    raise _too_large(max_bytes)


async def _next(receive: Receive, idle_s: float) -> Message:
    # Not for the usual body, which comes whole: it would cost 7 us, and holds nothing until it has come.
    try:
        async with asyncio.timeout(idle_s):
            return await receive()
    except TimeoutError:
        raise UploadStalled(f"the request body did not go on for {idle_s:g} s") from None


async def breathe(body: bytes | bytearray) -> None:
    """Let others run before the next step on a large body."""
    if len(body) > LARGE:
        await asyncio.sleep(0)


def json_object(raw: bytes | bytearray) -> JsonBody:
    """Decode ``raw`` one level deep. Raises InvalidRequest, saying what is wrong and where."""
    try:
        return JsonBody(raw, _fields(raw))
    except msgspec.ValidationError:
        raise InvalidRequest("the request body must be a JSON object") from None
    except RecursionError:
        raise InvalidRequest("the request body is nested too deeply") from None
    except NOT_JSON as error:
        raise InvalidRequest(f"the request body is not valid JSON: {error}") from None


def field(body: JsonBody, name: str, type_: type[T], what: str) -> T | None:
    """The field ``name``; None if it is missing or null. Raises InvalidRequest if it is not ``what``."""
    raw = body.fields.get(name)
    if raw is None:
        return None
    try:
        found: T | None = (_decoders.get(type_) or _new_decoder(type_)).decode(raw)
    except NOT_JSON:
        raise InvalidRequest(f"'{name}' must be {what}", param=name) from None
    return found


def _new_decoder(type_: type) -> msgspec.json.Decoder[Any]:
    # Made once a type: making one takes longer than decoding a field.
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(type_ | None)
    _decoders[type_] = decoder
    return decoder


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"the request body is larger than this gateway takes ({max_bytes / 1024 / 1024:g} MB)")
