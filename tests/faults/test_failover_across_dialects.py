"""One call, several providers' formats: what one fails, the next serves in its own, and the client sees no seam."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.core.types import Outcome
from tests.contract.dialects.reading import message
from tests.contract.dialects.seeing import CHAT, Seen, seen
from tests.serving import Serving, serving
from tests.upstream import Loop, ScriptedUpstream, Send, chunk, close, read_request, reply

SECRET = "sk-upstream-secret"
HELLO: dict[str, Any] = {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]}
PICTURE = {"type": "image_url", "image_url": {"url": "https://pictures.test/a.png"}}
JSON = b"content-type: application/json"
SSE = b"content-type: text/event-stream"
EVENTS = b"content-type: application/vnd.amazon.eventstream"
PROVIDERS: dict[str, dict[str, Any]] = {
    "openai": {"kind": "openai", "api_key": SECRET},
    "anthropic": {"kind": "anthropic", "api_key": SECRET},
    "gemini": {"kind": "gemini", "api_key": SECRET},
    "bedrock": {"kind": "bedrock", "region": "us-east-1", "access_key_id": "AKIA", "secret_access_key": SECRET},
}
PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/its-model:generateContent",
    "bedrock": "/model/its-model/converse",
}


def sse(*events: dict[str, Any], ends: str = "") -> list[bytes]:
    """Events as a provider writes them; Anthropic's have names."""
    names = [f"event: {event['type']}\n" if "type" in event else "" for event in events]
    frames = [f"{name}data: {json.dumps(event)}\n\n" for name, event in zip(names, events, strict=True)]
    return [frame.encode() for frame in [*frames, *([ends] if ends else [])]]


def piecewise(kind: bytes, frames: list[bytes]) -> bytes:
    head = b"HTTP/1.1 200 OK\r\n" + kind + b"\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(map(chunk, frames)) + b"0\r\n\r\n"


ANTHROPIC_USAGE = {"input_tokens": 9, "output_tokens": 3}
BEGUN = {"id": "msg_1", "type": "message", "role": "assistant", "model": "its-model", "usage": ANTHROPIC_USAGE}
MESSAGE_START = {"type": "message_start", "message": {**BEGUN, "content": [], "stop_reason": None}}
PING = {"type": "ping"}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


def whole(answer: dict[str, Any]) -> bytes:
    return reply(json.dumps(answer).encode(), 200, JSON)


def of_openai(text: str, *, stream: bool) -> bytes:
    head = {"id": "c1", "created": 1, "model": "its-model"}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None}
    said = {"role": "assistant", "content": text, "refusal": None}
    if not stream:
        return whole({**head, "object": "chat.completion", "choices": [{**choice, "message": said}]})
    event = {**head, "object": "chat.completion.chunk", "choices": [{**choice, "delta": said}]}
    return piecewise(SSE, sse(event, ends="data: [DONE]\n\n"))


def of_anthropic(text: str, *, stream: bool) -> bytes:
    if not stream:
        content = [{"type": "text", "text": text}]
        return whole({**BEGUN, "content": content, "stop_reason": "end_turn", "stop_sequence": None})
    events = sse(
        MESSAGE_START,
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    )
    return piecewise(SSE, events)


def of_gemini(text: str, *, stream: bool) -> bytes:
    candidate = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12}
    answer = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "its-model"}
    return piecewise(SSE, sse(answer)) if stream else whole(answer)


