"""A client's connection: uvicorn's, with two things of its own."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.core.errors import InvalidRequest

JOINED_BYTES = 64 * 1024
"""A body above this is not copied to stand behind its head."""

_HEAD = b"HTTP/1.1 "


class ClientConnection(HttpToolsProtocol):
    """Answers what is no HTTP with an error object as well, for SDKs read nothing else; and sends a response's head
    together with the first of its body.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn widens it
        super().connection_made(cast("asyncio.Transport", HeadHolder(transport, self.loop)))

    def send_400_response(self, msg: str) -> None:
        body = InvalidRequest(f"this is no valid HTTP: {msg}").body()
        head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
        self.transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
        self.transport.close()


class HeadHolder:
    """A transport that holds a response's head back until the next write, or the loop's next turn.

    uvicorn writes the head when it starts a response and the body when that comes, a system call each; nearly always
    the body comes at once.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._head:
            if len(data) > JOINED_BYTES:
                self._flush()
            else:
                data = self._head + data
                self._head = b""
        elif data.startswith(_HEAD):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)
