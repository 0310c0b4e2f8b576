"""The other end of one request: read from it, answer it, wait while it stays, hang up on it.

The wish to know at once when a client goes costs a task that watches ``receive()``. It is made at the first wait, so
that replies without one don't pay for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from gateway.core.clock import Sleep

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CLOSE = "sluice.close"
"""The ASGI extension by which our server lets an app close the connection."""


class Gone(Exception):  # never leaves the simulator: a client that hangs up is no error here
    """The client closed the connection before the reply's end."""


class Client:
    """One request's connection."""

    __slots__ = ("_close", "_receive", "_send", "_sleep", "_task", "_watcher", "is_gone")

    def __init__(self, scope: Scope, receive: Receive, send: Send, sleep: Sleep) -> None:
        self._receive = receive
        self._send = send
        self._sleep = sleep
        self._close: Callable[[], None] | None = (scope.get("extensions") or {}).get(CLOSE)
        self.is_gone = False
        self._task: asyncio.Task[Any] | None = None
        self._watcher: asyncio.Task[None] | None = None

    async def body(self) -> bytes:
        """The whole request body. Raises Gone."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Gone
        first: bytes = message.get("body", b"")
        if not message.get("more_body"):
            return first
        pieces = [first]
        while message.get("more_body"):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            pieces.append(message.get("body", b""))
        return b"".join(pieces)

    async def head(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def piece(self, data: bytes, *, is_last: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": not is_last})

    async def wait(self, seconds: float) -> None:
        """Wait; 0 lets what was sent go out. When the client goes, this task is cancelled at once, ``is_gone``."""
        self._watch()
        await self._sleep(seconds)

    async def silence(self) -> None:
        """Say nothing more until the client goes."""
        self._watch()
        await asyncio.get_running_loop().create_future()

    async def hang_up(self) -> None:
        """Close the connection once what was sent is out.

        A server that can't be asked to is left with a reply that never ends properly.
        """
        if self._close is None:
            raise ConnectionAbortedError("the simulator cut the connection")
        self._task = None
        self._close()
        # The server must have seen the close before the app returns, else it would answer in our stead.
        await (self._watcher or self._until_disconnect())

    def leave(self) -> None:
        """The reply is over. Takes back the cancel that told of the client's going."""
        if self._watcher is not None:
            self._watcher.cancel()
        if self._task is not None and self.is_gone:
            self._task.uncancel()
        self._task = None

    def _watch(self) -> None:
        if self._watcher is None:
            self._task = asyncio.current_task()
            self._watcher = asyncio.create_task(self._until_disconnect())

    async def _until_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._task is not None:
            self.is_gone = True
            self._task.cancel()
