"""Traces of real calls: what providers are told, and the spans that a collector gets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import ConfigError
from gateway.telemetry import otlp
from gateway.telemetry.tracing import tracer
from tests.client import CHAT, Answer, Client, ask, chat, get
from tests.faults.test_failover_across_dialects import PROVIDERS, error, hello
from tests.otlp import Collector, Span
from tests.serving import Serving, serving
from tests.upstream import Loop, ScriptedUpstream, Send, read_request

ROOT = Path(__file__).parents[3]
KEY = "sk-traced-0123456789abcdef0123456789"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
COMING = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
PRICE = {"input": 1, "output": 10, "per_image": {"default": 0.04}}


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(otlp, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(tracer, "LINGER_S", 0.001)


class Traced:
    """A gateway, and the collector that it sends to."""

    def __init__(self, served: Serving, collector: Collector) -> None:
        self.served = served
        self.url = served.url
        self.collector = collector

    async def ask(self, path: str = CHAT, body: Any = None, *, key: str = KEY, **headers: str) -> Answer:
        return await ask(self.url, path, body or chat(max_tokens=5), key=key, headers=headers)

    async def spans(self, calls: int = 1) -> list[Span]:
        """Of so many calls, once they have come."""
        await self.served.until(lambda: sum(span.kind == "SERVER" for span in self.collector.spans) >= calls)
        return self.collector.spans


def config(
    collector: Collector | str, *targets: str, traces: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    url = collector if isinstance(collector, str) else collector.url
    return {
        "state": {"url": "memory://"},
        "server": {"attempts": max(1, len(targets)), "hold_wait_s": 0},
        "providers": {"p": {"kind": "simulator", "price": PRICE}},
        "models": {"m": {"targets": list(targets) or ["p/sim-chat"]}},
        "teams": {"research": {}},
        "keys": [{"name": "ci", "key": KEY, "team": "research"}],
        "global": {"budgets": [{"usd": 100, "per": "day"}]},
        "traces": {"endpoint": url, "sample": 1, "headers": {"authorization": "Bearer of-collector"}, **(traces or {})},
        **more,
    }


@asynccontextmanager
async def tracing(*targets: str, **more: Any) -> AsyncIterator[Traced]:
    with Collector() as collector:
        async with serving(config(collector, *targets, **more)) as served:
            yield Traced(served, collector)


def tree(spans: list[Span]) -> list[tuple[str, str]]:
    """Name and kind of the call's span and of its children; asserts that they are just that."""
    call, *children = spans
    assert {span.trace_id for span in spans} == {call.trace_id}
    assert {span.parent_id for span in children} <= {call.span_id}
    assert len({span.span_id for span in spans}) == len(spans)
    assert all(call.started_ns <= span.started_ns <= span.ended_ns <= call.ended_ns for span in children)
    return [(span.name, span.kind) for span in spans]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_is_a_span_with_its_hold_its_attempt_and_its_settlement(stream):
    async with tracing() as gateway:
        answer = await gateway.ask(body=chat(max_tokens=5, stream=stream))
        spans = await gateway.spans()
    outcome = gateway.served.outcomes[0]
    assert tree(spans) == [
        ("chat m", "SERVER"),
        ("hold", "INTERNAL"),
        ("chat sim-chat", "CLIENT"),
        ("settle", "INTERNAL"),
    ]
    call, hold, one, settle = spans
    assert call.parent_id == ""
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "sim-chat",
        "gen_ai.usage.input_tokens": outcome.usage.total_input,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.response.finish_reasons": ["length"],
        "http.response.status_code": 200,
        "sluice.call.id": answer.headers["x-request-id"],
        "sluice.key": "ci",
        "sluice.team": "research",
        "sluice.target": "p/sim-chat",
        "sluice.cost_nanousd": outcome.cost_nanousd,
    }
    assert {name: call.attributes.get(name) for name in expected} == expected
    assert call.attributes["gen_ai.provider.name"] == one.attributes["gen_ai.provider.name"] == "simulator"
    assert (call.attributes.get("gen_ai.request.stream") is True) is stream
    assert ("gen_ai.response.time_to_first_chunk" in one.attributes) is stream
    assert "first_event" in one.events
    assert one.attributes["server.address"] == "127.0.0.1"
    assert one.attributes["server.port"] > 0
    assert hold.attributes["sluice.held_nanousd"] == outcome.held_nanousd > outcome.cost_nanousd > 0
    assert settle.attributes["sluice.refunded_nanousd"] == outcome.held_nanousd - outcome.cost_nanousd
    (post,) = gateway.collector.posts
    assert post.headers["authorization"] == "Bearer of-collector"
    (resource,) = gateway.collector.resources
    assert resource["service.name"] == "sluice"
    assert set(resource) == {"service.name", "service.version", "service.instance.id"}