def of_bedrock(text: str, *, stream: bool) -> bytes:
    rest = {"usage": {"inputTokens": 9, "outputTokens": 3, "totalTokens": 12}, "metrics": {"latencyMs": 1}}
    if not stream:
        output = {"message": {"role": "assistant", "content": [{"text": text}]}}
        return whole({"output": output, "stopReason": "end_turn", **rest})
    frames = [
        message("messageStart", {"role": "assistant"}),
        message("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}),
        message("contentBlockStop", {"contentBlockIndex": 0}),
        message("messageStop", {"stopReason": "end_turn"}),
        message("metadata", rest),
    ]
    return piecewise(EVENTS, frames)


ANSWERS = {"openai": of_openai, "anthropic": of_anthropic, "gemini": of_gemini, "bedrock": of_bedrock}


def hello(provider: str, *, stream: bool) -> bytes:
    """The provider's good answer, in its own format."""
    return ANSWERS[provider](f"Hello from {provider}", stream=stream)


def error(status: int, *headers: bytes) -> bytes:
    types = {401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error"}
    body = {"type": "error", "error": {"message": "Not now", "type": types.get(status, "api_error")}}
    return reply(json.dumps(body).encode(), status, JSON, *headers)


HEAD = b"HTTP/1.1 200 OK\r\n%s\r\ntransfer-encoding: chunked\r\n\r\n"
HEAD_ALONE = {True: HEAD % SSE, False: b"HTTP/1.1 200 OK\r\n" + JSON + b"\r\ncontent-length: 90\r\n\r\n"}
STARTED = {True: HEAD % SSE + chunk(b"".join(sse(MESSAGE_START, PING))), False: HEAD_ALONE[False] + b'{"id": "msg_1"'}
FAULTS: dict[str, tuple[dict[bool, bytes], str]] = {
    "500": (dict.fromkeys((True, False), error(500)), "server_error"),
    "529": (dict.fromkeys((True, False), error(529)), "overloaded"),
    "429": (dict.fromkeys((True, False), error(429, b"retry-after: 9")), "rate_limited"),
    "401": (dict.fromkeys((True, False), error(401)), "auth"),
    "head then close": (HEAD_ALONE, "closed"),
    "first event then close": (STARTED, "closed"),
}
"""What is sent before the connection is closed, and the reason that it is known by."""


class Scene:
    """A gateway in front of scripted providers."""

    def __init__(self, served: Serving, client: httpx.AsyncClient, upstreams: dict[str, ScriptedUpstream]) -> None:
        self.upstreams = upstreams
        self._served = served
        self._client = client

    async def ask(self, **body: Any) -> httpx.Response:
        return await self._client.post(CHAT, json={"model": "m", **HELLO, **body}, timeout=10)

    async def outcome(self) -> Outcome:
        await self._served.until(lambda: self._served.outcomes)
        (outcome,) = self._served.outcomes
        return outcome


@asynccontextmanager
async def scene(**plays: bytes | None) -> AsyncIterator[Scene]:
    """The providers in the order in which they are tried, and what each sends; None: nobody is there."""
    async with AsyncExitStack() as stack:
        upstreams: dict[str, ScriptedUpstream] = {}
        providers: dict[str, dict[str, Any]] = {}
        for name, data in plays.items():
            url = _nowhere()
            if data is not None:
                script = (
                    [Loop([read_request, Send(data)])] if _is_whole(name, data) else [read_request, Send(data), close]
                )
                upstreams[name] = await stack.enter_async_context(ScriptedUpstream(script))
                url = upstreams[name].url
            providers[name] = {**PROVIDERS[name], "base_url": url + ("/v1" if name == "openai" else "")}
        config = {
            "server": {"attempts": len(plays)},
            "state": {"url": "memory://"},
            "providers": providers,
            "models": {"m": {"targets": [{"provider": name, "model": "its-model", "price": "free"} for name in plays]}},
        }
        served = await stack.enter_async_context(serving(config))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=served.url, verify=False))
        yield Scene(served, client, upstreams)


def _is_whole(name: str, data: bytes) -> bool:
    return data in (hello(name, stream=True), hello(name, stream=False))


