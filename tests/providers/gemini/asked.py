"""What Google is asked for a client's request, and what the client gets of Google's reply."""

from __future__ import annotations

import json
from typing import Any

from gateway.core.exchange import HttpHead, HttpRequest
from gateway.core.types import Call, Endpoint, Needs, Target
from gateway.providers.registry import dialect
from tests.clock import FrozenClock
from tests.contract.dialects.gemini import conforms
from tests.providers.calls import account, json_call

Json = dict[str, Any]
KEY = "AIza-not-a-key-of-anyone"
HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
SSE = HttpHead(200, [(b"content-type", b"text/event-stream")])
JSON = HttpHead(200, [(b"content-type", b"application/json; charset=UTF-8")])


def gemini(kind: str = "gemini", **fields: Any):
    if kind == "vertex":
        fields = {"project": "acme", "location": "europe-west4", "base_url": "", **fields}
    return dialect(account(kind, **{"base_url": "https://google.test", "api_key": KEY, **fields}), FrozenClock())


def target(model: str = "gemini-3.5-flash", **fields: Any) -> Target:
    return Target(id=f"google/{model}", provider="google", model=model, **fields)


def request(asked: Json, model: str = "gemini-3.5-flash", kind: str = "gemini", **fields: Any) -> HttpRequest:
    call = json_call({**HELLO, **asked}, stream=bool(asked.get("stream")), **fields)
    return gemini(kind).encode(call, target(model))


def body(asked: Json, model: str = "gemini-3.5-flash", kind: str = "gemini", **fields: Any) -> Json:
    """What is sent; it always is of the SDK's types."""
    sent = b"".join(bytes(piece) for piece in request(asked, model, kind, **fields).body)
    conforms(sent)
    return json.loads(sent)


def image_call(asked: Json, endpoint: Endpoint = Endpoint.IMAGE_GENERATIONS, **needs: Any) -> Call:
    return json_call({"prompt": "a leaf", **asked}, endpoint, needs=Needs(**{"images": 1, **needs}))


def drawn(model: str, asked: Json | None = None, kind: str = "gemini", *, nearest: bool = False, **needs: Any) -> Json:
    """What is sent for a wish for an image."""
    call = image_call(asked or {}, **needs)
    found = target(model, nearest_image_size=nearest)
    return json.loads(b"".join(bytes(piece) for piece in gemini(kind).encode(call, found).body))


def frame(**chunk: Any) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n"


def candidate(*parts: Json, finish: str | None = None, **fields: Any) -> list[Json]:
    ended = {"finishReason": finish} if finish else {}
    return [{"content": {"role": "model", "parts": list(parts)}, "index": 0, **ended, **fields}]


def replied(reply: Json | bytes, asked: Json | None = None, call: Call | None = None, model: str = "gemini-3.5-flash"):
    """The whole reply's one event, and what is in it."""
    decoder = gemini().decoder(call or json_call({**HELLO, **(asked or {})}), target(model), JSON)
    (event,) = decoder.decode(reply if isinstance(reply, bytes) else json.dumps(reply, indent=2).encode())
    assert not decoder.finish()
    return event, json.loads(event.data)


def message(reply: Json) -> Json:
    _, whole = replied(reply)
    (choice,) = whole["choices"]
    return choice["message"]


def streamed(*frames: bytes, head: HttpHead = SSE):
    """The stream's events, and the chunks in them."""
    decoder = gemini().decoder(json_call({**HELLO, "stream": True}, stream=True), target(), head)
    events = [event for each in frames for event in decoder.decode(each)]
    events += decoder.finish()
    lines = b"".join(event.data for event in events).split(b"\n\n")
    return events, [json.loads(line[6:]) for line in lines if line.startswith(b"data: {")]
