"""How the bytes of a reply's body are cut for the dialect that reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import Framing
from gateway.wire.eventstream import EventStreamFramer
from gateway.wire.sse import SseFramer

MAX_BODY_BYTES = 256 * 1024 * 1024
"""Ten 4K images in base64 come to less."""


class Framer(Protocol):
    """Cuts one body into frames, then is thrown away. Where the pieces it is fed begin and end makes no difference."""

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that ``data`` completes. Raises UpstreamError (PROTOCOL) for a frame over the bound."""
        ...

    def finish(self) -> list[bytes]:
        """The body has ended: what is left."""
        ...


JOINED_BYTES = 1024 * 1024
"""Above this a body is put together as it comes: joined at its end, 20 MB of fresh memory would take 8 ms at once."""


class WholeFramer:
    """The whole body as one frame, given at its end, also if it is empty. A large one comes as a bytearray."""

    __slots__ = ("_body", "_left", "_pieces", "_size")

    def __init__(self, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._body = bytearray()
        self._pieces: list[bytes] = []
        self._size = 0
        self._left = max_bytes

    def feed(self, data: bytes) -> list[bytes]:
        self._left -= len(data)
        if self._left < 0:
            raise UpstreamError(Reason.PROTOCOL, "the reply's body is larger than the gateway takes")
        self._pieces.append(data)
        self._size += len(data)
        if self._size > JOINED_BYTES:
            self._move()
        return []

    def finish(self) -> list[bytes]:
        pieces = self._pieces
        if self._body:
            self._move()
            return [self._body]  # type: ignore[list-item]  # read like bytes, and never changed again
        return [pieces[0] if len(pieces) == 1 else b"".join(pieces)]

    def _move(self) -> None:
        for piece in self._pieces:
            self._body += piece
        self._pieces.clear()
        self._size = 0


_FRAMERS: dict[str, Callable[[], Framer]] = {
    "whole": WholeFramer,
    "sse": SseFramer,
    "eventstream": EventStreamFramer,
}


def framer(framing: Framing) -> Framer:
    """A fresh framer for one body. Raises KeyError for a framing that there is no framer for."""
    return _FRAMERS[framing]()
