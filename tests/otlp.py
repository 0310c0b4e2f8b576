"""A collector of OpenTelemetry's that takes OTLP over HTTP: a real socket, the official messages.

    with Collector() as collector:
        ...have something export to collector.url...
        assert collector.spans[0].name == "chat gpt-5-mini"

``answers`` are the statuses of its next replies; after them, all is well. While ``gate`` is not set, nothing is
answered.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import msgspec
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status


class Span(msgspec.Struct, frozen=True):
    """A span as it came. Ids are hex; an absent parent is the empty string."""

    name: str
    kind: str
    """``SERVER``, ``CLIENT``, ``INTERNAL``."""
    trace_id: str
    span_id: str
    parent_id: str
    state: str
    started_ns: int
    ended_ns: int
    status: str
    """``UNSET``, ``OK``, ``ERROR``."""
    status_text: str
    attributes: Mapping[str, Any]
    events: Mapping[str, tuple[int, Mapping[str, Any]]]
    flags: int


class Log(msgspec.Struct, frozen=True):
    """A log record as it came."""

    at_ns: int
    observed_ns: int
    severity: str
    event: str
    body: Any
    attributes: Mapping[str, Any]
    trace_id: str
    span_id: str


class Post(msgspec.Struct, frozen=True):
    """A request as it came. Header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Collector:
    """Listens on a free loopback port while the block runs."""

    def __init__(self, answers: Iterable[int] = (), *, headers: Mapping[str, str] | None = None) -> None:
        """``headers`` go with the replies of ``answers``."""
        self.answers = list(answers)
        self.headers = dict(headers or {})
        self.gate = threading.Event()
        self.gate.set()
        self.posts: list[Post] = []
        """All that were answered with success."""
        self.refused: list[Post] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def spans(self) -> list[Span]:
        return [
            _span(span)
            for request in self._messages("/v1/traces", ExportTraceServiceRequest)
            for of_resource in request.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]

    @property
    def logs(self) -> list[Log]:
        return [
            _log(record)
            for request in self._messages("/v1/logs", ExportLogsServiceRequest)
            for of_resource in request.resource_logs
            for of_scope in of_resource.scope_logs
            for record in of_scope.log_records
        ]

    @property
    def resources(self) -> list[Mapping[str, Any]]:
        """The attributes of what has sent, once a request of spans or of logs."""
        traces = self._messages("/v1/traces", ExportTraceServiceRequest)
        logs = self._messages("/v1/logs", ExportLogsServiceRequest)
        return [
            *(_plain(each.resource.attributes) for request in traces for each in request.resource_spans),
            *(_plain(each.resource.attributes) for request in logs for each in request.resource_logs),
        ]

    def _messages(self, path: str, kind: Any) -> list[Any]:
        return [kind.FromString(post.body) for post in tuple(self.posts) if post.path == path]


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    replies = {
        "/v1/traces": ExportTraceServiceResponse().SerializeToString(),
        "/v1/logs": ExportLogsServiceResponse().SerializeToString(),
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            post = Post(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            collector.gate.wait()
            status = collector.answers.pop(0) if collector.answers else 200
            if self.path not in replies:
                status = 404
            (collector.posts if status == 200 else collector.refused).append(post)
            self.send_response(status)
            for name, value in collector.headers.items() if status != 200 else ():
                self.send_header(name, value)
            reply = replies[self.path] if status == 200 else b""
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    return Handler


def _span(span: WireSpan) -> Span:
    return Span(
        name=span.name,
        kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        state=span.trace_state,
        started_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        status=Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        status_text=span.status.message,
        attributes=_plain(span.attributes),
        events={event.name: (event.time_unix_nano, _plain(event.attributes)) for event in span.events},
        flags=span.flags,
    )


def _log(record: Any) -> Log:
    return Log(
        at_ns=record.time_unix_nano,
        observed_ns=record.observed_time_unix_nano,
        severity=record.severity_text,
        event=record.event_name,
        body=_value(record.body),
        attributes=_plain(record.attributes),
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
    )


def _plain(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    plain = {attribute.key: _value(attribute.value) for attribute in attributes}
    assert len(plain) == len(list(attributes)), "an attribute came twice"
    return plain


def _value(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_value(each) for each in value.array_value.values]
        case "kvlist_value":
            return _plain(value.kvlist_value.values)
        case name:
            return getattr(value, name)
