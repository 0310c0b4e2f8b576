"""The spans of calls, as a collector gets them."""

from __future__ import annotations

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes, user_attributes
from opentelemetry.semconv.attributes import error_attributes, http_attributes, server_attributes, url_attributes
from opentelemetry.semconv.schemas import Schemas

from gateway.core.trace import Trace
from gateway.core.types import Endpoint
from gateway.core.usage import Usage
from gateway.telemetry.otlp import Collector as Sender
from gateway.telemetry.tracing.spans import SCHEMA, Upstream
from gateway.telemetry.tracing.tracer import Tracer
from tests.otlp import Collector
from tests.telemetry.outcomes import attempt, failure, outcome

TRACE = Trace(0xABC, 0x10, 0x7, True, "vendor=1")
UPSTREAMS = {
    "openai": Upstream("openai", "api.openai.test", 443),
    "vertex-eu": Upstream("gcp.vertex_ai", "127.0.0.1", 8443),
}
KNOWN = {
    value
    for module in (
        gen_ai_attributes,
        user_attributes,
        error_attributes,
        http_attributes,
        server_attributes,
        url_attributes,
    )
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
}


@pytest.fixture
def spans():
    """Gives the spans that a collector gets of outcomes."""
    with Collector() as collector:
        tracer = Tracer(Sender(collector.url, "/v1/traces", {}), {"service.name": "sluice", "service.version": "1.2"})
        tracer.know(UPSTREAMS)

        def of(*outcomes):
            for each in outcomes:
                tracer.observe(each)
            assert tracer.flush(10)
            assert tracer.dropped == 0
            return collector.spans

        of.collector = collector
        yield of
        tracer.close()


def traced(made=outcome, **changes):
    """An outcome whose attempts were told of their spans, as the pipeline does it."""
    found = made(trace=changes.pop("trace", TRACE), **changes)
    attempts = [
        type(each)(**{name: getattr(each, name) for name in each.__struct_fields__} | {"span_id": TRACE.child(number)})
        for number, each in enumerate(found.attempts, start=1)
    ]
    return type(found)(
        **{name: getattr(found, name) for name in found.__struct_fields__} | {"attempts": tuple(attempts)}
    )


def test_a_call_is_a_tree_of_what_it_waited_for(spans):
    first = attempt("vertex-eu/gemini-3", error="overloaded", status=503, ttft_s=None, duration_s=0.2)
    second = attempt(started_after_s=0.25, duration_s=1.0, ttft_s=0.3)
    found = spans(traced(attempts=(first, second), hold_after_s=0.0005, hold_s=0.0001))
    assert [(span.name, span.kind) for span in found] == [
        ("chat gpt-5-mini", "SERVER"),
        ("hold", "INTERNAL"),
        ("chat gemini-3", "CLIENT"),
        ("chat gpt-5-mini", "CLIENT"),
        ("settle", "INTERNAL"),
    ]
    call, *children = found
    assert {span.trace_id for span in found} == {f"{0xABC:032x}"}
    assert {span.state for span in found} == {"vendor=1"}
    assert (call.span_id, call.parent_id) == (f"{0x10:016x}", f"{0x7:016x}")
    assert {span.parent_id for span in children} == {call.span_id}
    assert [span.span_id for span in children[1:3]] == [f"{TRACE.child(1):016x}", f"{TRACE.child(2):016x}"]
    assert len({span.span_id for span in found}) == 5
    assert call.flags == 0x301, "sampled, and its parent is in another process"
    assert {span.flags for span in children} == {0x101}


def test_times_are_those_of_the_outcome(spans):
    call, hold, one, settle = spans(traced(hold_after_s=0.0005, hold_s=0.00025))
    start = 1_700_000_000_500_000_000
    assert (call.started_ns, call.ended_ns) == (start, start + 1_300_000_000)
    assert (hold.started_ns, hold.ended_ns) == (start + 500_000, start + 750_000)
    assert (one.started_ns, one.ended_ns) == (start + 1_000_000, start + 1_201_000_000)
    assert one.events == {"first_event": (start + 301_000_000, {})}
    assert settle.started_ns == settle.ended_ns == call.ended_ns