async def test_a_call_for_images_says_what_it_asked_for():
    async with tracing("p/sim-image") as gateway:
        await gateway.ask("/v1/images/generations", {"model": "m", "prompt": "a cat", "size": "1024x1024"})
        spans = await gateway.spans()
    assert [name for name, _ in tree(spans)] == ["generate_content m", "hold", "generate_content sim-image", "settle"]
    assert spans[0].attributes["gen_ai.output.type"] == "image"
    assert spans[0].attributes["sluice.usage.images"] == 1


async def test_a_call_without_a_key_is_a_span_of_its_own():
    async with tracing() as gateway:
        await gateway.ask(key="sk-wrong", **COMING)
        (span,) = await gateway.spans()
    assert (span.name, span.kind, span.status) == ("chat", "SERVER", "UNSET")
    assert (span.trace_id, span.parent_id, span.state) == (TRACE, PARENT, "vendor=1")
    assert span.attributes["http.response.status_code"] == 401
    assert span.attributes["error.type"] == "invalid_api_key"
    assert "sk-wrong" not in str(span)


async def test_a_call_that_the_budget_refuses_ends_with_its_hold():
    async with tracing(**{"global": {"budgets": [{"usd": 0.000001, "per": "day"}]}}) as gateway:
        assert (await gateway.ask()).status == 429
        spans = await gateway.spans()
    assert tree(spans) == [("chat m", "SERVER"), ("hold", "INTERNAL")]
    assert spans[0].attributes["error.type"] == spans[1].attributes["error.type"] == "insufficient_quota"


async def test_a_client_that_hangs_up_ends_an_attempt_that_has_not_failed():
    async with tracing(providers={"p": {"kind": "simulator", "price": PRICE, "options": {"stall": True}}}) as gateway:
        async with Client(gateway.url, KEY) as client:
            client.send(CHAT, chat(max_tokens=5))
            await gateway.served.until(
                lambda: gateway.served.gateway.vitals.reading("p/sim-chat", False).in_flight == 1
            )
            client.reset()
        spans = await gateway.spans()
    call = spans[0]
    assert call.attributes["http.response.status_code"] == 499
    assert {span.status for span in spans} == {"UNSET"}
    assert [span.attributes["error.type"] for span in spans if span.kind == "CLIENT"] == ["cancelled"]


@asynccontextmanager
async def providers(**plays: bytes) -> AsyncIterator[tuple[dict[str, Any], dict[str, ScriptedUpstream]]]:
    """Scripted providers by name: their settings, and they themselves."""
    said, running = {}, {}
    for name, data in plays.items():
        running[name] = await ScriptedUpstream([Loop([read_request, Send(data)])]).__aenter__()
        url = running[name].url + ("/v1" if name == "openai" else "")
        said[name] = {**PROVIDERS[name], "base_url": url, "price": PRICE}
    try:
        yield said, running
    finally:
        for upstream in running.values():
            await upstream.__aexit__(None, None, None)


@asynccontextmanager
async def openai() -> AsyncIterator[tuple[dict[str, Any], ScriptedUpstream]]:
    async with providers(openai=hello("openai", stream=False)) as (said, running):
        yield said, running["openai"]


def headers_of(upstream: ScriptedUpstream) -> dict[bytes, bytes]:
    return upstream.requests[0].headers


