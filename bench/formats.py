"""Streams as other providers write them: a reply of many small deltas, made beforehand like all that the mock says."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping

import msgspec


class Stream(msgspec.Struct, frozen=True):
    """A stream in one format, from its HTTP head to its end; ``delta`` comes as often as there are chunks."""

    opening: bytes
    delta: bytes
    last: bytes


def head(media_type: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ntransfer-encoding: chunked\r\n\r\n".encode()


def framed(data: bytes) -> bytes:
    """``data`` as one HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


END = b"0\r\n\r\n"


def _anthropic() -> Stream:
    """https://docs.claude.com/en/docs/build-with-claude/streaming"""

    def event(type: str, **fields: object) -> bytes:
        data = json.dumps({"type": type, **fields}, separators=(",", ":"))
        return framed(f"event: {type}\ndata: {data}\n\n".encode())

    begun: dict[str, object] = {
        "id": "msg_bench00000000000000000",
        "type": "message",
        "role": "assistant",
        "model": "bench-1",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 210, "output_tokens": 1},
    }
    opening = event("message_start", message=begun)
    opening += event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    last = event("content_block_stop", index=0)
    last += event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 200})
    return Stream(
        head("text/event-stream; charset=utf-8") + opening,
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": " stone"}),
        last + event("message_stop") + END,
    )


def _gemini() -> Stream:
    """https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent"""

    def response(text: str, finish: Mapping[str, str], written: int) -> bytes:
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, **finish, "index": 0}
        counted = [{"modality": "TEXT", "tokenCount": 210}]
        usage = {"promptTokenCount": 210, "candidatesTokenCount": written, "totalTokenCount": 210 + written}
        reply = {
            "candidates": [candidate],
            "usageMetadata": {**usage, "promptTokensDetails": counted},
            "modelVersion": "bench-1",
            "responseId": "bench0000000000000000000",
        }
        return framed(f"data: {json.dumps(reply, separators=(',', ':'))}\r\n\r\n".encode())

    last = response("", {"finishReason": "STOP"}, 200)
    return Stream(head("text/event-stream"), response(" stone", {}, 46), last + END)


def _bedrock() -> Stream:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"""

    def event(type: str, **fields: object) -> bytes:
        headers = {":event-type": type, ":content-type": "application/json", ":message-type": "event"}
        # Real ones are padded so that their length does not tell the text's.
        return framed(message(headers, json.dumps({**fields, "p": "abcdefghijklmnop"}, separators=(",", ":")).encode()))

    usage = {"inputTokens": 210, "outputTokens": 200, "totalTokens": 410}
    last = event("contentBlockStop", contentBlockIndex=0) + event("messageStop", stopReason="end_turn")
    return Stream(
        head("application/vnd.amazon.eventstream") + event("messageStart", role="assistant"),
        event("contentBlockDelta", contentBlockIndex=0, delta={"text": " stone"}),
        last + event("metadata", usage=usage, metrics={"latencyMs": 900}) + END,
    )


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message of Amazon's event stream, with both of its checksums.

    https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html
    """
    encoded = b""
    for name, value in headers.items():
        # 7 is the type of text.
        encoded += struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
    prelude = struct.pack("!II", 16 + len(encoded) + len(payload), len(encoded))
    begun = prelude + struct.pack("!I", zlib.crc32(prelude)) + encoded + payload
    return begun + struct.pack("!I", zlib.crc32(begun))


PATHS: Mapping[bytes, str] = {
    b"/v1/messages": "anthropic",
    b":streamGenerateContent": "gemini",
    b"/converse-stream": "bedrock",
}
"""What the path of a request holds that asks for one of these."""

STREAMS = {"anthropic": _anthropic(), "gemini": _gemini(), "bedrock": _bedrock()}
