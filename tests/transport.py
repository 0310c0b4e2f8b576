r"""A transport without a network: it plays what a provider would send, piece by piece, and keeps what it was asked.

    wire = ScriptedTransport(replied(b'data: …\n\n', media_type=SSE), UpstreamError(Reason.CONNECT, "no"))

The first exchange plays the first script, the second the second, and so on. Pieces are bytes; an error among them is
raised there; an ``asyncio.Event`` holds the reply until it is set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from gateway.core.errors import UpstreamError
from gateway.core.exchange import HttpHead, HttpRequest, Timeouts

JSON = b"application/json"
SSE = b"text/event-stream"
Piece = bytes | BaseException | asyncio.Event


class Replied(msgspec.Struct, frozen=True):
    """A reply, or what comes instead of its head."""

    pieces: tuple[Piece, ...]
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    before_head: asyncio.Event | None = None


def replied(*pieces: Piece, status: int = 200, media_type: bytes = JSON, before_head=None, **headers: bytes) -> Replied:
    given = [(b"content-type", media_type), *((name.replace("_", "-").encode(), v) for name, v in headers.items())]
    return Replied(pieces, status, tuple(given), before_head)


class ScriptedReply:
    """See HttpReply."""

    def __init__(self, script: Replied) -> None:
        self.head = HttpHead(script.status, script.headers)
        self.is_aborted = False
        self.is_whole = False
        self._left = list(script.pieces)

    async def read(self) -> bytes:
        while self._left:
            piece = self._left.pop(0)
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            elif isinstance(piece, BaseException):
                raise piece
            else:
                return piece
        self.is_whole = True
        return b""

    def abort(self) -> None:
        if not self.is_whole:
            self.is_aborted = True


class ScriptedTransport:
    """See Transport."""

    def __init__(self, *scripts: Replied | UpstreamError) -> None:
        self.requests: list[HttpRequest] = []
        self.replies: list[ScriptedReply] = []
        self._scripts: Sequence[Replied | UpstreamError] = scripts

    async def send(self, request: HttpRequest, timeouts: Timeouts, deadline: float) -> ScriptedReply:
        script = self._scripts[len(self.requests)]
        self.requests.append(request)
        if isinstance(script, UpstreamError):
            raise script
        if script.before_head is not None:
            await script.before_head.wait()
        reply = ScriptedReply(script)
        self.replies.append(reply)
        return reply

    async def aclose(self) -> None:
        """Nothing is open."""
