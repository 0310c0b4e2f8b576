"""What was asked and said, from OpenAI's format into the messages of OpenTelemetry's conventions.

A message is a role and its parts; a part is text, a tool's call, a tool's answer, or the bare name of what is no text.
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/model/gen-ai/gen-ai-input-messages.json
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec
from pydantic_core import from_json

from gateway.core.types import Endpoint
from gateway.telemetry.request_log import foreign

Message: TypeAlias = dict[str, Any]
_decode = msgspec.json.Decoder().decode
_DATA = b"data: "
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_WORDS = ("content", "reasoning_content", "refusal")


def asked(endpoint: Endpoint, body: Any) -> list[Message]:
    """The messages of a request's body. Raises TypeError, KeyError or AttributeError for what is none."""
    if endpoint is Endpoint.CHAT:
        return [_message(each) for each in body.get("messages", ()) if isinstance(each, dict)]
    if isinstance(fields := body.get("fields"), list):
        # A form, as a payload describes it.
        body = {name: value for name, value in fields}  # noqa: C416  pairs are lists here
    given = body.get("input") if endpoint is Endpoint.EMBEDDINGS else body.get("prompt")
    texts = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    parts = [_text(text) for text in texts if isinstance(text, str)]
    return [{"role": "user", "parts": parts}] if parts else []


def said(reply: bytes, finish: str | None) -> list[Message]:
    """The messages of a chat's reply, one a choice: whole JSON or SSE frames. The end may be cut off.

    ``finish`` is the reason of those that tell none.
    """
    if not reply:
        return []
    choices = (
        _gathered(reply)
        if reply.startswith(_DATA)
        else _choices(from_json(reply.decode(errors="ignore"), allow_partial="trailing-strings"))
    )
    return [{**_message(message), "finish_reason": _reason(why or finish)} for message, why in choices]


def _reason(given: Any) -> str:
    # The conventions have a generation that ended without a reason end with an error.
    return (foreign(given) if isinstance(given, str) else None) or "error"


def partly(data: bytes) -> Any:
    """JSON whose end may be missing, in the middle of a character too. Raises ValueError."""
    return from_json(data.decode(errors="ignore"), allow_partial="trailing-strings")


def _choices(body: Any) -> Iterable[tuple[dict[str, Any], str | None]]:
    return [(choice.get("message") or {}, choice.get("finish_reason")) for choice in body["choices"]]


def _gathered(frames: bytes) -> Iterable[tuple[dict[str, Any], str | None]]:
    """The messages that the deltas of a stream add up to."""
    messages: dict[int, dict[str, Any]] = {}
    reasons: dict[int, str | None] = {}
    for line in frames.split(b"\n"):
        if not line.startswith(_DATA):
            continue
        try:
            chunk = _decode(line[len(_DATA) :])
        except msgspec.DecodeError:
            # [DONE], or the last of what was kept.
            continue
        for choice in chunk.get("choices") or ():
            index = choice.get("index", 0)
            _add(messages.setdefault(index, {"role": "assistant"}), choice.get("delta") or {})
            reasons[index] = choice.get("finish_reason") or reasons.get(index)
    return [(_joined(messages[index]), reasons[index]) for index in sorted(messages)]


def _add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name in _WORDS:
        if isinstance(piece := delta.get(name), str):
            message.setdefault(name, []).append(piece)
    message.setdefault("images", []).extend(delta.get("images") or ())
    calls = message.setdefault("tool_calls", {})
    for piece in delta.get("tool_calls") or ():
        call = calls.setdefault(piece.get("index", 0), {"id": None, "function": {"name": "", "arguments": []}})
        call["id"] = piece.get("id") or call["id"]
        function = piece.get("function") or {}
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"].append(function.get("arguments") or "")


def _joined(message: dict[str, Any]) -> dict[str, Any]:
    for name in _WORDS:
        message[name] = "".join(message.get(name, ()))
    calls = message["tool_calls"]
    message["tool_calls"] = [calls[index] for index in sorted(calls)]
    for call in calls.values():
        call["function"]["arguments"] = "".join(call["function"]["arguments"])
    return message


def _message(message: dict[str, Any]) -> Message:
    given, content = message.get("role"), message.get("content")
    role = given if given in _ROLES else "other"
    parts: list[dict[str, Any]] = []
    if isinstance(reasoning := message.get("reasoning_content"), str) and reasoning:
        parts.append({"type": "reasoning", "content": reasoning})
    if role == "tool":
        texts = [part["content"] for part in _parts(content) if part["type"] == "text"]
        parts.append({"type": "tool_call_response", "id": message.get("tool_call_id"), "response": "".join(texts)})
    else:
        parts.extend(_parts(content))
    if isinstance(refusal := message.get("refusal"), str) and refusal:
        parts.append(_text(refusal))
    parts.extend({"type": "image"} for _ in message.get("images") or ())
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        parts.append(
            {
                "type": "tool_call",
                "id": call.get("id"),
                "name": str(function.get("name", "")),
                "arguments": str(function.get("arguments", "")),
            }
        )
    return {"role": role, "parts": parts}


def _parts(content: Any) -> Iterable[dict[str, Any]]:
    """Of a message's content. Whatever is no text is named, without what it holds: pictures, sound, documents."""
    if isinstance(content, str):
        return [_text(content)] if content else []
    if not isinstance(content, list):
        return []
    parts = [part for part in content if isinstance(part, dict)]
    return [
        _text(part["text"])
        if isinstance(part.get("text"), str)
        else {"type": _KINDS.get(str(part.get("type")), "other")}
        for part in parts
    ]


_KINDS = {"image_url": "image", "input_audio": "audio", "file": "document"}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "content": text}
