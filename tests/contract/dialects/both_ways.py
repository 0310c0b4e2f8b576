"""The same content as a stream: a whole reply of a provider, cut as that provider streams it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.contract.dialects.reading import Exchange, message

PIECE = 7
"""Letters of a delta."""
Message = dict[str, Any]


def as_stream(exchange: Exchange) -> Exchange:
    """The exchange as it would have gone had a stream been asked for. Raises KeyError for a dialect without streams."""
    type, body = streamed(exchange.dialect, json.loads(exchange.body))
    response = {"status": 200, "headers": {"content-type": type}, "body_base64": base64.b64encode(body).decode()}
    return Exchange({**exchange.given, "stream": True, "response": response}, is_own=exchange.is_own)


def streamed(dialect: str, reply: Message) -> tuple[str, bytes]:
    """The content type and the bytes of a whole reply as its provider would have streamed it."""
    type, cut = _CUTS[dialect]
    return type, b"".join(cut(reply))


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), PIECE):
        yield text[start : start + PIECE]


def _anthropic(reply: Message) -> Iterator[bytes]:
    """https://docs.claude.com/en/docs/build-with-claude/streaming"""

    def event(type: str, **fields: Any) -> bytes:
        return f"event: {type}\ndata: {json.dumps({'type': type, **fields})}\n\n".encode()

    usage = reply["usage"]
    begun = {**reply, "content": [], "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    yield event("message_start", message=begun)
    for index, block in enumerate(reply["content"]):
        for name, value in _anthropic_block(block):
            body = {"content_block": value} if name == "start" else {"delta": value}
            yield event(f"content_block_{name}", index=index, **body)
        yield event("content_block_stop", index=index)
        yield event("ping")
    end = {"stop_reason": reply["stop_reason"], "stop_sequence": reply.get("stop_sequence")}
    yield event("message_delta", delta=end, usage={"output_tokens": usage["output_tokens"]})
    yield event("message_stop")


def _anthropic_block(block: Message) -> Iterator[tuple[str, Message]]:
    match block["type"]:
        case "text":
            yield "start", {**block, "text": ""}
            for piece in _pieces(block["text"]):
                yield "delta", {"type": "text_delta", "text": piece}
        case "thinking":
            yield "start", {**block, "thinking": "", "signature": ""}
            for piece in _pieces(block["thinking"]):
                yield "delta", {"type": "thinking_delta", "thinking": piece}
            yield "delta", {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            yield "start", {**block, "input": {}}
            for piece in _pieces(json.dumps(block["input"]) if block["input"] else ""):
                yield "delta", {"type": "input_json_delta", "partial_json": piece}
        case _:
            yield "start", block


def _gemini(reply: Message) -> Iterator[bytes]:
    """A frame a part, text in pieces; the last says why it ended. https://ai.google.dev/api/generate-content"""

    def frame(part: Message | None, **more: Any) -> bytes:
        candidate = {**(first if part is None else {}), "index": 0}
        candidate["content"] = {"role": "model", "parts": [] if part is None else [part]}
        return b"data: " + json.dumps({**rest, "candidates": [candidate], **more}).encode() + b"\r\n\r\n"

    rest = {name: value for name, value in reply.items() if name not in ("candidates", "usageMetadata")}
    usage = reply.get("usageMetadata", {})
    if not reply.get("candidates"):
        yield b"data: " + json.dumps(reply).encode() + b"\r\n\r\n"
        return
    (candidate,) = reply["candidates"]
    first = {name: value for name, value in candidate.items() if name != "content"}
    for part in candidate.get("content", {}).get("parts", ()):
        if "text" not in part or "thoughtSignature" in part:
            yield frame(part)
            continue
        for piece in _pieces(part["text"]):
            yield frame({**part, "text": piece}, usageMetadata={**usage, "candidatesTokenCount": 1})
    yield frame(None, usageMetadata=usage)


def _converse(reply: Message) -> Iterator[bytes]:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"""
    yield message("messageStart", {"role": "assistant"})
    for index, block in enumerate(reply["output"]["message"]["content"]):
        call = block.get("toolUse")
        if call is not None:
            start = {"toolUse": {"toolUseId": call["toolUseId"], "name": call["name"]}}
            yield message("contentBlockStart", {"contentBlockIndex": index, "start": start})
        for delta in _converse_deltas(block):
            yield message("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})
        yield message("contentBlockStop", {"contentBlockIndex": index})
    yield message("messageStop", {"stopReason": reply["stopReason"]})
    rest = {name: reply[name] for name in ("usage", "metrics", "trace") if name in reply}
    yield message("metadata", rest)


def _converse_deltas(block: Message) -> Iterator[Message]:
    if "text" in block:
        for piece in _pieces(block["text"]):
            yield {"text": piece}
    elif "toolUse" in block:
        for piece in _pieces(json.dumps(block["toolUse"]["input"])):
            yield {"toolUse": {"input": piece}}
    elif "reasoningContent" in block:
        thought = block["reasoningContent"]
        if "redactedContent" in thought:
            yield {"reasoningContent": {"redactedContent": thought["redactedContent"]}}
            return
        for piece in _pieces(thought["reasoningText"]["text"]):
            yield {"reasoningContent": {"text": piece}}
        if "signature" in thought["reasoningText"]:
            yield {"reasoningContent": {"signature": thought["reasoningText"]["signature"]}}


_CUTS: dict[str, tuple[str, Callable[[Message], Iterator[bytes]]]] = {
    "anthropic": ("text/event-stream; charset=utf-8", _anthropic),
    "gemini": ("text/event-stream", _gemini),
    "converse": ("application/vnd.amazon.eventstream", _converse),
}
STREAMED = frozenset(_CUTS)
"""The dialects that have streams."""
