"""What the dialect sends for a chat, and what it makes of a reply, as short as tests want them."""

from __future__ import annotations

import json
from typing import Any

from gateway.core.exchange import HttpHead, HttpRequest
from gateway.core.types import Capabilities, Event, Target
from gateway.providers import registry
from gateway.providers.base import Decoder, Dialect
from tests.clock import FrozenClock
from tests.providers.calls import account, json_call

MODEL = "claude-sonnet-4-5"
HELLO = {"role": "user", "content": "Hello"}
SSE = HttpHead(200, [(b"content-type", b"text/event-stream; charset=utf-8")])
JSON = HttpHead(200, [(b"content-type", b"application/json")])


def speaker(**fields: Any) -> Dialect:
    given = {"base_url": "https://api.anthropic.test", "api_key": "sk-ant-secret", **fields}
    return registry.dialect(account("anthropic", **given), FrozenClock())


def target(model: str = MODEL, most: int | None = 64_000) -> Target:
    return Target(id=f"acme/{model}", provider="acme", model=model, capabilities=Capabilities(max_output_tokens=most))


def request(asked: dict[str, Any], model: str = MODEL, most: int | None = 64_000, **fields: Any) -> HttpRequest:
    call = json_call({"model": "public", "messages": [HELLO], **asked}, **fields)
    return speaker().encode(call, target(model, most))


def sent(model: str = MODEL, *, most: int | None = 64_000, **asked: Any) -> dict[str, Any]:
    """The body that goes out for a chat with these fields."""
    return json.loads(b"".join(request(asked, model, most, stream=bool(asked.get("stream"))).body))


def turns(*messages: dict[str, Any], model: str = MODEL, **asked: Any) -> list[tuple[str, list[dict[str, Any]]]]:
    body = sent(model, messages=list(messages), **asked)
    return [(turn["role"], turn["content"]) for turn in body["messages"]]


def decoder(*, stream: bool = False, head: HttpHead | None = None) -> Decoder:
    call = json_call({"messages": [HELLO], "stream": stream}, stream=stream)
    return speaker().decoder(call, target(), head or (SSE if stream else JSON))


def whole(content: list[dict[str, Any]], stop: str | None = "end_turn", **fields: Any) -> dict[str, Any]:
    """A message as Anthropic writes it."""
    usage = {"input_tokens": 10, "output_tokens": 5}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage,
        **fields,
    }


def read(message: dict[str, Any]) -> tuple[dict[str, Any], Event]:
    """The client's choice, and the one event it came in."""
    reader = decoder()
    (event,) = [*reader.decode(json.dumps(message).encode()), *reader.finish()]
    return json.loads(event.data)["choices"][0], event


def frame(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def start(**usage: Any) -> dict[str, Any]:
    counts = {"input_tokens": 10, "output_tokens": 1, **usage}
    return {"type": "message_start", "message": {**whole([], None), "usage": counts}}


def block(index: int, begun: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": begun},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def end(stop: str = "end_turn", details: Any = None, **usage: Any) -> list[dict[str, Any]]:
    delta = {"stop_reason": stop, "stop_sequence": None, "stop_details": details}
    return [
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5, **usage}},
        {"type": "message_stop"},
    ]


def events(*given: dict[str, Any]) -> list[Event]:
    reader = decoder(stream=True)
    return [event for each in given for event in reader.decode(frame(each))] + list(reader.finish())


def deltas(*given: dict[str, Any]) -> list[dict[str, Any]]:
    """The deltas that the client gets, the empty ones and the end left out."""
    data = b"".join(event.data for event in events(*given))
    chunks = [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: {")]
    found = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    return [delta for delta in found if delta]
