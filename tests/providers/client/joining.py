"""What a client makes of a stream's chunks: the message that they add up to."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gateway.core.types import Event


def chunks_of(events: Iterable[Event]) -> list[dict[str, Any]]:
    frames = b"".join(event.data for event in events).split(b"\n\n")
    return [json.loads(frame.removeprefix(b"data: ")) for frame in frames if frame and frame != b"data: [DONE]"]


def joined(chunks: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The whole reply. Written for reading, not for speed, and without the gateway's own code."""
    whole: dict[str, Any] = {}
    message: dict[str, Any] = {"role": "", "content": None, "refusal": None}
    finish = None
    for chunk in chunks:
        assert chunk["object"] == "chat.completion.chunk"
        whole |= {name: chunk[name] for name in ("id", "created", "model", "usage") if name in chunk}
        for choice in chunk["choices"]:
            assert (choice["index"], choice["logprobs"]) == (0, None)
            assert finish is None, "nothing comes after the end"
            finish = choice["finish_reason"]
            _add(message, choice["delta"])
    if not (message["content"] or message["refusal"] or message.get("tool_calls") or message.get("images")):
        message["content"] = ""
    whole["choices"] = [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}]
    return {"object": "chat.completion", **whole}


def _add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if name in ("content", "refusal", "reasoning_content", "role"):
            message[name] = (message.get(name) or "") + value
        elif name == "tool_calls":
            for call in value:
                _add_call(message.setdefault(name, []), dict(call))
        elif name == "reasoning_details":
            for thought in value:
                _add_thought(message.setdefault(name, []), thought)
        elif name == "extra_content":
            for vendor, extra in value.items():
                message.setdefault(name, {}).setdefault(vendor, {}).update(extra)
        else:
            message.setdefault(name, []).extend(value)


def _add_call(calls: list[dict[str, Any]], call: dict[str, Any]) -> None:
    index = call.pop("index")
    if index == len(calls):
        calls.append(call)
    else:
        assert set(call) == {"function"}
        calls[index]["function"]["arguments"] += call["function"]["arguments"]


def _add_thought(thoughts: list[dict[str, Any]], thought: dict[str, Any]) -> None:
    for known in thoughts:
        if "index" in thought and (known.get("index"), known["type"]) == (thought["index"], thought["type"]):
            for name in thought.keys() - {"type", "index"}:
                adds = name in ("text", "summary", "signature", "data") and name in known
                known[name] = known[name] + thought[name] if adds else thought[name]
            return
    thoughts.append(dict(thought))
