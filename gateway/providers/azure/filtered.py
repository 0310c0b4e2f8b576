"""Replies that content filters have been at: what they found stays, what they took from OpenAI's format is put back.

A filter's frames come without what a chunk must have, and clients that read ``choices[0].delta`` break on them:

    {"id":"","object":"","choices":[],"prompt_filter_results":[…]}                  of the prompt, before all else
    {"id":"","object":"","choices":[{"index":0,"content_filter_results":{…},        of the text so far: filters may run
      "content_filter_offsets":{…},"finish_reason":null}]}                          beside the model, and after its end

The first is no answer yet: a provider that sent only this may still fail, and another be asked. So it waits, and goes
out on the first chunk that says something. https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.body import NOT_JSON
from gateway.core.kinds import Kind
from gateway.core.types import Call, Event
from gateway.providers.openai.reply import WholeReply
from gateway.providers.openai.stream import ChatStream
from gateway.providers.raw import EMPTY, is_given, said
from gateway.providers.sse_data import sse_data

_NO_MESSAGE = {"role": "assistant", "content": None, "refusal": None}
_encode = msgspec.json.encode


class _Frame(msgspec.Struct, gc=False):
    choices: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY
    prompt_filter_results: msgspec.Raw = EMPTY


_frame = msgspec.json.Decoder(_Frame).decode


class FilteredStream(ChatStream):
    """Chunks of a chat, a filter's findings among them."""

    def __init__(self, call: Call, kind: Kind, secrets: Sequence[str] = ()) -> None:
        super().__init__(call, kind, secrets)
        self._findings = b""
        self._first: bytes = b""
        """The first real chunk: it has the reply's name."""

    def decode(self, frame: bytes) -> Sequence[Event]:
        # The usual one. A key can't be looked for in vain: quotes within text are escaped.
        if self._first and b'"delta"' in frame:
            return super().decode(frame)
        data = sse_data(frame)
        if not data or data == b"[DONE]":
            return super().decode(frame)
        if b'"delta"' in data:
            self._first = data
            return super().decode(self._reframed(data) if self._findings else frame)
        return self._decode_bare(frame, data)

    def _decode_bare(self, frame: bytes, data: bytes) -> Sequence[Event]:
        """A frame without a delta: of the prompt, of usage, an error, or of the text so far."""
        try:
            read = _frame(data)
        except NOT_JSON:
            return super().decode(frame)
        if read.choices is None or is_given(read.usage) or is_given(read.error):
            return super().decode(frame)
        if not read.choices:
            if is_given(read.prompt_filter_results):
                self._findings = bytes(read.prompt_filter_results)
            return ()
        return super().decode(self._reframed(self._completed(data)))

    def _reframed(self, data: bytes) -> bytes:
        findings, self._findings = self._findings, b""
        return b"data: " + (_with_findings(data, findings) if findings else data) + b"\n\n"

    def _completed(self, data: bytes) -> bytes:
        """With the name of the reply that it belongs to, and deltas that say nothing."""
        chunk = said(data)
        first = said(self._first) if self._first else None
        if not isinstance(chunk, dict):
            return data
        for choice in chunk["choices"]:
            if isinstance(choice, dict):
                choice.setdefault("delta", {})
        if isinstance(first, dict):
            chunk |= {name: first[name] for name in ("id", "created", "model") if name in first}
        chunk["object"] = "chat.completion.chunk"
        return _encode(chunk)


class FilteredReply(WholeReply):
    """A whole reply. A choice that was filtered away has no message at all, which no client expects."""

    def decode(self, frame: bytes) -> Sequence[Event]:
        return super().decode(frame if b'"content_filter"' not in frame else _with_messages(frame))


def _with_findings(chunk: bytes, findings: bytes) -> bytes:
    start = chunk.find(b"{") + 1
    comma = b"" if chunk[start:].lstrip().startswith(b"}") else b","
    return b'{"prompt_filter_results":' + findings + comma + chunk[start:]


def _with_messages(body: bytes) -> bytes:
    reply: Any = said(body)
    choices = reply.get("choices") if isinstance(reply, dict) else None
    if not isinstance(choices, list):
        return body
    bare = [each for each in choices if isinstance(each, dict) and each.get("message") is None]
    for choice in bare:
        choice["message"] = _NO_MESSAGE
    return _encode(reply) if bare else body
