"""Sends each call to a collector as an OpenTelemetry log record.

Named and described as the conventions for generative AI have it, where they have words for it; what is only ours begins
with ``sluice.``. Needs the extra ``otel``.
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-events.md
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from gateway import __version__
from gateway.core.money import usd
from gateway.core.types import Attempt, Outcome
from gateway.core.usage import Usage
from gateway.telemetry.attempts import kinds
from gateway.telemetry.otlp import Collector
from gateway.telemetry.request_log import foreign, level_of, model_of, pretty_line
from gateway.telemetry.semconv import operation_name, provider_name

PATH = "/v1/logs"
EVENT = "gen_ai.client.inference.operation.details"
_SEVERITIES = {"info": SeverityNumber.SEVERITY_NUMBER_INFO, "warning": SeverityNumber.SEVERITY_NUMBER_WARN}
_NANOSECONDS = 1_000_000_000


class OtlpLogs:
    """For one thread. ``kinds`` says of what kind each provider is, by its name."""

    def __init__(self, collector: Collector, *, service_name: str) -> None:
        self._collector = collector
        self._resource = Resource(
            attributes=_attributes({"service.name": service_name, "service.version": __version__})
        )
        self.kinds: Mapping[str, str] = {}

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """All of them in one request. Raises NotTaken, after some tries."""
        observed_ns = time.time_ns()
        records = [self._record(outcome, observed_ns) for outcome in outcomes]
        scope = InstrumentationScope(name="sluice", version=__version__)
        logs = ResourceLogs(resource=self._resource, scope_logs=[ScopeLogs(scope=scope, log_records=records)])
        self._collector.send(ExportLogsServiceRequest(resource_logs=[logs]).SerializeToString())

    def leave(self) -> None:
        """From another thread: try nothing again."""
        self._collector.close()

    def close(self) -> None:
        """Nothing is kept open that would mind."""

    def _record(self, outcome: Outcome, observed_ns: int) -> LogRecord:
        level = level_of(outcome)
        trace = outcome.trace
        return LogRecord(
            time_unix_nano=int(outcome.at * _NANOSECONDS),
            observed_time_unix_nano=observed_ns,
            severity_number=_SEVERITIES[level],
            severity_text=level,
            event_name=EVENT,
            body=AnyValue(string_value=pretty_line(outcome).decode().rstrip("\n")),
            attributes=_attributes(_facts(outcome, self.kinds)),
            trace_id=trace.trace_id.to_bytes(16) if trace is not None else b"",
            span_id=trace.span_id.to_bytes(8) if trace is not None else b"",
            flags=int(trace.is_sampled) if trace is not None else 0,
        )


def _facts(outcome: Outcome, provider_kinds: Mapping[str, str]) -> dict[str, Any]:
    """What is None or empty is no fact."""
    kind = provider_kinds.get(outcome.provider or "")
    usage = outcome.usage
    last = outcome.attempts[-1] if outcome.attempts and outcome.target else None
    finish = foreign(outcome.finish)
    return {
        "gen_ai.operation.name": operation_name(outcome.endpoint),
        "gen_ai.provider.name": provider_name(kind) if kind else None,
        "gen_ai.request.model": model_of(outcome),
        "gen_ai.request.stream": outcome.stream,
        "gen_ai.response.model": last.model if last is not None else None,
        "gen_ai.response.finish_reasons": [finish] if finish else None,
        "gen_ai.response.time_to_first_chunk": outcome.ttft_s if outcome.stream else None,
        **_tokens(usage),
        "error.type": foreign(outcome.error),
        "http.response.status_code": outcome.status,
        "user.id": foreign(outcome.user),
        "sluice.call.id": outcome.id,
        "sluice.endpoint": outcome.endpoint.value,
        "sluice.key": outcome.key,
        "sluice.team": outcome.team,
        "sluice.tags": list(outcome.tags),
        "sluice.provider": outcome.provider,
        "sluice.target": outcome.target,
        "sluice.attempts": [
            _attempt(attempt, kind) for attempt, kind in zip(outcome.attempts, kinds(outcome.attempts), strict=True)
        ],
        "sluice.usage.images": usage.images or None,
        "sluice.usage.official": outcome.is_usage_official,
        "sluice.image.quality": foreign(outcome.image_quality),
        "sluice.image.size": foreign(outcome.image_size),
        # Exact: a float would not be.
        "sluice.cost_usd": usd(outcome.cost_nanousd),
        "sluice.priced": outcome.is_priced,
        "sluice.held_usd": usd(outcome.held_nanousd),
        "sluice.hold_s": outcome.hold_s,
        "sluice.duration_s": outcome.duration_s,
        "sluice.ttft_s": outcome.ttft_s,
        "sluice.overhead_s": outcome.overhead_s,
    }


def _tokens(usage: Usage) -> dict[str, int | None]:
    if not usage.total:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.total_input,
        "gen_ai.usage.output_tokens": usage.total_output,
        "gen_ai.usage.cache_read.input_tokens": (usage.cached_input + usage.cached_image_input) or None,
        "gen_ai.usage.cache_creation.input_tokens": (usage.cache_write + usage.cache_write_1h) or None,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning or None,
    }


def _attempt(attempt: Attempt, kind: str) -> dict[str, Any]:
    return {
        "target": attempt.target,
        "provider": attempt.provider,
        "model": attempt.model,
        "kind": kind,
        "status": attempt.status,
        "error": attempt.error,
        "started_after_s": attempt.started_after_s,
        "duration_s": attempt.duration_s,
        "ttft_s": attempt.ttft_s,
    }


def _attributes(facts: Mapping[str, Any]) -> Iterable[KeyValue]:
    return [KeyValue(key=name, value=_value(fact)) for name, fact in facts.items() if fact not in (None, "", [])]


def _value(fact: Any) -> AnyValue:
    # bool first: it is an int, too.
    if isinstance(fact, bool):
        return AnyValue(bool_value=fact)
    if isinstance(fact, int):
        return AnyValue(int_value=fact)
    if isinstance(fact, float):
        return AnyValue(double_value=fact)
    if isinstance(fact, list):
        return AnyValue(array_value=ArrayValue(values=[_value(each) for each in fact]))
    if isinstance(fact, dict):
        return AnyValue(kvlist_value=KeyValueList(values=_attributes(fact)))
    return AnyValue(string_value=fact)
