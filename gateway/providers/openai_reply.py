"""Replies in OpenAI's format: looked at, not rewritten. What the client gets are the bytes that came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.body import NOT_JSON
from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import Framing
from gateway.core.types import Call, Endpoint, Event
from gateway.core.usage import Usage
from gateway.providers.openai_failure import failure_in_reply
from gateway.providers.openai_usage import chat_usage, image_usage
from gateway.providers.row import Row

BYTES_A_TOKEN = 4
_EMPTY = msgspec.Raw(b"")
"""Stands for a field that is missing: a Raw can't be optional."""


class _Delta(msgspec.Struct, gc=False):
    content: msgspec.Raw = _EMPTY
    reasoning_content: msgspec.Raw = _EMPTY
    reasoning: msgspec.Raw = _EMPTY
    refusal: msgspec.Raw = _EMPTY
    tool_calls: msgspec.Raw = _EMPTY


class _Choice(msgspec.Struct, gc=False):
    index: msgspec.Raw = _EMPTY
    delta: _Delta | None = None
    message: msgspec.Raw = _EMPTY
    finish_reason: str | None = None


class _Groq(msgspec.Struct, gc=False):
    usage: msgspec.Raw = _EMPTY


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = _EMPTY
    error: msgspec.Raw = _EMPTY
    x_groq: _Groq | None = None


