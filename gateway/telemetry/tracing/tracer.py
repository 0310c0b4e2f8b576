"""Tells a collector of the calls that are traced, from a thread of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gateway.core.types import Outcome
from gateway.telemetry.batches import Batches
from gateway.telemetry.otlp import Collector
from gateway.telemetry.tracing.spans import SCHEMA, Upstream, add_call, put

if TYPE_CHECKING:
    # Its patterns are loaded where they are used.
    from gateway.telemetry.tracing.content import Content

_log = logging.getLogger(__name__)

PATH = "/v1/traces"
CAPACITY = 2_048
"""Calls. Ten thousand that wait for a collector that is gone cost each new call a tenth more, in cold memory."""
BATCH = 128
"""Calls a request: some 300 KB, and 4 ms of the interpreter lock."""
AT_ONCE = 4
"""Calls whose spans are made before the interpreter lock is offered to the event loop: 0.2 ms. Unasked, Python gives it
back after 5."""
CONTENT_BYTES = 64_000_000
"""What payloads that wait for the thread may take of memory."""
LINGER_S = 0.5


class Tracer:
    """An Observer: queues the traced calls, of which its thread makes spans and sends them.

    A collector that is slow or gone costs calls nothing; what is lost is counted in ``dropped``. ``resource`` are the
    attributes of the service. Made after a fork. Without ``content``, no span holds any.
    """

    def __init__(self, collector: Collector, resource: Mapping[str, str], content: Content | None = None) -> None:
        self._collector = collector
        self._content = content
        self.reads_content = content is not None
        self._upstreams: Mapping[str, Upstream] = {}
        self._unmade = 0
        self._template = ExportTraceServiceRequest()
        of_resource = self._template.resource_spans.add()
        put(of_resource.resource.attributes, resource)
        of_scope = of_resource.scope_spans.add(schema_url=SCHEMA)
        of_scope.scope.name = "sluice"
        of_scope.scope.version = resource.get("service.version", "")
        capacity, batch = CAPACITY, BATCH
        if content is not None:
            capacity = max(4, min(CAPACITY, CONTENT_BYTES // (2 * content.max_kept)))
            batch = max(1, min(BATCH, capacity // 16))
        self._queue: Batches[Outcome] = Batches(
            "sluice-traces", self._send, capacity=capacity, batch=batch, linger_s=LINGER_S
        )

    @property
    def written(self) -> int:
        """Calls whose spans the collector has taken."""
        return self._queue.written - self._unmade

    @property
    def dropped(self) -> int:
        return self._queue.dropped + self._unmade

    def know(self, upstreams: Mapping[str, Upstream]) -> None:
        """Take over the providers of a new configuration, by name."""
        self._upstreams = upstreams

    def observe(self, outcome: Outcome) -> None:
        if outcome.trace is not None and outcome.trace.is_sampled:
            self._queue.put(outcome)

    def flush(self, timeout_s: float = 1.0) -> bool:
        """Wait until what was observed before is sent; False if that took longer."""
        return self._queue.flush(timeout_s)

    def close(self, timeout_s: float = 3.0) -> bool:
        """Send what is queued and end the thread; False if the collector would not take it in time. Blocks."""
        self._collector.close()
        return self._queue.close(timeout_s)

    def _send(self, outcomes: Sequence[Outcome]) -> None:
        request = ExportTraceServiceRequest()
        request.CopyFrom(self._template)
        spans = request.resource_spans[0].scope_spans[0].spans
        unmade = 0
        for number, outcome in enumerate(outcomes):
            if number % AT_ONCE == AT_ONCE - 1:
                time.sleep(0)
            made = len(spans)
            try:
                content = self._content.of(outcome) if self._content is not None else None
                add_call(spans, outcome, self._upstreams, content)
            except Exception as error:  # noqa: BLE001  one bad call must not cost the others
                del spans[made:]
                unmade += 1
                # Without the traceback's own words: the call's content may stand there.
                _log.error("a call's spans could not be made: %s", type(error).__name__)
        if spans:
            self._collector.send(request.SerializeToString())
        self._unmade += unmade

    def __repr__(self) -> str:
        return f"<Tracer to {self._collector!r}: {self.written} calls sent, {self.dropped} dropped>"
