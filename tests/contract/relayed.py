"""What a client gets of a recorded reply in OpenAI's dialect: the bytes that came, but where its provider bends that.

Written apart from the gateway's code, from the documentation of each bend.
"""

from __future__ import annotations

import json
from typing import Any

from tests.contract.exchanges import Exchange, chunk_of

Frame = bytes | dict[str, Any]
"""Bytes that must come as they are; or a chunk, whose bytes don't matter."""


def relayed(exchange: Exchange) -> Any:
    """The whole reply, decoded."""
    reply = json.loads(exchange.body)
    for choice in reply.get("choices") or ():
        if "message" not in choice:
            # Azure leaves it out where a content filter took all.
            choice["message"] = {"role": "assistant", "content": None, "refusal": None}
        _straighten(choice["message"])
    return reply


def relayed_frames(exchange: Exchange) -> list[Frame]:
    """The stream's events."""
    frames: list[Frame] = []
    findings = None
    for frame in exchange.frames():
        chunk = chunk_of(frame)
        if chunk and chunk.get("choices") == [] and "prompt_filter_results" in chunk:
            # Azure's verdict on the prompt is no chunk of an answer: it comes with the first that is.
            findings = chunk["prompt_filter_results"]
        elif chunk and findings is not None:
            frames.append({**chunk, "prompt_filter_results": findings})
            findings = None
        elif chunk and sum([_straighten(choice.get("delta") or {}) for choice in chunk.get("choices") or ()]):
            frames.append(chunk)
        else:
            frames.append(frame)
    return frames


def _straighten(message: dict[str, Any]) -> bool:
    """Put reasoning where most have it; whether there was anything to do."""
    if message.get("reasoning") and "reasoning_content" not in message:
        message["reasoning_content"] = message["reasoning"]
        return True
    if isinstance(message.get("content"), list):
        parts = message["content"]
        message["content"] = "".join(part["text"] for part in parts if part["type"] == "text")
        thoughts = [inner["text"] for part in parts if part["type"] == "thinking" for inner in part["thinking"]]
        message["reasoning_content"] = "".join(thoughts)
        return True
    return False


def assert_relayed(body: bytes, expected: list[Frame]) -> None:
    """``body`` has these frames, and no others."""
    got = _frames(body)
    assert len(got) == len(expected)
    for frame, wanted in zip(got, expected, strict=True):
        assert (chunk_of(frame) if isinstance(wanted, dict) else frame) == wanted


def _frames(body: bytes) -> list[bytes]:
    mark = b"\r\n\r\n" if b"\r\n\r\n" in body else b"\n\n"
    parts = body.split(mark)
    return [part + mark for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
