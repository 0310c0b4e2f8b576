"""A server that does what its script says: real sockets, no HTTP of its own, no sleeps.

A script is a list of steps for one connection. The first connection plays the first script, the second the second;
the last script is played by all connections that come after. When a script ends, the connection stays open until the
peer closes it.

    async with ScriptedUpstream([read_request, Send(reply(b"{}"))]) as upstream:
        ...ask upstream.origin...
        assert upstream.requests[0].body == b"..."
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import msgspec

from gateway.core.exchange import Origin


class Received(msgspec.Struct, frozen=True):
    """A request as it came."""

    head: bytes
    body: bytes
    connection: int

    @property
    def line(self) -> bytes:
        return self.head.split(b"\r\n", 1)[0]

    @property
    def path(self) -> bytes:
        return self.line.split(b" ")[1]

    @property
    def headers(self) -> dict[bytes, bytes]:
        pairs = (line.split(b": ", 1) for line in self.head.split(b"\r\n")[1:] if line)
        return {name.lower(): value for name, value in pairs}


class ReadRequest(msgspec.Struct, frozen=True):
    """Take a request whole, its body by its content-length, and record it."""


class ReadHead(msgspec.Struct, frozen=True):
    """Take a request's head only, and record it; its body is left in the socket."""


class ReadSome(msgspec.Struct, frozen=True):
    """Wait until anything at all has come; it stays in ``received``."""


class Send(msgspec.Struct, frozen=True):
    """Send ``data``, in pieces of ``piece`` bytes if it says so, each in a turn of the event loop of its own.

    Waits until the peer has taken nearly all of it.
    """

    data: bytes
    piece: int | None = None


class Turn(msgspec.Struct, frozen=True):
    """Let the peer have a turn of the event loop, so that what was sent before comes to it by itself."""


class Tell(msgspec.Struct, frozen=True):
    """Let the test know that the script has come to here."""

    event: asyncio.Event


class Wait(msgspec.Struct, frozen=True):
    """Go on when the test says so."""

    event: asyncio.Event


class Stop(msgspec.Struct, frozen=True):
    """Read no more: the peer's writes pile up."""


class Go(msgspec.Struct, frozen=True):
    """Read again."""


class Close(msgspec.Struct, frozen=True):
    """Close the connection, having sent everything."""


class HalfClose(msgspec.Struct, frozen=True):
    """Say that nothing more will be sent, and keep the connection open."""


class Reset(msgspec.Struct, frozen=True):
    """Break the connection: the peer gets a RST."""


class Loop(msgspec.Struct, frozen=True):
    """Play ``steps`` again and again, until the peer closes."""

    steps: Sequence[Step]


Step = ReadRequest | ReadHead | ReadSome | Send | Turn | Tell | Wait | Stop | Go | Close | HalfClose | Reset | Loop

read_request = ReadRequest()
read_head = ReadHead()
read_some = ReadSome()
turn = Turn()
close = Close()
half_close = HalfClose()
reset = Reset()
stop = Stop()
go = Go()


def reply(body: bytes = b"", status: int = 200, *headers: bytes) -> bytes:
    """A reply with a length: ``reply(b"{}", 200, b"content-type: application/json")``."""
    lines = (b"HTTP/1.1 %d Word" % status, *headers, b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*chunks: bytes, headers: Sequence[bytes] = ()) -> bytes:
    """A whole chunked reply."""
    lines = (b"HTTP/1.1 200 OK", *headers, b"transfer-encoding: chunked")
    return b"\r\n".join(lines) + b"\r\n\r\n" + b"".join(map(chunk, chunks)) + b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class PeerClosed(Exception):
    """The peer went while the script still wanted something of it."""


