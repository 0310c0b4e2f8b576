"""Chat completions in OpenAI's format: as chunks of a stream, or as one message. Joined, the chunks are the message."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.errors import Reason, UpstreamError
from gateway.core.types import Event
from gateway.core.usage import Usage
from gateway.providers.chat import Thought
from gateway.providers.writer import BYTES_A_TOKEN, chat_usage, with_images

_encode = msgspec.json.encode
_DONE = b"data: [DONE]\n\n"


class ChunkWriter:
    """A stream: each ``take`` is what was told since the last one. The role rides on the first chunk, so that nothing
    is said before the provider has, and the reason of the end on the last: some providers name it over and over.
    """

    def __init__(self, *, id: str, model: str, created: int, image_line: str = "") -> None:
        self._id = id
        self._model = model
        self._created = created
        self._own_name = f"{id}/{created}"
        self._head = b""
        """What all chunks begin with, once the first is written."""
        self._image_line = image_line
        self._ready: list[Event] = []
        self._data: list[bytes] = []
        self._tokens = 0
        self._usage: Usage | None = None
        self._usage_is_news = False
        self._finish: str | None = None
        self._calls = 0
        self._images = 0

    def begin(self, *, id: str = "", model: str = "") -> None:
        if not self._head:  # a client must not see the name change
            self._id = id or self._id
            self._model = model or self._model

    def text(self, text: str) -> None:
        if text:
            self._delta({"content": text}, text)

    def refusal(self, text: str) -> None:
        if text:
            self._delta({"refusal": text}, "")  # a filter's words, not the model's: nobody counts them

    def thought(self, thought: Thought) -> None:
        delta: dict[str, Any] = {"reasoning_details": [thought]}
        said = thought.text or thought.summary or ""
        if said:
            delta["reasoning_content"] = said
        self._delta(delta, said)

    def tool_call(self, id: str, name: str) -> None:
        index = self._calls
        self._calls += 1
        call = {
            "index": index,
            "id": id or made_up_id(self._own_name, index),
            "type": "function",
            "function": {"name": name, "arguments": ""},
        }
        self._delta({"tool_calls": [call]}, name)

    def arguments(self, fragment: str) -> None:
        if not self._calls:
            raise _homeless()
        if fragment:
            call = {"index": self._calls - 1, "function": {"arguments": fragment}}
            self._delta({"tool_calls": [call]}, fragment)

    def image(self, type: str, base64: str) -> None:
        self.image_link(f"data:{type};base64,{base64}")

    def image_link(self, url: str) -> None:
        self._delta({"images": [_image(url, self._images)]}, "")
        self._images += 1

    def cite(self, annotation: Mapping[str, Any]) -> None:
        self._delta({"annotations": [annotation]}, "")

    def extra(self, vendor: str, value: Mapping[str, Any]) -> None:
        self._delta({"extra_content": {vendor: value}}, "")

    def finish(self, reason: str) -> None:
        self._finish = reason

    def usage(self, usage: Usage) -> None:
        self._usage = usage
        self._usage_is_news = True
        # It is of the reply so far, with what was told before it.
        self._tokens = 0

    def close(self) -> None:
        if self._finish is None:
            raise _endless()
        self._chunk({}, self._finish)
        self._flush(self._finish)
        usage = with_images(self._usage, self._images, self._image_line)
        if usage is not None:
            data = self._head + b'[],"usage":' + _encode(chat_usage(usage)) + b"}\n\n"
            self._ready.append(Event(data, usage=usage, is_usage_frame=True))
        self._ready.append(Event(_DONE))

    def take(self) -> Sequence[Event]:
        self._flush()
        ready, self._ready = self._ready, []
        return ready

    def _delta(self, delta: dict[str, Any], said: str) -> None:
        if said:
            self._tokens += (len(said) + BYTES_A_TOKEN - 1) // BYTES_A_TOKEN
        self._chunk(delta)

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> None:
        if not self._head:
            self._head = self._opening()
            delta = {"role": "assistant", **delta}
        # What all chunks share is encoded once: a stream has one for each token.
        reason = b"null" if finish is None else _encode(finish)
        self._data += (self._head, b'[{"index":0,"delta":', _encode(delta), b',"logprobs":null,"finish_reason":')
        self._data += (reason, b"}]}\n\n")

    def _opening(self) -> bytes:
        opening = {"id": self._id, "object": "chat.completion.chunk", "created": self._created, "model": self._model}
        return b"data: " + _encode(opening)[:-1] + b',"choices":'

    def _flush(self, finish: str | None = None) -> None:
        """What was told becomes one event: each costs the client's socket a write."""
        if not self._data:
            return
        # Usage that comes before the end counts what a client that hangs up now has used; the last has its own chunk.
        usage = self._usage if self._usage_is_news and finish is None else None
        self._usage_is_news = False
        self._ready.append(Event(b"".join(self._data), self._tokens, usage, finish=finish))
        self._data.clear()
        self._tokens = 0


