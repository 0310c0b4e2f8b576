"""A chat in OpenAI's format as chunks of a stream. Joined, they are what ``MessageWriter`` makes of the same reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.types import Event
from gateway.core.usage import BYTES_A_TOKEN, Usage
from gateway.providers.client.chat import Thought
from gateway.providers.client.writer import as_chat_usage, endless, homeless, made_up_id, picture, with_images

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
        self._annotations: list[Mapping[str, Any]] = []

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
            raise homeless()
        if fragment:
            call = {"index": self._calls - 1, "function": {"arguments": fragment}}
            self._delta({"tool_calls": [call]}, fragment)

    def image(self, type: str, base64: str) -> None:
        self.image_link(f"data:{type};base64,{base64}")

    def image_link(self, url: str) -> None:
        self._delta({"images": [picture(url, self._images)]}, "")
        self._images += 1

    def cite(self, annotation: Mapping[str, Any]) -> None:
        # All at the end, in one chunk: OpenAI's SDK can't join lists without an index, and raises at the second.
        self._annotations.append(annotation)

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
            raise endless()
        if self._annotations:
            self._delta({"annotations": self._annotations}, "")
        self._chunk({}, self._finish)
        self._flush(self._finish)
        usage = with_images(self._usage, self._images, self._image_line)
        if usage is not None:
            data = self._head + b'[],"usage":' + _encode(as_chat_usage(usage)) + b"}\n\n"
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
