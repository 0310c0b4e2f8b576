"""What has come of one reply, and whoever waits for more of it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpHead


class Source(Protocol):
    """The connection that a reply comes from."""

    def listen(self) -> None:
        """Somebody waits from now on: the timeouts run."""
        ...

    def resume(self) -> None:
        """What was buffered has been taken: more may come."""
        ...

    def give_up(self) -> None:
        """Nobody wants the rest: close at once."""
        ...


class Reply:
    """An HttpReply. Holds what came and was not yet read, also when its connection already serves the next request.

    Bytes that came before an error are given out before the error is raised.
    """

    __slots__ = (
        "_error",
        "_loop",
        "_source",
        "_waiter",
        "buffered",
        "chunks",
        "coding",
        "has_head",
        "head",
        "is_stale",
    )

    head: HttpHead

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop) -> None:
        self.has_head = False
        self.coding: bytes | None = None
        """The content coding, where there is one."""
        self.is_stale = False
        """It failed because a kept connection was closed before a byte came: safe to ask again on another."""
        self.chunks: list[bytes] = []
        self.buffered = 0
        self._loop = loop  # asking for the running one is a system call each time, before Python 3.12
        self._error: UpstreamError | None = None
        self._source: Source | None = source
        """None once nothing more can come from it."""
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_awaited(self) -> bool:
        """Somebody waits for the provider right now."""
        return self._waiter is not None

    async def headed(self) -> None:
        """Wait for the head. Raises UpstreamError; cancelled, it closes the connection."""
        while not self.has_head:
            if self._error is not None:
                raise self._error
            await self._more()

    async def read(self) -> bytes:
        """See HttpReply. One reader at a time; cancelled, it closes the connection."""
        while True:
            chunks = self.chunks
            if chunks:
                data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
                chunks.clear()
                self.buffered = 0
                if self._source is not None:
                    self._source.resume()
                return data
            if self._source is None:
                if self._error is not None:
                    raise self._error
                return b""
            await self._more()

    def abort(self) -> None:
        source = self._source
        if source is not None:
            self.fail(UpstreamError(Reason.CLOSED, "the exchange was given up"))
            source.give_up()

    def wake(self) -> None:
        """Something came: let the waiter look."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def end(self) -> None:
        """The body is whole."""
        self._source = None
        self.wake()

    def fail(self, error: UpstreamError) -> None:
        """Nothing more will come."""
        self._error = error
        self._source = None
        self.wake()

    async def _more(self) -> None:
        source = self._source
        if source is None or self._waiter is not None:
            raise RuntimeError("a reply has one reader")
        waiter = self._waiter = self._loop.create_future()
        source.listen()
        try:
            await waiter
        except asyncio.CancelledError:
            self._waiter = None
            self.abort()
            raise

    def __repr__(self) -> str:
        if self._source is not None:
            state = "coming"
        else:
            state = "whole" if self._error is None else f"failed: {self._error.reason}"
        head = f"{self.head!r}, " if self.has_head else ""
        return f"<Reply {head}{self.buffered} bytes unread, {state}>"
