"""The traces that a configuration asks for, sent."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING

import msgspec

from gateway import __version__
from gateway.admin.control import Control
from gateway.core.exchange import Origin
from gateway.core.types import Call
from gateway.factory.collector import collector_of, needing_otel, wrong
from gateway.pipeline.pipeline import Keeps
from gateway.settings import Settings
from gateway.settings.observing import Traces as Said
from gateway.telemetry.semconv import provider_name

if TYPE_CHECKING:
    # Loaded where it is used: an extra; few have it.
    from gateway.telemetry.otlp import Collector
    from gateway.telemetry.tracing.content import Content
    from gateway.telemetry.tracing.context import Sampling
    from gateway.telemetry.tracing.tracer import Tracer

_KB = 1_000


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """Who decides which calls are traced, and who is told of them."""

    sampling: Sampling
    tracer: Tracer
    keeps: Keeps | None
    """None: spans hold no content."""

    def know(self, control: Control) -> None:
        """Take over the providers of the configuration that comes into force."""
        from gateway.telemetry.tracing.spans import Upstream

        upstreams = {}
        for name, said in control.settings.providers.items():
            if url := control.base_urls.get(name):
                origin = Origin.of(url)
                upstreams[name] = Upstream(provider_name(said.kind), origin.host, origin.port)
        self.tracer.know(upstreams)


@asynccontextmanager
async def running_traces(settings: Settings, random: Random) -> AsyncIterator[Traces | None]:
    """Send spans while the block runs, where ``settings`` say so. At the end, what is queued is sent, if that takes no
    longer than a moment.

    Raises ConfigError.
    """
    traces = traces_of(settings, random)
    try:
        yield traces
    finally:
        if traces is not None:
            await asyncio.to_thread(traces.tracer.close)


def traces_of(settings: Settings, random: Random) -> Traces | None:
    """None where ``traces.endpoint`` is empty: then nothing of OpenTelemetry is loaded. Raises ConfigError."""
    said = settings.traces
    if not said.endpoint:
        return None
    collector, content = sent_by(said)
    from gateway.telemetry.tracing.context import Sampling
    from gateway.telemetry.tracing.tracer import Tracer

    resource = {
        "service.name": said.service_name,
        "service.version": __version__,
        "service.instance.id": str(uuid.uuid4()),
    }
    return Traces(
        sampling=Sampling(said.sample, random),
        tracer=Tracer(collector, resource, content),
        keeps=None if content is None else _keeps(content),
    )


def sent_by(said: Said) -> tuple[Collector, Content | None]:
    """What sends spans, and what reads the content for them. Asks nobody anything. Raises ConfigError."""
    with needing_otel("traces"):
        from gateway.telemetry.tracing.tracer import PATH

        if said.content:
            from gateway.telemetry.tracing.content import Content
    collector = collector_of("traces", said.endpoint, said.headers, PATH)
    try:
        content = Content(int(said.max_content_kb * _KB), said.redact) if said.content else None
    except ValueError as error:
        what = f"holds what is no regular expression: {error}"
        raise wrong("traces.redact", what, "Write it in Python's syntax.") from None
    return collector, content


def _keeps(content: Content) -> Keeps:
    def keeps(call: Call) -> int:
        trace = call.trace
        return content.kept(stream=call.stream) if trace is not None and trace.is_sampled else 0

    return keeps
