"""What a client sees in a reply in OpenAI's format, whole or streamed, read by the official SDK's types."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from openai.types import ImagesResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.openapi import SPEC, validate_reply

CHAT = "/v1/chat/completions"
NAMES = ("text", "reasoning", "tool_calls", "images", "finish")


class Seen(msgspec.Struct, kw_only=True):
    """The reply as it adds up."""

    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    details: list[dict[str, Any]] = []
    """``reasoning_details``, the pieces of each block joined."""
    tool_calls: list[tuple[str, str, Any]] = []
    images: list[str] = []
    """Their URLs, or their base64."""
    finish: str | None = None
    usage: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    """Of a stream that broke off."""
    has_ended: bool = True
    """The stream said that it is over."""
    message: dict[str, Any] = {}
    """As the client would send it back."""


def seen(path: str, body: bytes, *, is_stream: bool) -> Seen:
    """Read a reply to a request of ``path``. Raises what its types say against it."""
    if path != CHAT:
        return _images(path, body)
    if not is_stream:
        _check(path, body, ChatCompletion)
        return _whole(json.loads(body))
    return _streamed(body)


def _check(path: str, body: bytes, type: Any, *, is_event: bool = False) -> None:
    type.model_validate_json(body, strict=True)
    if SPEC.exists():
        validate_reply(path, "post", 200, body, is_event=is_event)


def _images(path: str, body: bytes) -> Seen:
    _check(path, body, ImagesResponse)
    reply = json.loads(body)
    return Seen(images=[each["b64_json"] for each in reply["data"]], usage=reply.get("usage"))


def _whole(reply: dict[str, Any]) -> Seen:
    (choice,) = reply["choices"]
    found = _of_message(choice["message"])
    found.finish = choice["finish_reason"]
    found.usage = reply.get("usage")
    return found


def _of_message(message: dict[str, Any]) -> Seen:
    calls = message.get("tool_calls") or []
    return Seen(
        text=message.get("content") or "",
        refusal=message.get("refusal") or "",
        reasoning=message.get("reasoning_content") or "",
        details=message.get("reasoning_details") or [],
        tool_calls=[
            (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls
        ],
        images=[image["image_url"]["url"] for image in message.get("images") or []],
        message=message,
    )


def _streamed(body: bytes) -> Seen:
    events = [line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: ")]
    has_ended = events[-1] == b"[DONE]"
    message: dict[str, Any] = {"role": "assistant"}
    finish, usage, error, ids = None, None, None, set()
    for event in events[:-1] if has_ended else events:
        chunk = json.loads(event)
        if "error" in chunk:
            error = chunk["error"]
            assert event is events[-1], "nothing comes after an error"
            continue
        _check(CHAT, event, ChatCompletionChunk, is_event=True)
        ids.add((chunk["id"], chunk["model"], chunk["created"]))
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            assert finish is None, "nothing is said after the end"
            finish = choice["finish_reason"]
            _add(message, choice["delta"])
    assert len(ids) <= 1, "one stream has one id, one model and one date"
    if error is not None:
        return Seen(text=message.get("content") or "", error=error, has_ended=has_ended)
    found = _of_message(message)
    found.finish, found.usage, found.has_ended = finish, usage, has_ended
    return found


def _add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    """Join a delta as clients do: texts grow, lists grow, entries with the same index are one."""
    for name, value in delta.items():
        if value is None or name == "role":
            continue
        if name == "tool_calls":
            _add_calls(message.setdefault(name, []), value)
        elif name == "reasoning_details":
            _add_thoughts(message.setdefault(name, []), value)
        elif isinstance(value, str):
            message[name] = (message.get(name) or "") + value
        elif isinstance(value, list):
            message.setdefault(name, []).extend(value)
        elif isinstance(value, dict):
            _merge(message.setdefault(name, {}), value)


def _add_calls(calls: list[dict[str, Any]], pieces: list[dict[str, Any]]) -> None:
    for piece in pieces:
        if piece["index"] == len(calls):
            calls.append({"id": piece["id"], "type": "function", "function": {"name": "", "arguments": ""}})
        call = calls[piece["index"]]
        for name, text in piece["function"].items():
            call["function"][name] += text
        call.update({name: value for name, value in piece.items() if name not in ("index", "function", "id", "type")})


def _add_thoughts(blocks: list[dict[str, Any]], pieces: list[dict[str, Any]]) -> None:
    for piece in pieces:
        last = blocks[-1] if blocks else None
        is_more = last and piece.get("index") is not None and last.get("index") == piece["index"]
        if last is None or not is_more or last.get("type") != piece.get("type"):
            blocks.append(dict(piece))
            continue
        for name, value in piece.items():
            if name in ("text", "summary", "data", "signature"):
                last[name] = (last.get(name) or "") + value
            else:
                last[name] = value


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value
