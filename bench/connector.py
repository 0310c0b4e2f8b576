"""What an exchange and a streamed chunk cost in the connector alone, in microseconds of CPU.

    python -m bench.connector [--tls] [--seconds 3]

A mock that knows no HTTP (it answers each blank line) runs in a process of its own, on the last core; the connector
has the first to itself.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import ssl
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import uvloop

from gateway.core.clock import SystemClock
from gateway.core.exchange import HttpRequest, Origin, Pieces, Timeouts
from gateway.wire.connector import Connector
from gateway.wire.tls import Tls

HEADERS = b"".join(b"x-header-%d: some value of usual length\r\n" % number for number in range(12))
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n%scontent-length: 1024\r\n\r\n%s" % (
    HEADERS,
    b"x" * 1024,
)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n%stransfer-encoding: chunked\r\n\r\n" % HEADERS
EVENT = b"data: " + b"x" * 180 + b"\n\n"
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
CHUNKS = 200


class Mock(asyncio.Protocol):
    """Answers each request, told by its closing ``}``; a path that begins with /s streams."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        if not data.endswith(b"}"):
            return
        if data.startswith(b"POST /s"):
            self.transport.write(HEAD)
            asyncio.get_running_loop().call_soon(self.stream, CHUNKS)
        else:
            self.transport.write(WHOLE)

    def stream(self, left: int) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(CHUNK if left else b"0\r\n\r\n")
        if left:
            asyncio.get_running_loop().call_later(0.001, self.stream, left - 1)


def serve(tell: Connection, certificate: str | None) -> None:
    async def main() -> None:
        context = None
        if certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
        server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", 0, ssl=context)
        tell.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    pin(-1)
    uvloop.run(main())


def pin(core: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[core]})


async def measure(connector: Connector, origin: Origin, path: bytes, calls: int, seconds: float) -> tuple[int, int]:
    """Exchanges and reads of a body, with ``calls`` under way at all times."""
    headers = [(b"content-type", b"application/json"), (b"authorization", b"Bearer " + b"k" * 40)]
    request = HttpRequest(b"POST", origin, path, headers, Pieces(b"{" + b" " * 1022 + b"}"))
    until = time.monotonic() + seconds
    done = [0, 0]

    async def call() -> None:
        while time.monotonic() < until:
            reply = await connector.send(request, Timeouts(), time.monotonic() + 600)
            while await reply.read():
                done[1] += 1
            done[0] += 1

    await asyncio.gather(*(call() for _ in range(calls)))
    return done[0], done[1]


async def run(origin: Origin, tls: Tls | None, seconds: float) -> None:
    connector = Connector(clock=SystemClock(), tls=tls)
    for name, path, calls in (("whole", b"/whole", 64), ("streamed", b"/stream", 64)):
        await measure(connector, origin, path, calls, 0.3)
        wall, cpu = time.perf_counter(), time.process_time()
        exchanges, reads = await measure(connector, origin, path, calls, seconds)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        each = f"{cpu / exchanges * 1e6:.1f} µs an exchange, {exchanges / wall:,.0f} a second"
        print(f"{name}: {each}" if name == "whole" else f"{name}: {cpu / reads * 1e6:.1f} µs a chunk")
    await connector.aclose()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--tls", action="store_true")
    arguments.add_argument("--seconds", type=float, default=3.0)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        certificate, tls = None, None
        if chosen.tls:
            import trustme  # noqa: PLC0415 - of the test extras

            authority = trustme.CA()
            certificate, trusted = str(Path(folder, "server.pem")), str(Path(folder, "ca.pem"))
            authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
            authority.cert_pem.write_to_path(trusted)
            tls = Tls(ca_file=trusted)
        hear, tell = multiprocessing.Pipe(duplex=False)
        mock = multiprocessing.get_context("spawn").Process(target=serve, args=(tell, certificate), daemon=True)
        mock.start()
        try:
            origin = Origin("https" if chosen.tls else "http", "127.0.0.1", hear.recv())
            pin(0)
            uvloop.run(run(origin, tls, chosen.seconds))
        finally:
            mock.terminate()
            mock.join()


if __name__ == "__main__":
    main()