@pytest.mark.parametrize("stream", [False, True])
async def test_after_a_failover_there_are_two_attempts_and_each_provider_knows_its_own(stream):
    plays = {"anthropic": error(529), "openai": hello("openai", stream=stream)}
    async with providers(**plays) as (said, upstreams), tracing("anthropic/x", "openai/y", providers=said) as gateway:
        answer = await gateway.ask(body=chat(max_tokens=5, stream=stream), **COMING)
        assert answer.status == 200
        spans = await gateway.spans()
        told = [headers_of(upstreams[name])[b"traceparent"].decode() for name in plays]
        states = [headers_of(upstreams[name])[b"tracestate"] for name in plays]
    assert [name for name, _ in tree(spans)] == ["chat m", "hold", "chat x", "chat y", "settle"]
    call, _, failed, served, _ = spans
    assert (call.trace_id, call.parent_id) == (TRACE, PARENT)
    assert told == [f"00-{TRACE}-{failed.span_id}-01", f"00-{TRACE}-{served.span_id}-01"]
    assert states == [b"vendor=1"] * 2
    assert (failed.status, failed.attributes["error.type"]) == ("ERROR", "overloaded")
    assert failed.attributes["http.response.status_code"] == 529
    assert (served.status, served.attributes["sluice.attempt.kind"]) == ("UNSET", "failover")
    assert (call.status, call.attributes["gen_ai.provider.name"]) == ("UNSET", "openai")
    assert failed.attributes["gen_ai.provider.name"] == "anthropic"


@pytest.mark.parametrize("name", sorted(PROVIDERS))
@pytest.mark.parametrize("transport", ["native", "httpx"])
async def test_each_provider_is_told_of_the_span_of_its_attempt(name, transport):
    async with providers(**{name: hello(name, stream=False)}) as (said, upstreams):
        said[name]["transport"] = transport
        async with tracing(f"{name}/its-model", providers=said) as gateway:
            assert (await gateway.ask(**COMING)).status == 200
            spans = await gateway.spans()
            headers = headers_of(upstreams[name])
    assert headers[b"traceparent"].decode() == f"00-{TRACE}-{spans[2].span_id}-01"
    assert spans[2].kind == "CLIENT"
    if name == "bedrock":
        assert headers[b"authorization"].startswith(b"AWS4-HMAC-SHA256")


async def test_a_call_that_its_sender_does_not_trace_is_passed_on_and_not_recorded():
    async with openai() as (said, upstream), tracing("openai/x", providers=said) as gateway:
        await gateway.ask(traceparent=f"00-{TRACE}-{PARENT}-00")
        await gateway.ask()
        spans = await gateway.spans()
        told = [request.headers[b"traceparent"] for request in upstream.requests]
    assert told[0].startswith(f"00-{TRACE}-".encode())
    assert told[0].endswith(b"-00")
    assert TRACE not in {span.trace_id for span in spans}


async def test_of_no_sample_providers_are_told_nothing():
    async with openai() as (said, upstream), tracing("openai/x", providers=said, traces={"sample": 0}) as gateway:
        await gateway.ask()
        assert b"traceparent" not in headers_of(upstream)
    assert gateway.collector.posts == []


async def test_without_an_endpoint_nothing_is_traced_whatever_clients_send():
    async with openai() as (said, upstream), serving(config("", "openai/x", providers=said)) as served:
        await ask(served.url, CHAT, chat(), key=KEY, headers=COMING)
        assert b"traceparent" not in headers_of(upstream)
        assert served.outcomes[0].trace is None


@pytest.mark.parametrize("stream", [False, True])
async def test_what_was_asked_and_said_is_in_no_span_unless_it_is_switched_on(stream):
    body = chat("marker-asked", max_tokens=50, stream=stream, sim="say=Zq7")
    async with tracing() as gateway:
        assert b"Zq7" in (await gateway.ask(body=body)).body
        await gateway.spans()
        assert not any(b"marker" in post.body or b"Zq7" in post.body for post in gateway.collector.posts)
        assert gateway.served.outcomes[0].payload is None


