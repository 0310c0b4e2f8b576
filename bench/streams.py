"""Streams: so many clients at once, each reading one SSE stream after another to its end.

``load`` runs the clients in a process of their own (``python -m bench.streams``), pinned beside the mock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from typing import cast

import msgspec
import uvloop

from bench.process import Failed, Service


class Streamed(msgspec.Struct, frozen=True):
    """One round of streams. A chunk is one SSE event with content; the CPU of heads and ends is spread over them."""

    chunks_per_s: float
    cpu_us: float
    core_busy: float


class Client(asyncio.Protocol):
    """One connection that asks for a stream, reads it to its end, and asks again until it is told to stop."""

    def __init__(self, request: bytes, expected: int) -> None:
        self.request = request
        self.expected = expected
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport
        self.is_stopping = False
        self.total = 0
        self.failure = ""
        self.events = 0
        self.tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is one in all but its base class.
        self.transport = cast("asyncio.Transport", transport)
        self.ask()

    def ask(self) -> None:
        self.events, self.tail = 0, b""
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if not self.tail and not data.startswith(b"HTTP/1.1 200"):
            self.end(f"no success: {data[:300].decode('utf-8', 'replace')}")
            return
        seen = self.tail + data
        self.events += seen.count(b"data: {") - self.tail.count(b"data: {")
        # Long enough for any mark that is cut in two.
        self.tail = seen[-32:]
        if seen.endswith(b"\r\n0\r\n\r\n"):
            self.stream_ended(is_whole=b"data: [DONE]" in seen)

    def stream_ended(self, *, is_whole: bool) -> None:
        # The chunk with the finish reason comes after the content; the usage chunk was not asked for.
        if not is_whole or self.events != self.expected + 1:
            self.end(f"a stream of {self.events} events, {self.expected + 1} expected, end mark: {is_whole}")
            return
        self.total += self.expected
        if self.is_stopping:
            self.end("")
        else:
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(f"connection lost: {exc}")

    def end(self, failure: str) -> None:
        if not self.done.done():
            self.failure = failure
            self.done.set_result(None)
            self.transport.close()


async def run(
    port: int, *, streams: int, chunks: int, seconds: float, key: str, model: str = "bench"
) -> dict[str, object]:
    ask = {"model": model, "stream": True, "max_tokens": 200, "messages": [{"role": "user", "content": "Where to?"}]}
    body = json.dumps(ask, separators=(",", ":")).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {key}\r\n"
    request = f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    loop = asyncio.get_running_loop()
    started = loop.time()
    clients: list[Client] = []
    for _ in range(streams):
        _, client = await loop.create_connection(lambda: Client(request, chunks), "127.0.0.1", port)
        clients.append(client)
        # Spread over a chunk's time: streams of real life do not beat in step.
        await asyncio.sleep(0.001)
    await asyncio.sleep(max(0.0, seconds - (loop.time() - started)))
    for client in clients:
        client.is_stopping = True
    await asyncio.wait_for(asyncio.gather(*(client.done for client in clients)), timeout=60)
    return {
        "chunks": sum(client.total for client in clients),
        "seconds": loop.time() - started,
        "failures": [client.failure for client in clients if client.failure],
    }


def load(
    service: Service, *, streams: int, chunks: int, seconds: float, key: str, core: int, model: str = "bench"
) -> Streamed:
    """Reads ``streams`` streams at once from ``service``. Raises Failed if one was cut short or refused."""
    command = ["taskset", "--cpu-list", str(core), sys.executable, "-m", "bench.streams", "--port", str(service.port)]
    command += ["--streams", str(streams), "--chunks", str(chunks), "--seconds", str(seconds), "--key", key]
    command += ["--model", model]

    cpu_before_s = service.cpu_s()
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120, check=False)
    cpu_s = service.cpu_s() - cpu_before_s

    if done.returncode != 0:
        raise Failed(f"the stream clients failed: {done.stderr}")
    figures = json.loads(done.stdout)
    if figures["failures"]:
        raise service.failed(f"failed {len(figures['failures'])} streams, the first: {figures['failures'][0]}")
    return Streamed(
        chunks_per_s=figures["chunks"] / figures["seconds"],
        cpu_us=cpu_s / figures["chunks"] * 1e6,
        core_busy=cpu_s / figures["seconds"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--chunks", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--model", default="bench")
    print(json.dumps(uvloop.run(run(**vars(parser.parse_args())))))


if __name__ == "__main__":
    main()
