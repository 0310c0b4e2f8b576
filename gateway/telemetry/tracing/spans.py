"""What is told of a call: one span of it as its client saw it, and below that one for each thing that it waited for.

    chat gpt-5-mini                   SERVER    arrival to end
    ├── hold                          INTERNAL  waiting for the store of limits and budgets, all of it together
    ├── chat gpt-5-mini-2025-08-07    CLIENT    an attempt; its provider was told of this span
    ├── chat claude-haiku-4-5         CLIENT    the next one
    └── settle                        INTERNAL  a point: what the call cost, and what was given back

Tokens and cost stand on the call alone: who adds up the spans of a trace counts them once.

Names are OpenTelemetry's, of the schema ``SCHEMA``; what it has no name for is ``sluice.*``.
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from gateway.core.money import usd
from gateway.core.trace import Trace
from gateway.core.types import Attempt, Endpoint, Outcome
from gateway.telemetry.attempts import kinds
from gateway.telemetry.request_log import foreign, level_of, model_of
from gateway.telemetry.semconv import operation_name

SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
Value: TypeAlias = str | bool | int | float | tuple[str, ...] | None
"""Of an attribute; what is None is left out."""
Attributes = RepeatedCompositeFieldContainer[KeyValue]

_NS = 1_000_000_000
_DRAW = frozenset({Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS, Endpoint.IMAGE_VARIATIONS})
_SERVER, _CLIENT, _INTERNAL = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_INTERNAL
# SpanFlags of the protocol: the W3C flags, then whether the parent's process is known, and another one.
_SAMPLED, _PARENT_IS_KNOWN, _PARENT_IS_REMOTE = 0x01, 0x100, 0x200


class Upstream(msgspec.Struct, frozen=True):
    """What is known of a configured provider."""

    name: str
    """``gen_ai.provider.name``."""
    address: str
    port: int


def add_call(
    spans: RepeatedCompositeFieldContainer[Span],
    outcome: Outcome,
    upstreams: Mapping[str, Upstream],
    content: Mapping[str, Value] | None = None,
) -> None:
    """Add the spans of a traced call. ``upstreams`` are by the provider's name in the configuration.

    ``content``, if there is any, are attributes of the call's own span.
    """
    assert outcome.trace is not None, "it is traced"
    _Tree(spans, outcome, outcome.trace, upstreams).add(content or {})


def put(attributes: Attributes, values: Mapping[str, Value]) -> None:
    """Add ``values`` to a message's attributes. A fifth of what a KeyValue by constructor takes."""
    for name, value in values.items():
        if value is None:
            continue
        added = attributes.add()
        added.key = name
        if isinstance(value, str):
            added.value.string_value = value
        elif isinstance(value, bool):
            added.value.bool_value = value
        elif isinstance(value, int):
            added.value.int_value = value
        elif isinstance(value, float):
            added.value.double_value = value
        else:
            for each in value:
                added.value.array_value.values.add().string_value = each


class _Tree:
    """The spans of one call."""

    def __init__(
        self,
        spans: RepeatedCompositeFieldContainer[Span],
        outcome: Outcome,
        trace: Trace,
        upstreams: Mapping[str, Upstream],
    ) -> None:
        self._spans = spans
        self._outcome = outcome
        self._trace = trace
        self._upstreams = upstreams
        self._operation = operation_name(outcome.endpoint)
        self._began_ns = int(outcome.at * _NS)
        self._ended_ns = self._began_ns + int(outcome.duration_s * _NS)

    def add(self, content: Mapping[str, Value]) -> None:
        outcome = self._outcome
        call = self._new(_name_of(outcome), _SERVER, self._trace.span_id, self._began_ns, self._ended_ns)
        put(call.attributes, _of_call(outcome, self._upstreams))
        put(call.attributes, content)
        if level_of(outcome) == "warning":
            _fail(call, outcome.error)
        self._add_hold()
        for number, (attempt, kind) in enumerate(zip(outcome.attempts, kinds(outcome.attempts), strict=True), start=1):
            span = self._new_attempt(attempt)
            put(span.attributes, {"sluice.attempt.number": number, "sluice.attempt.kind": kind})
        if outcome.attempts:
            settle = self._new("settle", _INTERNAL, self._child(2), self._ended_ns, self._ended_ns)
            put(settle.attributes, _of_settlement(outcome))

    def _child(self, number: int) -> int:
        """The id of a part of the call that is no attempt: those come after the attempts."""
        return self._trace.child(len(self._outcome.attempts) + number)

    def _new(self, name: str, kind: Span.SpanKind.ValueType, span_id: int, began_ns: int, ended_ns: int) -> Span:
        trace = self._trace
        is_root = span_id == trace.span_id
        parent_id = trace.parent_id if is_root else trace.span_id
        is_remote = is_root and parent_id is not None
        return self._spans.add(
            trace_id=trace.trace_id.to_bytes(16, "big"),
            span_id=span_id.to_bytes(8, "big"),
            parent_span_id=b"" if parent_id is None else parent_id.to_bytes(8, "big"),
            trace_state=trace.state,
            name=name,
            kind=kind,
            start_time_unix_nano=began_ns,
            end_time_unix_nano=ended_ns,
            flags=_SAMPLED | _PARENT_IS_KNOWN | (_PARENT_IS_REMOTE if is_remote else 0),
        )

    def _add_hold(self) -> None:
        """A call that fails over may hold again for the next provider: the span is as long as all of it."""
        outcome = self._outcome
        if outcome.hold_after_s is None:
            return
        began_ns = self._began_ns + int(outcome.hold_after_s * _NS)
        ended_ns = min(self._ended_ns, began_ns + int(outcome.hold_s * _NS))
        hold = self._new("hold", _INTERNAL, self._child(1), began_ns, ended_ns)
        was_refused = not outcome.attempts
        put(hold.attributes, {**_of_hold(outcome), "error.type": foreign(outcome.error) if was_refused else None})

    def _new_attempt(self, attempt: Attempt) -> Span:
        upstream, stream = self._upstreams.get(attempt.provider), self._outcome.stream
        began_ns = self._began_ns + int(attempt.started_after_s * _NS)
        ended_ns = began_ns + int(attempt.duration_s * _NS)
        span = self._new(f"{self._operation} {attempt.model}", _CLIENT, attempt.span_id, began_ns, ended_ns)
        put(
            span.attributes,
            {
                "gen_ai.operation.name": self._operation,
                "gen_ai.provider.name": upstream.name if upstream else None,
                "gen_ai.request.model": attempt.model,
                "gen_ai.request.stream": stream or None,
                "gen_ai.response.time_to_first_chunk": attempt.ttft_s if stream else None,
                "error.type": attempt.error,
                "http.request.method": "POST",
                "http.response.status_code": attempt.status,
                "server.address": upstream.address if upstream else None,
                "server.port": upstream.port if upstream else None,
                "sluice.target": attempt.target,
                "sluice.provider": attempt.provider,
            },
        )
        if attempt.ttft_s is not None:
            span.events.add(name="first_event", time_unix_nano=began_ns + int(attempt.ttft_s * _NS))
        # Nobody failed where the client went away, or the gateway stopped.
        if attempt.error not in (None, "cancelled"):
            _fail(span, attempt.error)
        return span