class MessageWriter:
    """A whole reply: one event, at its close."""

    def __init__(self, *, id: str, model: str, created: int, image_line: str = "") -> None:
        self._id = id
        self._model = model
        self._created = created
        self._own_name = f"{id}/{created}"
        self._image_line = image_line
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._reasoning: list[str] = []
        self._thoughts: list[Thought] = []
        self._calls: list[dict[str, Any]] = []
        self._arguments: list[list[str]] = []
        self._images: list[dict[str, Any]] = []
        self._annotations: list[Mapping[str, Any]] = []
        self._extra: dict[str, Mapping[str, Any]] = {}
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._ready: tuple[Event, ...] = ()

    def begin(self, *, id: str = "", model: str = "") -> None:
        self._id = id or self._id
        self._model = model or self._model

    def text(self, text: str) -> None:
        self._text.append(text)

    def refusal(self, text: str) -> None:
        if text:
            self._refusal.append(text)

    def thought(self, thought: Thought) -> None:
        self._reasoning.append(thought.text or thought.summary or "")
        for at in range(len(self._thoughts) - 1, -1, -1):
            if is_same_block(self._thoughts[at], thought):
                self._thoughts[at] = joined(self._thoughts[at], thought)
                return
        self._thoughts.append(thought)

    def tool_call(self, id: str, name: str) -> None:
        index = len(self._calls)
        function = {"name": name, "arguments": ""}
        self._calls.append({"id": id or made_up_id(self._own_name, index), "type": "function", "function": function})
        self._arguments.append([])

    def arguments(self, fragment: str) -> None:
        if not self._calls:
            raise _homeless()
        self._arguments[-1].append(fragment)

    def image(self, type: str, base64: str) -> None:
        self.image_link(f"data:{type};base64,{base64}")

    def image_link(self, url: str) -> None:
        self._images.append(_image(url, len(self._images)))

    def cite(self, annotation: Mapping[str, Any]) -> None:
        self._annotations.append(annotation)

    def extra(self, vendor: str, value: Mapping[str, Any]) -> None:
        self._extra[vendor] = {**self._extra.get(vendor, {}), **value}

    def finish(self, reason: str) -> None:
        self._finish = reason

    def usage(self, usage: Usage) -> None:
        self._usage = usage

    def close(self) -> None:
        if self._finish is None:
            raise _endless()
        choice = {"index": 0, "message": self._message(), "logprobs": None, "finish_reason": self._finish}
        reply: dict[str, Any] = {
            "id": self._id,
            "object": "chat.completion",
            "created": self._created,
            "model": self._model,
            "choices": [choice],
        }
        usage = with_images(self._usage, len(self._images), self._image_line)
        if usage is not None:
            reply["usage"] = chat_usage(usage)
        written = sum(map(len, (*self._text, *self._reasoning)))
        written += sum(len(part) for parts in self._arguments for part in parts)
        self._ready = (Event(_encode(reply), written // BYTES_A_TOKEN, usage, finish=self._finish),)

    def take(self) -> Sequence[Event]:
        ready, self._ready = self._ready, ()
        return ready

    def _message(self) -> dict[str, Any]:
        text = "".join(self._text)
        message: dict[str, Any] = {
            "role": "assistant",
            "content": text or (None if self._calls or self._refusal or self._images else ""),
            "refusal": "".join(self._refusal) or None,
        }
        if self._thoughts:
            said = "".join(self._reasoning)
            if said:
                message["reasoning_content"] = said
            message["reasoning_details"] = self._thoughts
        if self._calls:
            for call, parts in zip(self._calls, self._arguments, strict=True):
                call["function"]["arguments"] = "".join(parts)
            message["tool_calls"] = self._calls
        if self._images:
            message["images"] = self._images
        if self._annotations:
            message["annotations"] = self._annotations
        if self._extra:
            message["extra_content"] = self._extra
        return message


def made_up_id(name: str, index: int) -> str:
    """An id for the reply's tool call number ``index``, where the provider gives none.

    It comes back with the conversation, maybe to another provider: letters and digits, at most 40 (OpenAI's bound), and
    no two alike over all turns. ``name`` is the reply's.
    """
    return "call_" + hashlib.blake2s(f"{name}/{index}".encode(), digest_size=12).hexdigest()


def is_same_block(first: Thought, more: Thought) -> bool:
    """Whether these are two pieces of one block of reasoning."""
    return more.index is not None and first.index == more.index and first.type == more.type


def joined(first: Thought, more: Thought) -> Thought:
    """Two pieces of one block of reasoning."""
    return msgspec.structs.replace(
        first,
        text=_sum(first.text, more.text),
        summary=_sum(first.summary, more.summary),
        signature=_sum(first.signature, more.signature),
        data=_sum(first.data, more.data),
        id=more.id or first.id,
        format=more.format or first.format,
    )


def _sum(first: str | None, more: str | None) -> str | None:
    return more if first is None else first if more is None else first + more


def _homeless() -> UpstreamError:
    return UpstreamError(Reason.UNREADABLE, "the provider's reply has arguments that belong to no tool call")


def _endless() -> UpstreamError:
    return UpstreamError(Reason.UNREADABLE, "the provider's reply does not say why it ended")


def _image(url: str, index: int) -> dict[str, Any]:
    """A picture in a message, where OpenRouter puts it: OpenAI's own chat has no place for one.

    https://openrouter.ai/docs/features/multimodal/image-generation
    """
    return {"type": "image_url", "image_url": {"url": url}, "index": index}
