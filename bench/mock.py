"""A fast upstream: every reply is made beforehand, for it is what stands before it that is measured.

``python -m bench.mock --port P`` answers each POST with the same chat completion of some 600 bytes, or, where the
request says ``"stream":true``, with ``--chunks`` SSE chunks, one each ``--interval-ms``, and the usage chunk if asked.
At the paths of Anthropic, Gemini and Bedrock it streams as these do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import cast

import uvloop

from bench.formats import END, PATHS, STREAMS, Stream, framed, head

WORDS = "Rivers find the sea by asking every stone for the way, and none of them has ever said no to the water. "


def whole_reply() -> bytes:
    body = json.dumps(
        {
            "id": "chatcmpl-bench0000000000000000000000",
            "object": "chat.completion",
            "created": 1_760_000_000,
            "model": "bench-1",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": WORDS * 2, "refusal": None},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 210, "completion_tokens": 46, "total_tokens": 256},
            "service_tier": "default",
        }
    ).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def chunk(choices: list[object], usage: object = None) -> bytes:
    """One SSE frame as one HTTP chunk."""
    body = {
        "id": "chatcmpl-bench0000000000000000000000",
        "object": "chat.completion.chunk",
        "created": 1_760_000_000,
        "model": "bench-1",
        "service_tier": "default",
        "system_fingerprint": "fp_bench",
        "choices": choices,
        "usage": usage,
    }
    return framed(b"data: %b\n\n" % json.dumps(body).encode())


WHOLE = whole_reply()
DELTA = chunk([{"index": 0, "delta": {"content": " stone"}, "logprobs": None, "finish_reason": None}])
LAST = chunk([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}])
USAGE = chunk([], {"prompt_tokens": 210, "completion_tokens": 200, "total_tokens": 410})
DONE = framed(b"data: [DONE]\n\n") + END
OPENAI = Stream(head("text/event-stream"), DELTA, LAST + DONE)
OPENAI_WITH_USAGE = Stream(OPENAI.opening, DELTA, LAST + USAGE + DONE)


def asks(body: bytes, field: bytes) -> bool:
    return b'"%b":true' % field in body or b'"%b": true' % field in body


class Upstream(asyncio.Protocol):
    """One connection: whole requests in, one after another; ready-made replies out."""

    def __init__(self, chunks: int, interval_s: float) -> None:
        self.chunks = chunks
        self.interval_s = interval_s
        self.loop = asyncio.get_running_loop()
        self.pending = b""
        self.transport: asyncio.Transport
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is one in all but its base class.
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self.timer is not None:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self.pending:
            data = self.pending + data
        while (head_end := data.find(b"\r\n\r\n")) >= 0:
            top = data[:head_end]
            found = top.lower()
            at = found.find(b"content-length:")
            length = int(found[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            end = head_end + 4 + length
            if len(data) < end:
                break
            self.reply(top[: top.find(b"\r\n")], data[head_end + 4 : end])
            data = data[end:]
        self.pending = data

    def reply(self, line: bytes, body: bytes) -> None:
        translated = next((STREAMS[name] for path, name in PATHS.items() if path in line), None)
        if translated is not None:
            self.stream(translated)
        elif asks(body, b"stream"):
            self.stream(OPENAI_WITH_USAGE if asks(body, b"include_usage") else OPENAI)
        else:
            self.transport.write(WHOLE)

    def stream(self, stream: Stream) -> None:
        self.transport.write(stream.opening)
        self.next_chunk(self.chunks, stream)

    def next_chunk(self, left: int, stream: Stream) -> None:
        if not left:
            self.transport.write(stream.last)
            return
        self.transport.write(stream.delta)
        self.timer = self.loop.call_later(self.interval_s, self.next_chunk, left - 1, stream)


async def serve(port: int, chunks: int, interval_s: float) -> None:
    server = await asyncio.get_running_loop().create_server(
        lambda: Upstream(chunks, interval_s), "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--chunks", type=int, default=200, help="content chunks a stream")
    parser.add_argument("--interval-ms", type=float, default=5.0, help="time from chunk to chunk")
    args = parser.parse_args()
    uvloop.run(serve(args.port, args.chunks, args.interval_ms / 1000))


if __name__ == "__main__":
    main()
