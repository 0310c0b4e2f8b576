"""Streamed replies in OpenAI's format, a frame at a time. What the client gets are the bytes that came."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.core.body import NOT_JSON
from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import Framing
from gateway.core.kinds import Kind
from gateway.core.types import Call, Event, Feature
from gateway.core.usage import BYTES_A_TOKEN, Usage
from gateway.providers.client.writer import with_images
from gateway.providers.openai.failure import BREAKS, broken_off, failure_in_reply, unreadable
from gateway.providers.openai.usage import billed_chat_usage, image_usage
from gateway.providers.raw import EMPTY, is_given, length, said, size
from gateway.providers.sse_data import sse_data


class _Delta(msgspec.Struct, gc=False):
    content: msgspec.Raw = EMPTY
    reasoning_content: msgspec.Raw = EMPTY
    reasoning: msgspec.Raw = EMPTY
    refusal: msgspec.Raw = EMPTY
    tool_calls: msgspec.Raw = EMPTY
    images: msgspec.Raw = EMPTY


class _Choice(msgspec.Struct, gc=False):
    index: msgspec.Raw = EMPTY
    delta: _Delta | None = None
    finish_reason: str | None = None
    error: msgspec.Raw = EMPTY


class _Groq(msgspec.Struct, gc=False):
    usage: msgspec.Raw = EMPTY


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY
    x_groq: _Groq | None = None


class _ImageFrame(msgspec.Struct, gc=False):
    type: str = ""
    usage: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY
    quality: str | None = None
    size: str | None = None


_chunk = msgspec.json.Decoder(_Chunk).decode
_image_frame = msgspec.json.Decoder(_ImageFrame).decode


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

    def __init__(self, call: Call, kind: Kind, secrets: Sequence[str] = ()) -> None:
        super().__init__(secrets)
        self._strips_null = kind.marks_usage_null and not call.wants_usage
        self._kind = kind
        self._choices: dict[bytes, bool] | None = {} if call.needs.choices > 1 else None
        """Whether those that have begun have ended: of several, one that has says nothing of the others."""
        needs = call.needs
        self._draws = Feature.IMAGE_OUTPUT in needs.features
        self._images = 0
        self._image_line = f"{needs.image_quality}/{needs.image_size}"

    def decode(self, frame: bytes) -> Sequence[Event]:
        data = sse_data(frame)
        if not data:
            self._kept += frame
            return ()
        if data == b"[DONE]":
            self._is_whole = True
            return (Event(self._take(frame)),)
        chunk = self._read(data)
        usage: Usage | None = None
        if is_given(chunk.usage) or chunk.x_groq is not None:
            usage = self._usage(chunk)
            if usage is not None and chunk.choices == []:
                return (Event(self._take(frame), usage=usage, is_usage_frame=True),)
        tokens = 0
        finish: str | None = None
        for choice in chunk.choices or ():
            if choice.delta is not None:
                tokens += _tokens(choice.delta)
            if choice.finish_reason is not None:
                finish = self._ending(choice.finish_reason, choice)
                self._is_whole = True
            if self._choices is not None:
                self._is_whole = _have_all_ended(choice, self._choices)
        if self._strips_null:
            frame = frame.replace(b',"usage":null', b"", 1)
        return (Event(self._take(frame), tokens, usage, finish=finish),)

    def _ending(self, finish: str, choice: _Choice) -> str:
        if finish in BREAKS:
            raise broken_off(finish, said(choice.error), secrets=self._secrets)
        return finish

    def _usage(self, chunk: _Chunk) -> Usage | None:
        usage = billed_chat_usage(chunk.usage, self._kind)
        if usage is None and chunk.x_groq is not None:
            return billed_chat_usage(chunk.x_groq.usage, self._kind)
        return with_images(usage, self._images, self._image_line) if usage is not None and self._images else usage

    def _read(self, data: bytes) -> _Chunk:
        try:
            chunk = _chunk(data)
        except msgspec.ValidationError:
            # JSON of another shape than OpenAI's: relayed as it is, unless it is no object at all.
            chunk = _Chunk(error=_loose_error(data))
        except NOT_JSON as error:
            raise unreadable(data) from error
        if chunk.error is not EMPTY and is_given(chunk.error):
            raise failure_in_reply(said(chunk.error), secrets=self._secrets)
        if self._draws:
            self._images += sum(length(choice.delta.images) for choice in chunk.choices or () if choice.delta)
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
        data = sse_data(frame)
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
            raise unreadable(data) from error
        if is_given(frame.error) or frame.type == "error":
            raise failure_in_reply(said(frame.error if is_given(frame.error) else data), secrets=self._secrets)
        if not frame.type.endswith(".completed"):
            return None
        self._is_whole = True
        self._images += 1
        return image_usage(
            frame.usage, self._call, images=self._images, quality=frame.quality or "", size=frame.size or ""
        )


def _tokens(delta: _Delta) -> int:
    """Output tokens in a delta, roughly: a token is some four bytes, and a delta with any text at least one."""
    written = size(delta.content)
    # Few deltas hold anything else, and there is one for each token.
    if delta.tool_calls is not EMPTY:
        written += size(delta.tool_calls)
    if delta.refusal is not EMPTY:
        written += size(delta.refusal)
    if delta.reasoning_content is not EMPTY or delta.reasoning is not EMPTY:
        written += size(delta.reasoning_content) or size(delta.reasoning)
    return (written + BYTES_A_TOKEN - 1) // BYTES_A_TOKEN if written else 0


def _loose_error(data: bytes) -> msgspec.Raw:
    try:
        given = msgspec.json.decode(data)
    except NOT_JSON as error:
        raise unreadable(data) from error
    if not isinstance(given, dict):
        raise unreadable(data)
    stated = given.get("error")
    return msgspec.Raw(msgspec.json.encode(stated)) if stated else EMPTY
