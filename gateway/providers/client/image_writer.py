"""Replies of the images endpoints in OpenAI's format, whole or streamed, whatever drew them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.errors import Reason, UpstreamError
from gateway.core.types import Call, Endpoint, Event
from gateway.core.usage import Usage
from gateway.providers.client.chat import Thought
from gateway.providers.client.writer import as_image_usage, with_images

MAX_WORDS = 300
LARGE = 1024 * 1024
"""A body above this stays where it was put together: a copy takes up to 10 ms."""
_EVENT = {
    Endpoint.IMAGE_GENERATIONS: "image_generation.completed",
    Endpoint.IMAGE_EDITS: "image_edit.completed",
    Endpoint.IMAGE_VARIATIONS: "image_edit.completed",
}
# What OpenAI's schema allows in a reply. The line may be in another provider's words.
_SIZES = frozenset({"1024x1024", "1024x1536", "1536x1024"})
_QUALITIES = frozenset({"low", "medium", "high"})
_FORMATS = frozenset({"png", "webp", "jpeg"})


class ImageWriter:
    """Keeps the pictures until the close, since only then their usage is known. Words beside them are not passed on:
    an images reply has no place for them.
    """

    def __init__(self, call: Call, *, created: int, image_line: str) -> None:
        self._call = call
        self._created = created
        self._image_line = image_line
        self._images: list[tuple[str, dict[str, str]]] = []
        """The media type, and the picture as a reply's ``data`` has it."""
        self._words: list[str] = []
        self._finish = "stop"
        self._usage: Usage | None = None
        self._ready: tuple[Event, ...] = ()

    def begin(self, *, id: str = "", model: str = "") -> None:
        pass

    def text(self, text: str) -> None:
        self._words.append(text)

    def refusal(self, text: str) -> None:
        self._words.append(text)

    def thought(self, thought: Thought) -> None:
        pass

    def tool_call(self, id: str, name: str) -> None:
        pass

    def arguments(self, fragment: str) -> None:
        pass

    def image(self, type: str, base64: str) -> None:
        self._images.append((type, {"b64_json": base64}))

    def image_link(self, url: str) -> None:
        self._images.append(("", {"url": url}))

    def cite(self, annotation: Mapping[str, Any]) -> None:
        pass

    def extra(self, vendor: str, value: Mapping[str, Any]) -> None:
        pass

    def finish(self, reason: str) -> None:
        self._finish = reason

    def usage(self, usage: Usage) -> None:
        self._usage = usage

    def close(self) -> None:
        if not self._images:
            raise self._no_image()
        usage = with_images(self._usage, len(self._images), self._image_line)
        assert usage is not None
        self._ready = self._streamed(usage) if self._call.stream else (self._whole(usage),)

    def take(self) -> Sequence[Event]:
        ready, self._ready = self._ready, ()
        return ready

    def _whole(self, usage: Usage) -> Event:
        reply: dict[str, Any] = {
            "created": self._created,
            **{name: value for name, value in self._look(self._images[0][0]).items() if value != "auto"},
        }
        if usage.total:
            reply["usage"] = as_image_usage(usage)
        body = with_data(reply, [image for _, image in self._images])
        return Event(body, usage=usage, finish=self._finish)

    def _streamed(self, usage: Usage) -> tuple[Event, ...]:
        """An event for each picture. The last has the usage of all."""
        last = len(self._images) - 1
        type = _EVENT[self._call.endpoint]
        events = []
        for index, (media, image) in enumerate(self._images):
            counted = usage if index == last else Usage()
            frame = {
                "type": type,
                **image,
                "created_at": self._created,
                **self._look(media, "png"),
                "usage": as_image_usage(counted),
            }
            data = b"event: " + type.encode() + b"\ndata: " + msgspec.json.encode(frame) + b"\n\n"
            events.append(Event(data, usage=counted if index == last else None))
        return tuple(events)

    def _look(self, type: str, usual: str = "auto") -> dict[str, str]:
        """How a picture of media type ``type`` looks; ``usual`` is the format where that says nothing."""
        quality, _, size = self._image_line.partition("/")
        format = type.rpartition("/")[2]
        return {
            "size": size if size in _SIZES else "auto",
            "quality": quality if quality in _QUALITIES else "auto",
            "background": "auto",
            "output_format": format if format in _FORMATS else usual,
        }

    def _no_image(self) -> UpstreamError:
        said = "".join(self._words).strip()[:MAX_WORDS]
        words = f"; it said: {said}" if said else ""
        if self._finish == "content_filter":
            return UpstreamError(Reason.CONTENT_FILTER, f"the provider refused to draw this{words}")
        return UpstreamError(Reason.UNREADABLE, f"the provider answered without an image{words}")


def with_data(fields: Mapping[str, Any], items: Sequence[Any]) -> bytes:
    """``fields``, at least one, and ``data`` of ``items`` as one JSON object.

    Put together item by item, since pictures are large: written all at once they would hold the loop for that long.
    """
    body = bytearray(msgspec.json.encode(fields))
    body[-1:] = b',"data":['
    for index, item in enumerate(items):
        if index:
            body += b","
        body += msgspec.json.encode(item)
    body += b"]}"
    return body if len(body) > LARGE else bytes(body)  # type: ignore[return-value]  # read like bytes, never changed
