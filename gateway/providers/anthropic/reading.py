"""What a reply says, block by block, told to a writer: whole and streamed replies are read by the same code.

https://platform.claude.com/docs/en/api/messages, .../build-with-claude/streaming, .../handling-stop-reasons
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.usage import Usage
from gateway.providers.anthropic.answer import TOOL
from gateway.providers.anthropic.turns import FORMAT
from gateway.providers.anthropic.usage import Counts, compaction_of, usage_of
from gateway.providers.client.chat import Thought
from gateway.providers.client.writer import Writer

VENDOR = "anthropic"
"""Under this name clients find what OpenAI has no word for."""

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "refusal": "content_filter",
}
"""A paused turn is not at its end; OpenAI's nearest word for that is ``length``. Unknown reasons are ``stop``."""
_PLAIN = frozenset({"end_turn", "stop_sequence", "tool_use", "max_tokens"})

BLOCKS = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})
"""The types of blocks that are read. Anthropic adds others, and runs tools of its own: those are not the client's."""

_NONE = msgspec.Raw()
_EMPTY_INPUTS = (b"", b"{}", b"null")


class Block(msgspec.Struct, gc=False):
    """A content block, whole or as a stream begins it. Of other types than ours nothing is read."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = _NONE
    citations: Any = None


class Delta(msgspec.Struct, gc=False):
    """More of a block, or how the message ends."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    citation: Any = None
    stop_reason: str | None = None
    stop_details: Any = None


class Message(msgspec.Struct, gc=False):
    """A whole reply, or what is known at the beginning of a stream."""

    type: str = ""
    id: str | None = None
    model: str | None = None
    content: list[msgspec.Raw] | None = None
    stop_reason: str | None = None
    stop_details: Any = None
    usage: Counts | None = None
    error: Any = None


class Reading:
    """One reply on its way from Anthropic's words to the writer's."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._usage = Usage()
        self._compaction: Usage | None = None
        self._kind = ""
        self._index = 0
        self._input = b""
        self._is_answer = False
        self._has_calls = False
        self._has_input = False
        self._length = 0
        """Characters of text so far."""
        self._began_at = 0
        self._citations: list[Any] = []
        self._extra: dict[str, Any] = {}

    def begin(self, message: Message) -> None:
        self._writer.begin(id=message.id or "", model=message.model or "")
        self.count(message.usage)

    def count(self, counts: Counts | None) -> None:
        if counts is None:
            return
        self._usage = usage = usage_of(counts, self._usage)
        self._compaction = compaction_of(counts) or self._compaction
        if self._compaction is not None:
            usage = msgspec.structs.replace(usage.plus(self._compaction), requests=1)
        self._writer.usage(usage)

    def open(self, index: int, block: Block) -> None:
        self._kind = block.type
        self._index = index
        if block.type == "text":
            self._began_at = self._length
            if block.text:
                self._say(block.text)
            if isinstance(block.citations, list):
                self._citations += block.citations
        elif block.type == "thinking":
            self._think(block.thinking, block.signature)
        elif block.type == "redacted_thinking":
            hidden = Thought(type="reasoning.encrypted", data=block.data, format=FORMAT, index=index)
            self._writer.thought(hidden)
        elif block.type == "tool_use":
            self._call(block)

    def more(self, delta: Delta) -> None:
        """What the delta's type says is of another block than its own is left out, as unknown types are."""
        if delta.type == "text_delta":
            if delta.text and self._kind == "text":
                self._say(delta.text)
        elif delta.type == "input_json_delta":
            if delta.partial_json and self._kind == "tool_use":
                self._has_input = True
                self._write(delta.partial_json)
        elif delta.type == "thinking_delta":
            self._think(delta.thinking, None)
        elif delta.type == "signature_delta":
            self._think(None, delta.signature)
        elif delta.type == "citations_delta":
            self._citations.append(delta.citation)

    def shut(self) -> None:
        """The block is at its end."""
        if self._kind == "tool_use" and not self._has_input:
            self._write("{}" if self._input in _EMPTY_INPUTS else self._input.decode(errors="replace"))
        if self._citations:
            self._cite()
        self._kind = ""

    def end(self, reason: str | None, details: Any) -> None:
        """Why the message ends; None is no reason yet."""
        if reason is None:
            return
        if reason not in _PLAIN:
            self._extra["stop_reason"] = reason
        if isinstance(details, dict):
            self._extra["stop_details"] = details
            why = details.get("explanation")
            if reason == "refusal" and isinstance(why, str):
                self._writer.refusal(why)
        if self._extra:
            self._writer.extra(VENDOR, self._extra)  # noqa: S610  not Django's
            self._extra = {}
        finish = _FINISH.get(reason, "stop")
        # The tool by which an answer in JSON is given is none of the client's.
        self._writer.finish("stop" if finish == "tool_calls" and not self._has_calls else finish)

    def _say(self, text: str) -> None:
        self._length += len(text)
        self._writer.text(text)

    def _think(self, text: str | None, signature: str | None) -> None:
        if text or signature:
            thought = Thought(text=text or None, signature=signature or None, format=FORMAT, index=self._index)
            self._writer.thought(thought)

    def _call(self, block: Block) -> None:
        self._is_answer = block.name == TOOL
        self._has_input = False
        self._input = bytes(block.input)
        if not self._is_answer:
            self._has_calls = True
            self._writer.tool_call(block.id or "", block.name or "")

    def _write(self, fragment: str) -> None:
        if self._is_answer:
            self._say(fragment)
        else:
            self._writer.arguments(fragment)

    def _cite(self) -> None:
        """What has an address is OpenAI's annotation of the block's text; documents, which have none, are kept as is.

        ``content``, the words that are cited, is OpenRouter's addition.
        """
        for citation in self._citations:
            if not isinstance(citation, dict):
                continue
            url = citation.get("url", citation.get("source"))
            if isinstance(url, str):
                self._writer.cite({"type": "url_citation", "url_citation": self._cited(url, citation)})
            else:
                self._extra.setdefault("citations", []).append(citation)
        self._citations = []

    def _cited(self, url: str, citation: dict[str, Any]) -> dict[str, Any]:
        return {
            "url": url,
            "title": _text(citation.get("title")),
            "content": _text(citation.get("cited_text")),
            "start_index": self._began_at,
            "end_index": self._length,
        }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
