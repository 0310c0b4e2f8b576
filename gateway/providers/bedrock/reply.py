"""Replies of Converse: one JSON object, or messages of an event stream.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.body import NOT_JSON
from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import Framing
from gateway.core.types import Event
from gateway.providers.base import WholeDecoder
from gateway.providers.bedrock.failure import failure_in_stream
from gateway.providers.bedrock.message import message_of
from gateway.providers.bedrock.reading import SERVER_TOOL, Metadata, Reading, ToolUse, joined_base64
from gateway.providers.client.writer import Writer


class _Struct(msgspec.Struct, rename="camel", gc=False):
    pass


class _Source(_Struct):
    bytes: str | None = None


class _Picture(_Struct):
    format: str | None = None
    source: _Source | None = None


class _ReasoningText(_Struct):
    text: str | None = None
    signature: str | None = None


class _Reasoning(_ReasoningText):
    """A stream has ``text`` and ``signature`` here, a whole reply in ``reasoning_text``."""

    reasoning_text: _ReasoningText | None = None
    redacted_content: str | None = None


class _WholeTool(ToolUse, rename="camel"):
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _Part(_Struct):
    text: str | None = None


class _Cited(_Struct):
    content: list[_Part] | None = None
    citations: list[Any] | None = None


class _Block(_Struct):
    text: str | None = None
    tool_use: _WholeTool | None = None
    tool_result: Any = None
    reasoning_content: _Reasoning | None = None
    image: _Picture | None = None
    citations_content: _Cited | None = None


class _Message(_Struct):
    content: list[_Block] | None = None


class _Output(_Struct):
    message: _Message | None = None


class _Reply(Metadata, rename="camel"):
    output: _Output | None = None
    stop_reason: str | None = None


class _ToolInput(_Struct):
    input: str = ""


class _Start(_Struct):
    tool_use: ToolUse | None = None
    tool_result: Any = None
    image: _Picture | None = None


class _Delta(_Struct):
    text: str | None = None
    tool_use: _ToolInput | None = None
    tool_result: Any = None
    reasoning_content: _Reasoning | None = None
    citation: Any = None
    image: _Picture | None = None


class _Event(Metadata, rename="camel"):
    """Any event's payload: flat, since its name stands in the headers."""

    content_block_index: int = 0
    start: _Start | None = None
    delta: _Delta | None = None
    stop_reason: str | None = None


_reply = msgspec.json.Decoder(_Reply).decode
_event = msgspec.json.Decoder(_Event).decode


class WholeReply(WholeDecoder):
    """One message."""

    def __init__(self, writer: Writer, reading: Reading) -> None:
        self._writer = writer
        self._reading = reading

    def decode(self, frame: bytes) -> Sequence[Event]:
        try:
            reply = _reply(frame)
            message = reply.output.message if reply.output is not None else None
            if message is None or message.content is None or reply.stop_reason is None:
                raise _unreadable()
            for index, block in enumerate(message.content):
                self._block(index, block)
                self._reading.shut()
            self._reading.stop(reply.stop_reason)
            self._reading.close(reply)
        except NOT_JSON as error:
            raise _unreadable() from error
        self._has_come = True
        return self._writer.take()

    def _block(self, index: int, block: _Block) -> None:
        reading = self._reading
        if block.text is not None:
            reading.text(block.text)
        elif block.tool_use is not None:
            reading.tool(block.tool_use)
            given = bytes(block.tool_use.input).decode()
            reading.input("{}" if given == "null" else given)
        elif block.tool_result is not None:
            reading.ran({"toolResult": block.tool_result})
        elif block.image is not None:
            if block.image.source is not None and block.image.source.bytes is not None:
                reading.picture(block.image.format, block.image.source.bytes)
        elif block.citations_content is not None:
            self._cited(block.citations_content)
        elif block.reasoning_content is not None:
            self._thought(index, block.reasoning_content)

    def _cited(self, block: _Cited) -> None:
        for part in block.content or ():
            self._reading.text(part.text or "")
        for citation in block.citations or ():
            self._reading.cited(citation)

    def _thought(self, index: int, block: _Reasoning) -> None:
        thought = block.reasoning_text
        if thought is not None:
            self._reading.thought(index, text=thought.text, signature=thought.signature)
        elif block.redacted_content is not None:
            self._reading.hidden_thought(index, block.redacted_content)