class _Whole(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = _EMPTY
    error: msgspec.Raw = _EMPTY
    data: list[msgspec.Raw] | None = None
    quality: str | None = None
    size: str | None = None


class _ImageFrame(msgspec.Struct, gc=False):
    type: str = ""
    usage: msgspec.Raw = _EMPTY
    error: msgspec.Raw = _EMPTY
    quality: str | None = None
    size: str | None = None


_chunk = msgspec.json.Decoder(_Chunk).decode
_whole = msgspec.json.Decoder(_Whole).decode
_image_frame = msgspec.json.Decoder(_ImageFrame).decode


class WholeReply:
    """One JSON object; the reply is a stream of one event."""

    framing: Framing = "whole"

    def __init__(self, call: Call, row: Row, secrets: Sequence[str] = ()) -> None:
        self._call = call
        self._row = row
        self._secrets = secrets
        self._seen = False

    def decode(self, frame: bytes) -> Sequence[Event]:
        self._seen = True
        try:
            reply = _whole(frame)
        except NOT_JSON as error:
            raise _unreadable(frame) from error
        if _is_given(reply.error):
            raise failure_in_reply(_said(reply.error), secrets=self._secrets)
        call = self._call
        if call.stream:
            raise UpstreamError(Reason.UNREADABLE, "the provider answered a streaming request with a whole reply")
        if call.endpoint is Endpoint.CHAT:
            return (self._chat(frame, reply),)
        if reply.data is None:
            raise UpstreamError(Reason.UNREADABLE, "the provider's reply has no 'data'")
        return (Event(frame, usage=self._usage_of_data(reply, len(reply.data))),)

    def finish(self) -> Sequence[Event]:
        if not self._seen:
            raise UpstreamError(Reason.UNREADABLE, "the provider's reply is empty")
        return ()

    def _chat(self, body: bytes, reply: _Whole) -> Event:
        if not reply.choices:
            raise UpstreamError(Reason.UNREADABLE, "the provider's reply has no 'choices'")
        tokens = sum(_size(choice.message) for choice in reply.choices) // BYTES_A_TOKEN
        usage = _read_usage(reply.usage, self._row)
        return Event(body, tokens=tokens, usage=usage, finish=reply.choices[0].finish_reason)

    def _usage_of_data(self, reply: _Whole, count: int) -> Usage | None:
        if self._call.endpoint is Endpoint.EMBEDDINGS:
            return _read_usage(reply.usage, self._row)
        usage = image_usage(reply.usage, self._call, images=count, quality=reply.quality or "", size=reply.size or "")
        return _with_bill(usage, reply.usage, self._row)


class _Stream:
    """What both kinds of SSE replies share: comments wait for the first event, and the end must have been said."""

    framing: Framing = "sse"

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = secrets
        self._kept = b""
        self._is_whole = False

    def finish(self) -> Sequence[Event]:
        if not self._is_whole:
            raise UpstreamError(Reason.CLOSED, "the provider's stream ended before the reply was complete")
        return (Event(self._take(b"")),) if self._kept else ()

    def _take(self, frame: bytes) -> bytes:
        if not self._kept:
            return frame
        kept, self._kept = self._kept, b""
        return kept + frame


class ChatStream(_Stream):
    """Chunks of a chat."""

    def __init__(self, call: Call, row: Row, secrets: Sequence[str] = ()) -> None:
        super().__init__(secrets)
        self._strips_null = row.marks_usage_null and not call.wants_usage
        self._row = row
        self._choices: dict[bytes, bool] | None = {} if call.needs.choices > 1 else None
        """Whether those that have begun have ended: of several, one that has says nothing of the others."""

    def decode(self, frame: bytes) -> Sequence[Event]:
        data = _data(frame)
        if not data:
            self._kept += frame
            return ()
        if data == b"[DONE]":
            self._is_whole = True
            return (Event(self._take(frame)),)
        chunk = self._read(data)
        usage: Usage | None = None
        if _is_given(chunk.usage) or chunk.x_groq is not None:
            usage = self._usage(chunk)
            if usage is not None and chunk.choices == []:
                return (Event(self._take(frame), usage=usage, is_usage_frame=True),)
        tokens = 0
        finish: str | None = None
        for choice in chunk.choices or ():
            if choice.delta is not None:
                tokens += _tokens(choice.delta)
            if choice.finish_reason is not None:
                finish = choice.finish_reason
                self._is_whole = True
            if self._choices is not None:
                self._is_whole = _have_all_ended(choice, self._choices)
        if self._strips_null:
            frame = frame.replace(b',"usage":null', b"", 1)
        return (Event(self._take(frame), tokens, usage, finish=finish),)

    def _usage(self, chunk: _Chunk) -> Usage | None:
        usage = _read_usage(chunk.usage, self._row)
        if usage is None and chunk.x_groq is not None:
            return _read_usage(chunk.x_groq.usage, self._row)
        return usage

    def _read(self, data: bytes) -> _Chunk:
        try:
            chunk = _chunk(data)
        except msgspec.ValidationError:
            # JSON of another shape than OpenAI's: relayed as it is, unless it is no object at all.
            chunk = _Chunk(error=_loose_error(data))
        except NOT_JSON as error:
            raise _unreadable(data) from error
        if _is_given(chunk.error):
            raise failure_in_reply(_said(chunk.error), secrets=self._secrets)
        return chunk


def _have_all_ended(choice: _Choice, choices: dict[bytes, bool]) -> bool:
    index = bytes(choice.index)
    choices[index] = choice.finish_reason is not None or choices.get(index, False)
    return all(choices.values())


class ImageStream(_Stream):
    """Partial images and the finished ones. https://platform.openai.com/docs/api-reference/images-streaming"""

    def __init__(self, call: Call, secrets: Sequence[str] = ()) -> None:
        super().__init__(secrets)
        self._call = call
        self._images = 0

    def decode(self, frame: bytes) -> Sequence[Event]:
        data = _data(frame)
        if not data:
            self._kept += frame
            return ()
        usage = None
        if data == b"[DONE]":
            self._is_whole = True
        else:
            usage = self._usage(data)
        return (Event(self._take(frame), usage=usage),)

    def _usage(self, data: bytes) -> Usage | None:
        try:
            frame = _image_frame(data)
        except NOT_JSON as error:
            raise _unreadable(data) from error
        if _is_given(frame.error) or frame.type == "error":
            raise failure_in_reply(_said(frame.error if _is_given(frame.error) else data), secrets=self._secrets)
        if not frame.type.endswith(".completed"):
            return None
        self._is_whole = True
        self._images += 1
        return image_usage(
            frame.usage, self._call, images=self._images, quality=frame.quality or "", size=frame.size or ""
        )


def _data(frame: bytes) -> bytes:
    """The data of one SSE frame, its lines joined; empty for comments. The usual frame is a single line."""
    if frame.startswith(b"data: "):
        end = frame.find(b"\n")
        if end == len(frame) - 2:
            return frame[6:end]
    lines = frame.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:"))


def _tokens(delta: _Delta) -> int:
    """Output tokens in a delta, roughly: a token is some four bytes, and a delta with any text at least one."""
    size = _size(delta.content) + _size(delta.tool_calls) + _size(delta.refusal)
    size += _size(delta.reasoning_content) or _size(delta.reasoning)
    return (size + BYTES_A_TOKEN - 1) // BYTES_A_TOKEN if size else 0


def _size(value: msgspec.Raw) -> int:
    """Bytes of a JSON value without its quotes; nothing for null."""
    size = len(value)
    return size - 2 if size > 2 and bytes(value) != b"null" else 0


def _is_given(value: msgspec.Raw) -> bool:
    size = len(value)
    return size > 4 or (size > 0 and bytes(value) != b"null")


def _read_usage(raw: msgspec.Raw, row: Row) -> Usage | None:
    found = chat_usage(raw) if _is_given(raw) else None
    if found is None:
        return None
    usage, given = found
    bill = row.bill(given) if row.bill else None
    return usage if bill is None else msgspec.structs.replace(usage, cost_nanousd=bill)


def _with_bill(usage: Usage, raw: msgspec.Raw, row: Row) -> Usage:
    if row.bill is None or not _is_given(raw):
        return usage
    given = _said(raw)
    bill = row.bill(given) if isinstance(given, dict) else None
    return usage if bill is None else msgspec.structs.replace(usage, cost_nanousd=bill)


def _said(raw: msgspec.Raw | bytes) -> Any:
    """What a field holds; None if that can't be read: a field that was skipped over may still be no JSON inside."""
    try:
        return msgspec.json.decode(raw)
    except NOT_JSON:
        return None


def _loose_error(data: bytes) -> msgspec.Raw:
    try:
        given = msgspec.json.decode(data)
    except NOT_JSON as error:
        raise _unreadable(data) from error
    if not isinstance(given, dict):
        raise _unreadable(data)
    stated = given.get("error")
    return msgspec.Raw(msgspec.json.encode(stated)) if stated else _EMPTY


def _unreadable(data: bytes) -> UpstreamError:
    kind = (
        "an empty reply"
        if not data.strip()
        else "null"
        if data.strip() == b"null"
        else "what is no reply in OpenAI's format"
    )
    return UpstreamError(Reason.UNREADABLE, f"the provider sent {kind}")
