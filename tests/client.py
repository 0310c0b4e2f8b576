"""A client on a socket of its own. It can do what SDKs don't: hang up at any moment and in any way, or stop reading.

async with Client(serving.url, key="sk-…") as client:
answer = await client.chat("hello", model="m")
assert answer.status == 200
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

CHAT = "/v1/chat/completions"


class Head(msgspec.Struct, frozen=True):
    """Status and headers of a reply; names are lower case, of several values the last one stands."""

    status: int
    headers: Mapping[str, str]


class Answer(msgspec.Struct, frozen=True):
    """A whole reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The code of an OpenAI error object."""
        return self.json["error"]["code"]

    @property
    def events(self) -> list[bytes]:
        """The data of each server-sent event."""
        return [line.removeprefix(b"data: ") for line in self.body.split(b"\n") if line.startswith(b"data: ")]


class Client:
    """One connection, kept alive from request to request. ``limit`` bounds what is read from it unasked."""

    def __init__(self, url: str, key: str = "sk-any", *, limit: int = 64 * 1024) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._key = key
        self._limit = limit
        self._is_chunked = False
        self._length = 0

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(*self._address, limit=self._limit)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.transport.abort()

    def send(
        self,
        path: str,
        body: bytes | Mapping[str, Any],
        *,
        headers: Mapping[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        """Write a request; ``length`` promises more than ``body``, which then can be sent on by ``writer``."""
        data = body if isinstance(body, bytes) else json.dumps(dict(body)).encode()
        given = {"content-type": "application/json", "authorization": f"Bearer {self._key}", **(headers or {})}
        lines = [f"POST {path} HTTP/1.1", "host: gateway", *(f"{name}: {value}" for name, value in given.items())]
        lines.append(f"content-length: {len(data) if length is None else length}")
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    def get(self, path: str) -> None:
        self.writer.write(f"GET {path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {self._key}\r\n\r\n".encode())

    async def head(self) -> Head:
        """The next reply's head. Raises IncompleteReadError if the connection ends before."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        self._is_chunked = headers.get("transfer-encoding") == "chunked"
        self._length = int(headers.get("content-length", "0"))
        return Head(int(lines[0].split(" ")[1]), headers)

    async def chunk(self) -> bytes:
        """Some more of the body; empty at its proper end. Raises IncompleteReadError where it is cut short."""
        if self._is_chunked:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            return (await self.reader.readexactly(size + 2))[:-2]
        data, self._length = await self.reader.readexactly(self._length), 0
        return data

    async def answer(self) -> Answer:
        """The next reply, whole."""
        head = await self.head()
        parts = [part async for part in self.chunks()]
        return Answer(head.status, head.headers, b"".join(parts))

    async def chunks(self) -> AsyncIterator[bytes]:
        while part := await self.chunk():
            yield part

    async def ask(self, path: str, body: bytes | Mapping[str, Any], **more: Any) -> Answer:
        self.send(path, body, **more)
        return await self.answer()

    async def chat(self, text: str = "hi", **fields: Any) -> Answer:
        """A chat completion, read to its end; streamed with ``stream=True``."""
        return await self.ask(CHAT, chat(text, **fields))

    def reset(self) -> None:
        """Hang up so that the peer gets a RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        """Hang up in order: the peer gets a FIN."""
        self.writer.close()
        await self.writer.wait_closed()


def chat(text: str = "hi", model: str = "m", **fields: Any) -> dict[str, Any]:
    """The body of a chat request. ``sim`` is how the simulated provider is to behave for it."""
    if "sim" in fields:
        fields["metadata"] = {"sim": fields.pop("sim")}
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


async def ask(url: str, path: str, body: bytes | Mapping[str, Any], *, key: str = "sk-any", **more: Any) -> Answer:
    """One request on a connection of its own."""
    async with Client(url, key) as client:
        return await client.ask(path, body, **more)


async def get(url: str, path: str, *, key: str = "sk-any") -> Answer:
    async with Client(url, key) as client:
        client.get(path)
        return await client.answer()
