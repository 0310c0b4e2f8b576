"""Getting spans to a collector, whatever becomes of it."""

from __future__ import annotations

import logging
import socket
import threading

import pytest

from gateway.core.body import JsonBody
from gateway.core.payload import Payload
from gateway.core.trace import Trace
from gateway.telemetry import otlp
from gateway.telemetry.otlp import Collector as Sender
from gateway.telemetry.tracing import tracer as subject
from gateway.telemetry.tracing.content import Content
from gateway.telemetry.tracing.tracer import Tracer
from tests.otlp import Collector
from tests.telemetry.outcomes import outcome

TRACE = Trace(1, 2)


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(otlp, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(subject, "LINGER_S", 0.001)


def tracer_to(url, content=None):
    return Tracer(Sender(url, "/v1/traces", {"authorization": "sk-of-collector"}), {"service.name": "x"}, content)


def observe(tracer, count):
    for _ in range(count):
        tracer.observe(outcome(trace=TRACE))


def test_what_is_sent_is_counted():
    with Collector() as collector:
        tracer = tracer_to(collector.url)
        observe(tracer, 300)
        assert tracer.close(10)
    assert (tracer.written, tracer.dropped) == (300, 0)
    assert len([span for span in collector.spans if span.kind == "SERVER"]) == 300
    assert len(collector.posts) >= 3, "a request is of a bounded size"


def test_a_collector_that_is_gone_costs_the_spans_and_is_told_of_once(caplog):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    tracer = tracer_to(f"http://127.0.0.1:{port}")
    with caplog.at_level(logging.WARNING, "gateway"):
        for _ in range(3):
            observe(tracer, 10)
            assert tracer.flush(10)
    assert (tracer.written, tracer.dropped) == (0, 30)
    (line,) = caplog.messages
    assert "out of reach" in line
    assert "sk-of-collector" not in line
    assert tracer.close(10)


def test_a_collector_that_comes_back_gets_what_comes_then():
    with Collector([500]) as collector:
        tracer = tracer_to(collector.url)
        observe(tracer, 1)
        tracer.flush(10)
        observe(tracer, 2)
        assert tracer.close(10)
    assert (tracer.written, tracer.dropped) == (2, 1)


def test_behind_a_collector_that_hangs_the_oldest_are_dropped_and_nobody_waits(monkeypatch):
    monkeypatch.setattr(subject, "CAPACITY", 50)
    with Collector() as collector:
        collector.gate.clear()
        tracer = tracer_to(collector.url)
        observe(tracer, 1)
        observe(tracer, 1_000)
        assert tracer.dropped >= 1_000 - 50 - subject.BATCH
        collector.gate.set()
        assert tracer.close(10)
    assert tracer.written + tracer.dropped == 1_001


def test_a_collector_that_hangs_does_not_hold_up_the_end():
    with Collector() as collector:
        collector.gate.clear()
        tracer = tracer_to(collector.url)
        observe(tracer, 1)
        assert tracer.close(0.05) is False


def test_a_call_that_no_span_can_be_made_of_costs_the_others_nothing(caplog):
    with Collector() as collector:
        tracer = tracer_to(collector.url)
        tracer.observe(outcome(trace=TRACE, key="k-1"))
        tracer.observe(outcome(trace=TRACE, cost_nanousd=2**70, user="sk-secret-words"))
        tracer.observe(outcome(trace=TRACE, key="k-3"))
        assert tracer.close(10)
    assert [span.attributes["sluice.key"] for span in collector.spans if span.kind == "SERVER"] == ["k-1", "k-3"]
    assert (tracer.written, tracer.dropped) == (2, 1)
    assert "secret" not in caplog.text


def test_content_comes_only_where_it_is_asked_for():
    def with_payload():
        payload = Payload(JsonBody(b'{"messages": [{"role": "user", "content": "marker-7"}]}', {}), 1_000)
        return outcome(trace=TRACE, payload=payload)

    with Collector() as collector:
        plain, telling = tracer_to(collector.url), tracer_to(collector.url, Content(1_000))
        plain.observe(with_payload())
        assert plain.close(10)
        assert b"marker-7" not in collector.posts[0].body
        telling.observe(with_payload())
        assert telling.close(10)
    (call,) = [span for span in collector.spans if "gen_ai.input.messages" in span.attributes]
    assert call.kind == "SERVER"
    assert "marker-7" in call.attributes["gen_ai.input.messages"]


@pytest.mark.parametrize("kb", [16, 1_000, 10_000])
def test_what_waits_with_content_is_bounded_in_memory(kb):
    content = Content(kb * 1_000)
    tracer = tracer_to("http://127.0.0.1:1", content)
    assert tracer._queue._capacity * 2 * content.max_kept <= max(subject.CONTENT_BYTES, 8 * content.max_kept)
    assert tracer.close(10)


def test_spans_are_made_in_a_thread_of_their_own(monkeypatch):
    seen = set()
    add = subject.add_call
    monkeypatch.setattr(subject, "add_call", lambda *args: (seen.add(threading.current_thread().name), add(*args)))
    with Collector() as collector:
        tracer = tracer_to(collector.url)
        observe(tracer, 1)
        assert tracer.close(10)
    assert seen == {"sluice-traces"}