def test_a_call_says_who_asked_for_what_and_what_it_cost(spans):
    usage = Usage(input=100, cached_input=20, cache_write=5, output=41, reasoning=10)
    call, *_ = spans(traced(usage=usage))
    assert call.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "gpt-5-mini",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.3,
        "gen_ai.usage.input_tokens": 125,
        "gen_ai.usage.output_tokens": 51,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.cache_creation.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 10,
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/v1/chat/completions",
        "url.path": "/v1/chat/completions",
        "user.id": "u-7",
        "sluice.call.id": "req-1",
        "sluice.key": "ci",
        "sluice.team": "research",
        "sluice.tags": ["project-x"],
        "sluice.target": "openai/gpt-5-mini",
        "sluice.provider": "openai",
        "sluice.attempt.count": 1,
        "sluice.usage.official": True,
        "sluice.overhead_s": 0.0002,
        "sluice.cost_usd": "0.0015",
        "sluice.cost_nanousd": 1_500_000,
    }
    assert call.status == "UNSET"


def test_an_attempt_says_where_it_went_and_why_it_ended(spans):
    first = attempt("vertex-eu/gemini-3", error="rate_limited", status=429, ttft_s=None)
    _, one, two, three, _ = spans(traced(attempts=(first, attempt(), attempt())))
    assert one.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.vertex_ai",
        "gen_ai.request.model": "gemini-3",
        "gen_ai.request.stream": True,
        "error.type": "rate_limited",
        "http.request.method": "POST",
        "http.response.status_code": 429,
        "server.address": "127.0.0.1",
        "server.port": 8443,
        "sluice.target": "vertex-eu/gemini-3",
        "sluice.provider": "vertex-eu",
        "sluice.attempt.number": 1,
        "sluice.attempt.kind": "first",
    }
    assert (one.status, one.status_text, one.events) == ("ERROR", "rate_limited", {})
    assert [span.attributes["sluice.attempt.kind"] for span in (two, three)] == ["failover", "retry"]
    assert (two.status, two.attributes["gen_ai.response.time_to_first_chunk"]) == ("UNSET", 0.3)


def test_what_was_held_and_given_back_is_exact(spans):
    _, hold, _, settle = spans(traced(hold_after_s=0.0, cost_nanousd=1_234_567_891, held_nanousd=2_000_000_001))
    assert hold.attributes == {"sluice.held_usd": "2.000000001", "sluice.held_nanousd": 2_000_000_001}
    assert settle.attributes == {
        "sluice.cost_usd": "1.234567891",
        "sluice.cost_nanousd": 1_234_567_891,
        "sluice.held_usd": "2.000000001",
        "sluice.held_nanousd": 2_000_000_001,
        "sluice.refunded_usd": "0.76543211",
        "sluice.refunded_nanousd": 765_432_110,
    }


def test_of_a_call_that_costs_more_than_was_held_nothing_is_given_back(spans):
    *_, settle = spans(traced(cost_nanousd=3, held_nanousd=1))
    assert settle.attributes["sluice.refunded_nanousd"] == 0


def test_a_cost_that_is_not_known_is_not_said_to_be_nothing(spans):
    call, *_, settle = spans(traced(is_priced=False, cost_nanousd=0))
    for span in (call, settle):
        assert span.attributes["sluice.priced"] is False
        assert not {"sluice.cost_usd", "sluice.cost_nanousd"} & span.attributes.keys()


def test_a_call_that_a_budget_refused_ends_with_its_hold(spans):
    refusal = traced(failure, status=429, error="insufficient_quota", hold_after_s=0.001, hold_s=0.002, held_nanousd=0)
    call, hold = spans(refusal)
    assert (call.name, call.status) == ("chat gpt-5-mini", "UNSET"), "the client's error, not ours"
    assert call.attributes["error.type"] == hold.attributes["error.type"] == "insufficient_quota"
    assert "gen_ai.provider.name" not in call.attributes
    assert not [name for name in call.attributes if name.startswith("gen_ai.usage")]