class ScriptedUpstream:
    """See above. ``open`` and ``ever`` count connections; ``requests`` are those of all connections, in order."""

    def __init__(self, *scripts: Sequence[Step], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.requests: list[Received] = []
        self.connections: list[ScriptedConnection] = []
        self._scripts = scripts
        self._tls = tls
        self._host = host
        self._server: asyncio.Server | None = None

    @property
    def origin(self) -> Origin:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return Origin("https" if self._tls else "http", self._host, port)

    @property
    def url(self) -> str:
        return str(self.origin)

    @property
    def open(self) -> int:
        return sum(not connection.is_closed.is_set() for connection in self.connections)

    @property
    def ever(self) -> int:
        return len(self.connections)

    async def closed(self) -> None:
        """Wait until no connection is open."""
        for connection in self.connections:
            await connection.is_closed.wait()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, self._host, 0, ssl=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self.connections:
            await connection.end()

    def _connection(self) -> ScriptedConnection:
        return ScriptedConnection(self)

    def begin(self, connection: ScriptedConnection) -> tuple[int, Sequence[Step]]:
        """The number and the script of a connection that was just made; with TLS, after the handshake."""
        number = len(self.connections)
        self.connections.append(connection)
        return number, self._scripts[min(number, len(self._scripts) - 1)]


class ScriptedConnection(asyncio.Protocol):
    """One connection, and the task that plays its script."""

    def __init__(self, upstream: ScriptedUpstream) -> None:
        self.number = -1
        self.received = bytearray()
        """Taken from the socket, and not yet by a step."""
        self.total_received = 0
        self.total_sent = 0
        self.is_stuck = asyncio.Event()
        """The peer takes no more of what is sent."""
        self.is_closed = asyncio.Event()
        """The connection is gone, or the peer has closed its side."""
        self.failure: BaseException | None = None
        self._upstream = upstream
        self._news = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.transport.set_write_buffer_limits(high=64 * 1024)
        self.number, script = self._upstream.begin(self)
        self._task = asyncio.get_running_loop().create_task(self._run(script))

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.total_received += len(data)
        self._news.set()

    def eof_received(self) -> None:
        self._gone()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone()
        self._lost.set()

    def pause_writing(self) -> None:
        self._free.clear()
        self.is_stuck.set()

    def resume_writing(self) -> None:
        self._free.set()
        self.is_stuck.clear()

    async def end(self) -> None:
        self.transport.abort()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._lost.wait()
        if self.failure is not None:
            raise self.failure

    def _gone(self) -> None:
        self.is_closed.set()
        self._news.set()
        self._free.set()

    async def _run(self, script: Sequence[Step]) -> None:
        try:
            await self._play(script)
        except PeerClosed:
            self.transport.close()
        except Exception as error:  # noqa: BLE001 - shown when the test is over
            self.failure = error
            self.transport.abort()

    async def _play(self, steps: Sequence[Step]) -> None:  # noqa: C901, PLR0912 - one case a step
        for step in steps:
            match step:
                case ReadRequest():
                    head = await self._until(b"\r\n\r\n")
                    body = await self._exactly(_length(head))
                    self._upstream.requests.append(Received(head, body, self.number))
                case ReadHead():
                    self._upstream.requests.append(Received(await self._until(b"\r\n\r\n"), b"", self.number))
                case ReadSome():
                    await self._exactly(1, is_taken=False)
                case Send(data, piece):
                    await self._send(data, piece or max(1, len(data)))
                case Turn():
                    await _turn()
                case Tell(event):
                    event.set()
                case Wait(event):
                    await event.wait()
                case Stop():
                    self.transport.pause_reading()
                case Go():
                    self.transport.resume_reading()
                case Close():
                    self.transport.close()
                case HalfClose():
                    self.transport.write_eof()
                case Reset():
                    sock = self.transport.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.transport.abort()
                case Loop(again):
                    while True:
                        await self._play(again)

    async def _send(self, data: bytes, size: int) -> None:
        for start in range(0, len(data), size):
            if self.is_closed.is_set():
                raise PeerClosed
            piece = data[start : start + size]
            self.transport.write(piece)
            self.total_sent += len(piece)
            await self._free.wait()
            if size < len(data):
                await _turn()

    async def _until(self, mark: bytes) -> bytes:
        while mark not in self.received:
            await self._more()
        end = self.received.index(mark) + len(mark)
        return self._take(end)

    async def _exactly(self, size: int, *, is_taken: bool = True) -> bytes:
        while len(self.received) < size:
            await self._more()
        return self._take(size) if is_taken else b""

    async def _more(self) -> None:
        if self.is_closed.is_set():
            raise PeerClosed
        self._news.clear()
        await self._news.wait()

    def _take(self, size: int) -> bytes:
        taken = bytes(self.received[:size])
        del self.received[:size]
        return taken


async def _turn() -> None:
    # The peer, on this same loop, reads in the first turn and may act in the second.
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
