"""Where a call stands in a distributed trace: the W3C trace context that came with it, and what goes on from here.

https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from gateway.core.exchange import Header, HttpRequest

_SPAN_IDS = (1 << 64) - 1
"""0 is none."""


class Trace(msgspec.Struct, frozen=True, gc=False):
    """The span of one call. Made at its arrival, since providers are told of it; told of when all is over."""

    trace_id: int
    """128 bits."""
    span_id: int
    """64 bits: of the call itself."""
    parent_id: int | None = None
    """The caller's span, where it named one."""
    is_sampled: bool = True
    """False: the context is passed on, and nobody records the call."""
    state: str = ""
    """``tracestate`` as it came."""

    def child(self, number: int) -> int:
        """The span id of the call's part ``number``, from 1. Ids need only be unique within a trace, and the first of
        these is random: no dice are rolled for the others.
        """
        return (self.span_id - 1 + number) % _SPAN_IDS + 1

    def traceparent(self, span_id: int) -> str:
        """The header that makes ``span_id`` the parent of whoever gets it."""
        return f"00-{self.trace_id:032x}-{span_id:016x}-{self.is_sampled:02x}"


class Tracing(Protocol):
    """Decides at a request's arrival whether it is traced."""

    def begin(self, headers: Sequence[Header]) -> Trace | None:
        """The trace of the request with these headers (names in lower case); None if there is nothing to tell."""
        ...


def in_context(request: HttpRequest, trace: Trace, span_id: int) -> HttpRequest:
    """``request`` with the trace context, sent by the span ``span_id``."""
    headers = [*request.headers, (b"traceparent", trace.traceparent(span_id).encode("ascii"))]
    if trace.state:
        headers.append((b"tracestate", trace.state.encode("latin-1")))
    return HttpRequest(request.method, request.origin, request.path, headers, request.body)