@pytest.mark.parametrize("stream", [False, True])
async def test_content_that_is_switched_on_is_redacted(stream):
    said = "marker-said 1234-5678 sk-abcdefghijklmnopqrst"
    body = chat("marker-asked 1234-5678 api_key=hunter2hunter2", max_tokens=50, stream=stream, sim=f"say={said}")
    async with tracing(traces={"content": True, "redact": [r"\d{4}-\d{4}"]}) as gateway:
        await gateway.ask(body=body)
        call, *others = await gateway.spans()
    asked, replied = (json.loads(call.attributes[f"gen_ai.{way}.messages"]) for way in ("input", "output"))
    assert asked == [
        {"role": "user", "parts": [{"type": "text", "content": "marker-asked [redacted] api_key=[redacted]"}]}
    ]
    assert replied[0]["parts"][0]["content"].startswith("marker-said [redacted] [redacted]")
    assert not any(b"1234-5678" in post.body or b"hunter2" in post.body for post in gateway.collector.posts)
    assert not any("marker" in str(span) for span in others)


async def test_of_calls_that_are_not_sampled_no_content_is_kept():
    async with tracing(traces={"content": True, "sample": 0}) as gateway:
        await gateway.ask()
        await gateway.ask(**COMING)
    assert [outcome.payload is None for outcome in gateway.served.outcomes] == [True, False]


async def test_a_collector_that_hangs_costs_calls_nothing_and_drops_are_counted(monkeypatch):
    monkeypatch.setattr(tracer, "CAPACITY", 5)
    async with tracing() as gateway:
        gateway.collector.gate.clear()
        answers = [await gateway.ask() for _ in range(20)]
        assert {answer.status for answer in answers} == {200}
        page = (await get(gateway.url, "/metrics")).body.decode()
        gateway.collector.gate.set()
    dropped = float(page.split('sluice_calls_dropped_total{sink="traces"} ')[1].split("\n")[0])
    assert dropped >= 20 - 5 - 5


async def test_a_collector_that_is_gone_costs_calls_nothing():
    async with serving(config("http://127.0.0.1:1")) as served:
        assert (await ask(served.url, CHAT, chat(), key=KEY)).status == 200
        spent = served.gateway.lasting.opened.traces.tracer
        await served.until(lambda: spent.dropped == 1)


async def test_what_was_sent_is_counted():
    async with tracing() as gateway:
        await gateway.ask()
        await gateway.spans()
        await gateway.served.until(lambda: gateway.served.gateway.lasting.opened.traces.tracer.written == 1)
        page = (await get(gateway.url, "/metrics")).body.decode()
    assert 'sluice_calls_logged_total{sink="traces"} 1.0' in page
    assert 'sluice_calls_dropped_total{sink="traces"} 0.0' in page


async def test_at_its_end_the_gateway_sends_what_is_left(monkeypatch):
    monkeypatch.setattr(tracer, "LINGER_S", 60)
    async with tracing() as gateway:
        await gateway.ask()
        assert gateway.collector.posts == []
        # Its collector outlives the gateway.
    assert gateway.collector.spans[0].name == "chat m"


@pytest.mark.parametrize(
    ("traces", "path"),
    [({"headers": {"x y": "1"}}, "traces.headers"), ({"headers": {"x": "a\nb"}}, "traces.headers")],
)
async def test_what_can_not_be_sent_is_told_at_the_start(traces, path):
    with pytest.raises(ConfigError, match=path):
        async with serving(config("http://127.0.0.1:1", traces=traces)):
            pass


ALONE = """
import asyncio, json, sys
{block}
from tests.serving import serving
async def run():
    async with serving(json.loads(sys.argv[1])):
        print(sorted(name for name in sys.modules if name.startswith(("opentelemetry", "regex", "google.protobuf"))))
asyncio.run(run())
"""


def alone(said: dict[str, Any], block: str = "") -> tuple[str, str]:
    """What a process prints that serves this, and what of OpenTelemetry it has loaded."""
    command = [sys.executable, "-c", ALONE.format(block=block), json.dumps(said)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)
    return done.stdout, done.stderr


def test_without_an_endpoint_nothing_of_opentelemetry_is_loaded():
    out, err = alone(config(""))
    assert out == "[]\n", err


@pytest.mark.parametrize("module", ["opentelemetry.proto.common.v1.common_pb2", "regex"])
def test_without_the_extra_the_error_says_what_to_install(module):
    out, err = alone(config("http://127.0.0.1:1", traces={"content": True}), f"sys.modules[{module!r}] = None")
    assert out == ""
    assert "traces.endpoint: needs the extra otel" in err
    assert "pip install 'sluice[otel]'" in err
