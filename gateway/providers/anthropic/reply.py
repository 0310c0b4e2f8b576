"""Replies of the Messages API: one JSON object, or events. https://platform.claude.com/docs/en/build-with-claude/streaming"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.body import NOT_JSON
from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import Framing
from gateway.core.types import Event
from gateway.providers.anthropic.failure import failure_in_reply
from gateway.providers.anthropic.reading import BLOCKS, Block, Delta, Message, Reading
from gateway.providers.anthropic.usage import Counts
from gateway.providers.base import WholeDecoder
from gateway.providers.client.writer import Writer
from gateway.providers.raw import said
from gateway.providers.sse_data import sse_data


class _Frame(msgspec.Struct, gc=False):
    """Any event of a stream: flat, since one look tells its type and most are deltas."""

    type: str = ""
    index: int = 0
    delta: Delta | None = None
    content_block: Block | None = None
    message: Message | None = None
    usage: Counts | None = None
    error: Any = None


_frame = msgspec.json.Decoder(_Frame).decode
_message = msgspec.json.Decoder(Message).decode
_block = msgspec.json.Decoder(Block).decode
_KNOWN = {
    "content_block_start": BLOCKS,
    "content_block_delta": frozenset(
        {"text_delta", "input_json_delta", "thinking_delta", "signature_delta", "citations_delta"}
    ),
}
"""The blocks and deltas that are read within events of these types."""
_MESSAGE = frozenset({"message_start", "message_delta", "message_stop", "content_block_stop", "error"})
"""The other events that are read."""


class StreamedReply:
    """Events, one by one. What is not known is left out: Anthropic adds types of events, blocks and deltas."""

    framing: Framing = "sse"

    def __init__(self, writer: Writer, secrets: Sequence[str] = ()) -> None:
        self._writer = writer
        self._reading = Reading(writer)
        self._secrets = secrets
        self._has_reason = False
        self._is_over = False

    def decode(self, frame: bytes) -> Sequence[Event]:
        data = sse_data(frame)
        if not data or self._is_over:
            return ()
        self._read(self._parsed(data))
        return self._writer.take()

    def finish(self) -> Sequence[Event]:
        if self._is_over:
            return ()
        if not self._has_reason:
            raise UpstreamError(Reason.CLOSED, "the provider's stream ended before the reply was complete")
        return self._close()

    def _read(self, frame: _Frame) -> None:
        """Blocks and their pieces: most of a stream."""
        if frame.type == "content_block_delta":
            if frame.delta is not None:
                self._reading.more(frame.delta)
        elif frame.type == "content_block_start":
            if frame.content_block is not None:
                self._reading.open(frame.index, frame.content_block)
        elif frame.type == "content_block_stop":
            self._reading.shut()
        else:
            self._read_message(frame)

    def _read_message(self, frame: _Frame) -> None:
        if frame.type == "message_start":
            if frame.message is not None:
                self._reading.begin(frame.message)
        elif frame.type == "message_delta":
            self._reading.count(frame.usage)
            if frame.delta is not None and not self._has_reason:
                self._has_reason = frame.delta.stop_reason is not None
                self._reading.end(frame.delta.stop_reason, frame.delta.stop_details)
        elif frame.type == "message_stop":
            self._is_over = True
            self._writer.close()
        elif frame.type == "error":
            raise failure_in_reply(frame.error, secrets=self._secrets)

    def _close(self) -> Sequence[Event]:
        self._is_over = True
        self._writer.close()
        return self._writer.take()

    def _parsed(self, data: bytes) -> _Frame:
        try:
            return _frame(data)
        except msgspec.ValidationError as error:
            if _is_unknown(data):
                return _Frame()
            raise _unreadable() from error
        except NOT_JSON as error:
            raise _unreadable() from error


class WholeReply(WholeDecoder):
    """One message."""

    def __init__(self, writer: Writer, secrets: Sequence[str] = ()) -> None:
        self._writer = writer
        self._secrets = secrets

    def decode(self, frame: bytes) -> Sequence[Event]:
        try:
            message = _message(frame)
        except NOT_JSON as error:
            raise _unreadable() from error
        if message.type == "error" or message.error is not None:
            raise failure_in_reply(message.error, secrets=self._secrets)
        if message.content is None:
            raise _unreadable()
        reading = Reading(self._writer)
        reading.begin(message)
        for index, block in enumerate(message.content):
            reading.open(index, _known_block(block))
            reading.shut()
        reading.end(message.stop_reason, message.stop_details)
        self._writer.close()
        self._has_come = True
        return self._writer.take()


def _known_block(data: msgspec.Raw) -> Block:
    """A block that is none of ours is one that says nothing, whatever its shape."""
    try:
        return _block(data)
    except NOT_JSON as error:
        given = said(data)
        if isinstance(given, dict) and str(given.get("type")) not in BLOCKS:
            return Block()
        raise _unreadable() from error


def _is_unknown(data: bytes) -> bool:
    """An event of another shape than those that are read is none of them: its type, or its block's, tells."""
    given = said(data)
    if not isinstance(given, dict):
        return False
    type = str(given.get("type"))
    if type not in _KNOWN:
        return type not in _MESSAGE
    held = given.get("content_block", given.get("delta"))
    return isinstance(held, dict) and str(held.get("type")) not in _KNOWN[type]


def _unreadable() -> UpstreamError:
    return UpstreamError(Reason.UNREADABLE, "the provider's reply is not a message of its format")
