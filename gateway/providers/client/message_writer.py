"""A chat in OpenAI's format as one message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.types import Event
from gateway.core.usage import BYTES_A_TOKEN, Usage
from gateway.providers.client.chat import Thought
from gateway.providers.client.writer import as_chat_usage, endless, homeless, made_up_id, picture, with_images


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
        self._places: dict[tuple[str, int], int] = {}
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
        if thought.index is not None:
            # Pieces with the same index are one block.
            at = self._places.setdefault((thought.type, thought.index), len(self._thoughts))
            if at < len(self._thoughts):
                self._thoughts[at] = _joined(self._thoughts[at], thought)
                return
        self._thoughts.append(thought)

    def tool_call(self, id: str, name: str) -> None:
        index = len(self._calls)
        function = {"name": name, "arguments": ""}
        self._calls.append({"id": id or made_up_id(self._own_name, index), "type": "function", "function": function})
        self._arguments.append([])

    def arguments(self, fragment: str) -> None:
        if not self._calls:
            raise homeless()
        self._arguments[-1].append(fragment)

    def image(self, type: str, base64: str) -> None:
        self.image_link(f"data:{type};base64,{base64}")

    def image_link(self, url: str) -> None:
        self._images.append(picture(url, len(self._images)))

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
            raise endless()
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
            reply["usage"] = as_chat_usage(usage)
        written = sum(map(len, (*self._text, *self._reasoning)))
        written += sum(len(part) for parts in self._arguments for part in parts)
        self._ready = (Event(msgspec.json.encode(reply), written // BYTES_A_TOKEN, usage, finish=self._finish),)

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


def _joined(first: Thought, more: Thought) -> Thought:
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