class StreamedReply:
    """Messages, one by one. What is not known is left out: the service adds events, blocks and deltas."""

    framing: Framing = "eventstream"

    def __init__(self, writer: Writer, reading: Reading, secrets: Sequence[str] = ()) -> None:
        self._writer = writer
        self._reading = reading
        self._secrets = secrets
        self._picture: str | None = None
        self._pieces: list[str] = []
        self._input: list[str] = []
        self._server_tool: ToolUse | None = None
        self._extra: Any = None
        self._is_over = False

    def decode(self, frame: bytes) -> Sequence[Event]:
        if self._is_over:
            return ()
        headers, payload = message_of(frame)
        kind = headers.get(":message-type")
        if kind == "exception":
            raise failure_in_stream(headers.get(":exception-type", ""), payload, secrets=self._secrets)
        if kind == "error":  # one that the service did not foresee: it stands in the headers
            said = msgspec.json.encode({"message": headers.get(":error-message", "")})
            raise failure_in_stream(headers.get(":error-code", ""), said, secrets=self._secrets)
        try:
            self._read(headers.get(":event-type", ""), payload)
            return self._writer.take()
        except NOT_JSON as error:
            raise _unreadable() from error

    def finish(self) -> Sequence[Event]:
        if self._is_over:
            return ()
        if not self._reading.has_reason:
            raise UpstreamError(Reason.CLOSED, "the provider's stream ended before the reply was complete")
        self._close(Metadata())  # only its usage is missing
        return self._writer.take()

    def _read(self, kind: str, payload: bytes) -> None:
        if kind == "contentBlockDelta":
            event = _event(payload)
            if event.delta is not None:
                self._more(event.content_block_index, event.delta)
        elif kind == "contentBlockStart":
            event = _event(payload)
            if event.start is not None:
                self._open(event.start)
        elif kind == "contentBlockStop":
            self._shut()
        elif kind == "messageStop":
            event = _event(payload)
            if event.stop_reason is None:
                raise _unreadable()
            self._shut()
            self._extra = event.additional_model_response_fields
            self._reading.stop(event.stop_reason)
        elif kind == "metadata":
            self._close(_event(payload))

    def _open(self, start: _Start) -> None:
        self._shut()
        if start.tool_use is not None:
            if start.tool_use.type == SERVER_TOOL:
                self._server_tool = start.tool_use
            else:
                self._reading.tool(start.tool_use)
        elif start.tool_result is not None:
            self._reading.ran({"toolResult": start.tool_result})
        elif start.image is not None:
            self._picture = start.image.format or "png"

    def _more(self, index: int, delta: _Delta) -> None:
        reading = self._reading
        if delta.text is not None:
            reading.text(delta.text)
        elif delta.reasoning_content is not None:
            thought = delta.reasoning_content
            if thought.redacted_content is not None:
                reading.hidden_thought(index, thought.redacted_content)
            else:
                reading.thought(index, text=thought.text, signature=thought.signature)
        elif delta.tool_use is not None:
            if self._server_tool is not None:
                self._input.append(delta.tool_use.input)
            else:
                reading.input(delta.tool_use.input)
        elif delta.image is not None:
            if delta.image.source is not None and delta.image.source.bytes is not None:
                self._pieces.append(delta.image.source.bytes)
        elif delta.tool_result is not None:
            reading.ran({"toolResult": delta.tool_result})
        elif delta.citation is not None:
            reading.cited(delta.citation)

    def _shut(self) -> None:
        if self._pieces:
            self._reading.picture(self._picture, joined_base64(self._pieces))
        if self._server_tool is not None:
            self._reading.tool(self._server_tool)
            self._reading.input("".join(self._input))
        self._picture, self._pieces, self._server_tool, self._input = None, [], None, []
        self._reading.shut()

    def _close(self, metadata: Metadata) -> None:
        if not self._reading.has_reason:
            raise _unreadable()
        self._is_over = True
        if metadata.additional_model_response_fields is None:
            metadata.additional_model_response_fields = self._extra
        self._reading.close(metadata)


def _unreadable() -> UpstreamError:
    return UpstreamError(Reason.UNREADABLE, "the provider's reply is not one of Converse")