def _fail(span: Span, why: str | None) -> None:
    span.status.code = Status.STATUS_CODE_ERROR
    span.status.message = foreign(why) or ""


def _name_of(outcome: Outcome) -> str:
    # A name must be one of few, and a client that is refused may ask for any model: for those that were looked for a
    # target it exists.
    operation = operation_name(outcome.endpoint)
    exists = outcome.error is None or outcome.attempts or outcome.hold_after_s is not None
    return f"{operation} {outcome.model}" if exists and outcome.model else operation


def _of_call(outcome: Outcome, upstreams: Mapping[str, Upstream]) -> dict[str, Value]:
    upstream = upstreams.get(outcome.provider) if outcome.provider is not None else None
    path = f"/v1/{outcome.endpoint.value}"
    finish = foreign(outcome.finish)
    return {
        "gen_ai.operation.name": operation_name(outcome.endpoint),
        "gen_ai.provider.name": upstream.name if upstream else None,
        "gen_ai.request.model": model_of(outcome) or None,
        "gen_ai.request.stream": outcome.stream or None,
        "gen_ai.output.type": "image" if outcome.endpoint in _DRAW else None,
        "gen_ai.response.model": outcome.attempts[-1].model if outcome.target is not None else None,
        "gen_ai.response.finish_reasons": (finish,) if finish else None,
        "gen_ai.response.time_to_first_chunk": outcome.ttft_s if outcome.stream else None,
        **_of_usage(outcome),
        "error.type": foreign(outcome.error),
        "http.request.method": None if outcome.error == "method_not_allowed" else "POST",
        "http.response.status_code": outcome.status,
        "http.route": path,
        "url.path": path,
        "sluice.call.id": outcome.id,
        "sluice.key": outcome.key or None,
        "sluice.team": outcome.team,
        "user.id": foreign(outcome.user),
        "sluice.tags": outcome.tags or None,
        "sluice.target": outcome.target,
        "sluice.provider": outcome.provider,
        "sluice.attempt.count": len(outcome.attempts),
        "sluice.overhead_s": outcome.overhead_s,
        **_of_cost(outcome),
    }


def _of_usage(outcome: Outcome) -> dict[str, Value]:
    usage = outcome.usage
    if not usage.total and not usage.images:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.total_input,
        "gen_ai.usage.output_tokens": usage.total_output,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_input + usage.cached_image_input or None,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write + usage.cache_write_1h or None,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning or None,
        "sluice.usage.images": usage.images or None,
        "sluice.usage.official": outcome.is_usage_official,
    }


def _of_cost(outcome: Outcome) -> dict[str, Value]:
    """A cost that is not known is left out: it is not 0."""
    if not outcome.is_priced:
        return {"sluice.priced": False}
    return {"sluice.cost_usd": usd(outcome.cost_nanousd), "sluice.cost_nanousd": outcome.cost_nanousd}


def _of_hold(outcome: Outcome) -> dict[str, Value]:
    return {"sluice.held_usd": usd(outcome.held_nanousd), "sluice.held_nanousd": outcome.held_nanousd}


def _of_settlement(outcome: Outcome) -> dict[str, Value]:
    refunded = max(0, outcome.held_nanousd - outcome.cost_nanousd)
    return {
        **_of_cost(outcome),
        **_of_hold(outcome),
        "sluice.refunded_usd": usd(refunded),
        "sluice.refunded_nanousd": refunded,
    }
