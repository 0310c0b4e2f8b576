"""What tests of Bedrock say again and again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpHead, HttpRequest
from gateway.core.kinds import KINDS
from gateway.core.types import Call, Capabilities, Endpoint, Feature, Needs, Target
from gateway.core.usage import Usage
from gateway.providers.bedrock.dialect import Bedrock
from gateway.wire.framing import framer
from tests.clock import FrozenClock
from tests.providers.calls import account, json_call

CLAUDE = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
NEW_CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ADAPTIVE = "global.anthropic.claude-opus-4-6-v1"
NOVA = "amazon.nova-pro-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
LLAMA = "meta.llama3-1-70b-instruct-v1:0"
GPT_OSS = "openai.gpt-oss-120b-1:0"
CANVAS = "amazon.nova-canvas-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
HELLO = {"role": "user", "content": "Hello"}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
OK = HttpHead(200, [])
DRAWS = Capabilities(endpoints=frozenset({Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS, Endpoint.IMAGE_VARIATIONS}))


def bedrock(**fields: Any) -> Bedrock:
    given = account("bedrock", **{"base_url": "https://bedrock-runtime.us-east-1.amazonaws.com", **fields})
    return Bedrock(given, KINDS["bedrock"], FrozenClock())


def target(model: str = CLAUDE, **fields: Any) -> Target:
    return Target(id=f"acme/{model}", provider="acme", model=model, **fields)


def chat_call(messages: list[Any] | None = None, *, stream: bool = False, **fields: Any) -> Call:
    body = {"model": "public", "messages": messages or [HELLO], **fields}
    wants_schema = (fields.get("response_format") or {}).get("type") == "json_schema"
    features = frozenset({Feature.JSON_SCHEMA}) if wants_schema else frozenset()
    needs = Needs(features=features, service_tier=fields.get("service_tier", "auto"), choices=fields.get("n", 1))
    return json_call(body, stream=stream, needs=needs)


def sent(messages: list[Any] | None = None, *, model: str = CLAUDE, **fields: Any) -> dict[str, Any]:
    """The body that goes out."""
    return body_of(bedrock().encode(chat_call(messages, **fields), target(model)))


def body_of(request: HttpRequest) -> dict[str, Any]:
    return json.loads(b"".join(request.body))


def refused(messages: list[Any] | None = None, *, model: str = CLAUDE, **fields: Any) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        sent(messages, model=model, **fields)
    assert caught.value.reason is Reason.UNSUPPORTED
    return caught.value


def tool(name: str = "look", **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}, **fields}}


def called(id: str = "tooluse_1", name: str = "look", arguments: str = "{}") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def reply(*content: dict[str, Any], stop: str = "end_turn", **fields: Any) -> dict[str, Any]:
    """A whole reply of Converse."""
    message = {"role": "assistant", "content": list(content)}
    usage = {"inputTokens": 5, "outputTokens": 7, "totalTokens": 12}
    return {"output": {"message": message}, "stopReason": stop, "usage": usage, "metrics": {"latencyMs": 1}, **fields}


def read_whole(given: Any, *, model: str = CLAUDE, call: Call | None = None) -> tuple[dict[str, Any], Usage | None]:
    """What the client gets of a whole reply, and its usage."""
    decoder = bedrock().decoder(call or chat_call(), target(model), OK)
    (event,) = decoder.decode(given if isinstance(given, bytes) else json.dumps(given).encode())
    assert not decoder.finish()
    return json.loads(event.data), event.usage


def read_stream(pieces: Iterable[bytes], *, model: str = CLAUDE, call: Call | None = None) -> list[dict[str, Any]]:
    """The chunks that the client gets of a stream."""
    return chunks_of(events(pieces, model=model, call=call))


def events(pieces: Iterable[bytes], *, model: str = CLAUDE, call: Call | None = None) -> bytes:
    decoder = bedrock().decoder(call or chat_call(stream=True), target(model), OK)
    cutter = framer(decoder.framing)
    out = [event for piece in pieces for frame in cutter.feed(piece) for event in decoder.decode(frame)]
    out += [event for frame in cutter.finish() for event in decoder.decode(frame)]
    out += decoder.finish()
    return b"".join(event.data for event in out)


def chunks_of(data: bytes) -> list[dict[str, Any]]:
    lines = [line[6:] for line in data.decode().split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def deltas(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