def test_a_request_without_a_key_is_a_span_too(spans):
    refused = traced(failure, status=401, error="invalid_api_key", model="", key="", team=None, user=None, tags=())
    (call,) = spans(refused)
    assert call.name == "chat"
    assert call.attributes["http.response.status_code"] == 401
    assert call.attributes["error.type"] == "invalid_api_key"
    assert not {"sluice.key", "sluice.team", "gen_ai.request.model"} & call.attributes.keys()


def test_names_of_spans_are_few_whatever_models_are_asked_for(spans):
    refused = [traced(failure, status=404, error="model_not_found", model=f"made-up-{number}") for number in range(9)]
    assert {span.name for span in spans(*refused)} == {"chat"}


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (200, None, "UNSET"),
        (200, "disconnected", "ERROR"),
        (400, "invalid_request_error", "UNSET"),
        (429, "rate_limit_exceeded", "UNSET"),
        (499, "client_closed_request", "UNSET"),
        (500, "internal_error", "ERROR"),
        (503, "no_target_available", "ERROR"),
    ],
)
def test_a_call_failed_where_we_or_a_provider_did(spans, status, error, expected):
    call, *_ = spans(traced(status=status, error=error))
    assert call.status == expected
    assert call.status_text == (error if expected == "ERROR" else "")


def test_an_attempt_that_was_cut_short_by_the_client_has_not_failed(spans):
    _, one, _ = spans(traced(status=499, error="client_closed_request", attempts=(attempt(error="cancelled"),)))
    assert (one.status, one.attributes["error.type"]) == ("UNSET", "cancelled")


@pytest.mark.parametrize("endpoint", [Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS, Endpoint.IMAGE_VARIATIONS])
def test_a_call_for_images_says_so(spans, endpoint):
    call, *_ = spans(traced(endpoint=endpoint, usage=Usage(images=2), stream=False))
    assert call.name == "generate_content gpt-5-mini"
    assert call.attributes["gen_ai.output.type"] == "image"
    assert call.attributes["sluice.usage.images"] == 2
    assert "gen_ai.response.time_to_first_chunk" not in call.attributes


def test_of_a_provider_that_is_gone_no_word_is_guessed(spans):
    call, one, _ = spans(traced(provider="old", attempts=(attempt("old/m"),), target="old/m"))
    assert "gen_ai.provider.name" not in call.attributes.keys() | one.attributes.keys()
    assert one.attributes["sluice.provider"] == "old"


def test_what_strangers_wrote_is_bounded_and_rid_of_keys(spans):
    wild = traced(failure, status=404, error="model_not_found", model="sk-abcdefghijklmnop" * 40, user="\ud800" * 900)
    (call,) = spans(wild)
    assert "abcdefghijkl" not in str(call)
    assert len(call.attributes["user.id"]) <= 256


def test_every_name_is_the_conventions_or_begins_with_ours(spans):
    calls = [
        traced(hold_after_s=0.0, usage=Usage(input=1, cached_input=1, cache_write=1, output=1, reasoning=1, images=1)),
        traced(endpoint=Endpoint.IMAGE_EDITS, error="disconnected", is_priced=False),
        traced(failure, hold_after_s=0.1),
    ]
    names = {name for span in spans(*calls) for name in span.attributes}
    assert {name for name in names if not name.startswith("sluice.")} <= KNOWN
    assert len(names & KNOWN) > 15
    assert SCHEMA in {schema.value for schema in Schemas}


def test_spans_say_of_which_service_they_are(spans):
    spans(traced())
    assert spans.collector.resources == [{"service.name": "sluice", "service.version": "1.2"}]


def test_a_call_that_is_not_traced_has_no_spans(spans):
    assert spans(outcome(), traced(trace=Trace(1, 2, 3, is_sampled=False))) == []
