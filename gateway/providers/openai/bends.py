"""Replies of lookalikes that put reasoning elsewhere than most: what a client gets has it in ``reasoning_content``.

Bends of a message (or a delta, which reads the same), named by the row of the kind:

    "reasoning": "…"                       Groq, Cerebras, Together, OpenRouter, Ollama, vLLM. The same text is added as
                                           reasoning_content beside it, so that their own SDKs still find theirs.
    "content": [{"type":"thinking",…},     Mistral and Databricks, where a model reasons or cites. OpenAI's SDKs expect
                {"type":"text",…}]         a string: the texts joined; what is no text goes to extra_content.
    "finish_reason": "model_length"        words that OpenAI's format doesn't have, each for the one that it has.

https://console.groq.com/docs/reasoning · https://docs.mistral.ai/capabilities/reasoning ·
https://docs.databricks.com/aws/en/machine-learning/model-serving/query-reason-models
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.kinds import Kind
from gateway.core.types import Call, Event
from gateway.providers.openai.reply import WholeReply
from gateway.providers.openai.stream import ChatStream
from gateway.providers.raw import said

Bend = Callable[[bytes], bytes]
"""A frame of a stream, or a whole reply, as the client is to have it. What needs no change is the same object."""

# A key can't be mistaken: within text its quotes are escaped.
_REASONING = re.compile(rb'"reasoning":\s*("(?!")[^"\\]*+(?:\\.[^"\\]*+)*+")', re.DOTALL)
_LIST = re.compile(rb'"content":\s*\[')


def with_reasoning_content(data: bytes) -> bytes:
    """The text of ``reasoning`` under the other name too."""
    if b'"reasoning":' not in data or b'"reasoning_content":' in data:
        return data
    return _REASONING.sub(rb'\g<0>,"reasoning_content":\1', data)


def with_plain_content(data: bytes) -> bytes:
    """``content`` as a string, its reasoning beside it."""
    if _LIST.search(data) is None:
        return data
    start, end = data.find(b"{"), data.rfind(b"}") + 1
    reply = said(data[start:end])
    for message in _messages(reply):
        if isinstance(message.get("content"), list):
            _flatten(message)
    return data[:start] + msgspec.json.encode(reply) + data[end:] if isinstance(reply, dict) else data


def with_finishes(words: Mapping[str, str]) -> Bend:
    """Finish reasons in OpenAI's words."""
    theirs = b"|".join(re.escape(word).encode() for word in words)
    find = re.compile(rb'("finish_reason":\s*")(' + theirs + rb')"')
    ours = {word.encode(): name.encode() for word, name in words.items()}

    def bend(data: bytes) -> bytes:
        return find.sub(lambda found: found[1] + ours[found[2]] + b'"', data)

    return bend


def bends_of(kind: Kind) -> Sequence[Bend]:
    """What straightens the replies of a kind; nothing for most."""
    bends: list[Bend] = []
    if kind.writes_parts:
        bends.append(with_plain_content)
    if kind.writes_reasoning:
        bends.append(with_reasoning_content)
    if kind.finishes:
        bends.append(with_finishes(kind.finishes))
    return bends


class BentReply(WholeReply):
    """A whole reply, straightened."""

    def __init__(self, call: Call, kind: Kind, secrets: Sequence[str] = (), *, bends: Sequence[Bend]) -> None:
        super().__init__(call, kind, secrets)
        self._bends = bends

    def decode(self, frame: bytes) -> Sequence[Event]:
        events = super().decode(frame)
        straight = frame
        for bend in self._bends:
            straight = bend(straight)
        if straight is frame:
            return events
        # Counted by what came: a text that stands there twice was written once.
        words = self._kind.finishes
        return [
            msgspec.structs.replace(event, data=straight, finish=words.get(event.finish or "", event.finish))
            for event in events
        ]


class BentStream(ChatStream):
    """Chunks of a chat, straightened."""

    def __init__(self, call: Call, kind: Kind, secrets: Sequence[str] = (), *, bends: Sequence[Bend]) -> None:
        super().__init__(call, kind, secrets)
        self._bends = bends

    def decode(self, frame: bytes) -> Sequence[Event]:
        for bend in self._bends:
            frame = bend(frame)
        return super().decode(frame)


def _messages(reply: Any) -> Iterator[dict[str, Any]]:
    choices = reply.get("choices") if isinstance(reply, dict) else None
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            yield from (part for name in ("delta", "message") if isinstance(part := choice.get(name), dict))


def _flatten(message: dict[str, Any]) -> None:
    texts: list[str] = []
    thoughts: list[str] = []
    others: list[Any] = []
    for part in message["content"]:
        type = part.get("type") if isinstance(part, dict) else None
        if type == "text":
            texts += _texts(part)
        elif type in ("thinking", "reasoning"):
            thoughts += _texts(part.get("thinking", part.get("summary")))
        else:
            others.append(part)
    message["content"] = "".join(texts)
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    if others:
        message["extra_content"] = {"content": others}


def _texts(part: Any) -> Iterator[str]:
    """The text of a part, or of a list of them, or a text itself."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        yield from _texts(part.get("text"))
    elif isinstance(part, list):
        for each in part:
            yield from _texts(each)