def _nowhere() -> str:
    """An address that refuses connections."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{sock.getsockname()[1]}"


def read(answer: httpx.Response, *, stream: bool) -> Seen:
    assert answer.status_code == 200, answer.content
    return seen(CHAT, answer.content, is_stream=stream)


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def stream(request: pytest.FixtureRequest) -> bool:
    return request.param


async def check(scene: Scene, *reasons: str, served_by: str, stream: bool) -> None:
    """The call comes out well, after attempts that failed for ``reasons``."""
    answer = await scene.ask(stream=stream)
    got = read(answer, stream=stream)
    assert got.text == f"Hello from {served_by}"
    assert got.finish == "stop"
    assert got.has_ended
    assert answer.headers["x-sluice-provider"] == served_by
    outcome = await scene.outcome()
    assert [attempt.error for attempt in outcome.attempts] == [*reasons, None]
    assert outcome.provider == served_by
    assert outcome.error is None
    (asked,) = scene.upstreams[served_by].requests
    assert asked.path.decode().startswith(PATHS[served_by].partition(":")[0])
    for name, upstream in scene.upstreams.items():
        assert len(upstream.requests) <= 1, name


@pytest.mark.parametrize("fault", ["500", "429", "401", "head then close"])
async def test_anthropic_serves_what_openai_fails(fault: str, stream: bool) -> None:  # noqa: FBT001  pytest's
    sent, reason = FAULTS[fault]
    async with scene(openai=sent[stream], anthropic=hello("anthropic", stream=stream)) as both:
        await check(both, reason, served_by="anthropic", stream=stream)


async def test_anthropic_serves_what_openai_does_not_even_hear(stream: bool) -> None:  # noqa: FBT001
    async with scene(openai=None, anthropic=hello("anthropic", stream=stream)) as both:
        await check(both, "connect", served_by="anthropic", stream=stream)


@pytest.mark.parametrize("fault", FAULTS)
async def test_gemini_serves_what_anthropic_breaks_off_before_its_first_word(fault: str, stream: bool) -> None:  # noqa: FBT001
    sent, reason = FAULTS[fault]
    async with scene(anthropic=sent[stream], gemini=hello("gemini", stream=stream)) as both:
        await check(both, reason, served_by="gemini", stream=stream)


@pytest.mark.parametrize(
    "events", [[OVERLOADED], [MESSAGE_START, PING, OVERLOADED]], ids=["at once", "after the start"]
)
async def test_an_error_event_before_the_first_word_is_no_word(events: list[dict[str, Any]]) -> None:
    broken = piecewise(SSE, sse(*events))
    async with scene(anthropic=broken, gemini=hello("gemini", stream=True)) as both:
        await check(both, "overloaded", served_by="gemini", stream=True)


async def test_openai_anthropic_and_gemini_fail_and_bedrock_serves(stream: bool) -> None:  # noqa: FBT001
    plays = {"openai": error(500), "anthropic": error(529), "gemini": error(503)}
    async with scene(**plays, bedrock=hello("bedrock", stream=stream)) as all_four:
        await check(all_four, "server_error", "overloaded", "overloaded", served_by="bedrock", stream=stream)


async def test_openai_serves_what_bedrock_throttles(stream: bool) -> None:  # noqa: FBT001
    throttled = piecewise(EVENTS, [message("throttlingException", {"message": "Slow down"}, exception=True)])
    if not stream:
        throttled = reply(b'{"message":"Slow down"}', 429, JSON, b"x-amzn-errortype: ThrottlingException")
    async with scene(bedrock=throttled, openai=hello("openai", stream=stream)) as both:
        await check(both, "rate_limited", served_by="openai", stream=stream)


async def test_after_the_first_word_the_stream_ends_in_an_error_and_nobody_else_is_asked() -> None:
    word = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}}
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    broken = piecewise(SSE, sse(MESSAGE_START, start, word, OVERLOADED))
    async with scene(anthropic=broken, gemini=hello("gemini", stream=True)) as both:
        got = read(await both.ask(stream=True), stream=True)
        assert got.text == "Hel"
        assert got.error is not None
        assert both.upstreams["gemini"].requests == []


LEGACY = {"functions": [{"name": "f", "parameters": {"type": "object", "properties": {}}}]}
UNSAID = [
    pytest.param("anthropic", {"n": 2}, "n", id="anthropic: n"),
    pytest.param("gemini", {"n": 2}, "n", id="gemini: n"),
    pytest.param("bedrock", {"n": 2}, "n", id="bedrock: n"),
    pytest.param("anthropic", LEGACY, "functions", id="anthropic: functions"),
    pytest.param("gemini", LEGACY, "functions", id="gemini: functions"),
    pytest.param("bedrock", LEGACY, "functions", id="bedrock: functions"),
    pytest.param(
        "bedrock", {"messages": [{"role": "user", "content": [PICTURE]}]}, "messages", id="bedrock: image URL"
    ),
    pytest.param("anthropic", {"logprobs": True}, "logprobs", id="anthropic: logprobs"),
]
"""What a provider's format can't say, and the field that it is in."""


@pytest.mark.parametrize(("provider", "body", "param"), UNSAID)
async def test_what_a_format_cannot_say_goes_to_the_next(provider: str, body: dict[str, Any], param: str) -> None:
    plays = {provider: hello(provider, stream=False), "openai": hello("openai", stream=False)}
    async with scene(**plays) as both:
        got = read(await both.ask(**body), stream=False)
        assert got.text == "Hello from openai"
        assert both.upstreams[provider].requests == []
        (asked,) = both.upstreams["openai"].requests
        assert body.items() <= json.loads(asked.body).items()


@pytest.mark.parametrize(("provider", "body", "param"), UNSAID)
async def test_what_no_format_can_say_is_refused_by_its_field(provider: str, body: dict[str, Any], param: str) -> None:
    async with scene(**{provider: hello(provider, stream=False)}) as alone:
        answer = await alone.ask(**body)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error["param"] == param
        assert error["type"] == "invalid_request_error"
        assert alone.upstreams[provider].requests == []
