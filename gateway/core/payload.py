"""What a client sent and was answered, where a setting asks for it to be kept. Everywhere else, content is nobody's."""

from __future__ import annotations

import msgspec

from gateway.core.body import Body, JsonBody


class Payload:
    """The beginning of a request and of its reply, at most ``max_bytes`` of each. Its repr shows neither."""

    __slots__ = ("_max_bytes", "_parts", "reply_size", "request", "request_size")

    def __init__(self, body: Body, max_bytes: int) -> None:
        whole = body.raw if isinstance(body, JsonBody) else _described(body)
        self.request = bytes(memoryview(whole)[:max_bytes])
        """JSON as it came, or a form's text fields and what its files are."""
        self.request_size = len(whole)
        self.reply_size = 0
        self._parts: list[bytes] = []
        self._max_bytes = max_bytes

    def add(self, data: bytes) -> None:
        """What the client is sent next: a whole JSON body, or SSE frames in OpenAI's format."""
        room = self._max_bytes - self.reply_size
        if room > 0:
            self._parts.append(data[:room])
        self.reply_size += len(data)

    @property
    def reply(self) -> bytes:
        return b"".join(self._parts)

    @property
    def is_whole(self) -> bool:
        """Nothing was cut off."""
        return max(self.request_size, self.reply_size) <= self._max_bytes

    def __repr__(self) -> str:
        return f"<Payload {self.request_size} + {self.reply_size} bytes>"


def _described(body: Body) -> bytes:
    assert not isinstance(body, JsonBody)
    files = [{"name": file.name, "content_type": file.content_type, "size": file.size} for file in body.files]
    return msgspec.json.encode({"fields": body.fields, "files": files})
