"""Calls as OpenTelemetry's log records, as a collector gets them."""

from __future__ import annotations

import pytest

from gateway.core.trace import Trace
from gateway.telemetry import otlp
from gateway.telemetry.batches import Batches
from gateway.telemetry.calls.otlp import PATH, OtlpLogs
from gateway.telemetry.otlp import Collector as Sender
from gateway.telemetry.otlp import NotTaken
from tests.otlp import Collector
from tests.telemetry.outcomes import attempt, failure, outcome


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(otlp, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(otlp, "LONGEST_PAUSE_S", 0.002)


def sent(*outcomes, kinds=None):
    with Collector() as collector:
        logs = OtlpLogs(Sender(collector.url, PATH, {"x-token": "t"}), service_name="gate")
        logs.kinds = kinds or {"openai": "openai", "east": "azure"}
        logs.write(outcomes)
        assert collector.posts[0].headers["x-token"] == "t"
        assert collector.resources[0]["service.name"] == "gate"
        return collector.logs


def test_a_call_is_an_event_by_the_conventions():
    trace = Trace(0x0AF7651916CD43DD8448EB211C80319C, 0x00F067AA0BA902B7)
    (log,) = sent(outcome(trace=trace, attempts=(attempt(error="overloaded", status=529), attempt())))
    assert log.event == "gen_ai.client.inference.operation.details"
    assert (log.trace_id, log.span_id) == ("0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7")
    assert (log.severity, log.at_ns) == ("info", 1_700_000_000_500_000_000)
    attributes = dict(log.attributes)
    first, second = attributes.pop("sluice.attempts")
    assert (first["kind"], first["error"], first["status"]) == ("first", "overloaded", 529)
    assert (second["kind"], second["duration_s"], "error" in second) == ("retry", 1.2, False)
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "gpt-5-mini",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.3,
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 51,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.reasoning.output_tokens": 10,
        "http.response.status_code": 200,
        "user.id": "u-7",
        "sluice.call.id": "req-1",
        "sluice.endpoint": "chat/completions",
        "sluice.key": "ci",
        "sluice.team": "research",
        "sluice.tags": ["project-x"],
        "sluice.provider": "openai",
        "sluice.target": "openai/gpt-5-mini",
        "sluice.usage.official": True,
        "sluice.cost_usd": "0.0015",
        "sluice.priced": True,
        "sluice.held_usd": "0.002",
        "sluice.hold_s": 0.0,
        "sluice.duration_s": 1.3,
        "sluice.ttft_s": 0.3,
        "sluice.overhead_s": 0.0002,
    }


def test_a_failure_says_its_error_and_belongs_to_no_trace():
    (log,) = sent(failure(status=503, error="no_target_available"))
    assert (log.severity, log.trace_id) == ("warning", "")
    assert (log.attributes["error.type"], log.attributes["http.response.status_code"]) == ("no_target_available", 503)
    assert not {"gen_ai.provider.name", "gen_ai.response.model", "sluice.target"} & log.attributes.keys()


def test_providers_are_called_as_the_conventions_call_their_kind():
    (log,) = sent(outcome(provider="east"))
    assert log.attributes["gen_ai.provider.name"] == "azure.ai.openai"


def test_what_looks_like_a_key_is_in_no_record():
    (log,) = sent(outcome(user="sk-proj-0123456789abcdef", finish="Bearer abcdefghijk"))
    assert "0123456789abcdef" not in str(log)
    assert "abcdefghijk" not in str(log)


def test_a_collector_that_is_down_costs_a_batch_after_a_few_tries():
    with Collector([503] * 3) as collector:
        logs = OtlpLogs(Sender(collector.url, PATH, {}), service_name="s")
        with pytest.raises(NotTaken):
            logs.write([outcome()])
        logs.write([outcome(id="later")])
        assert [log.attributes["sluice.call.id"] for log in collector.logs] == ["later"]


def test_a_collector_that_does_not_answer_holds_up_nobody_who_logs():
    with Collector() as collector:
        collector.gate.clear()
        logs = OtlpLogs(Sender(collector.url, PATH, {}), service_name="s")
        queue = Batches("otlp", logs.write, capacity=10, batch=5, linger_s=0)
        for index in range(100):
            queue.put(outcome(id=f"r{index}"))
        assert queue.backlog <= 10
        assert queue.dropped >= 80
        collector.gate.set()
        assert queue.close(10)
        assert collector.logs[-1].attributes["sluice.call.id"] == "r99"
        assert queue.written + queue.dropped == 100
