"""A request before it is a call, and the record of one that is refused while it is."""

from __future__ import annotations

from gateway.core.clock import Clock
from gateway.core.trace import Trace
from gateway.core.types import Caller, Endpoint, Outcome


class Arrival:
    """What is known of a request so far. Once it ``is_call``, the pipeline keeps its record, whatever becomes of it."""

    __slots__ = ("_clock", "_since", "caller", "endpoint", "is_call", "trace")

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self.endpoint = endpoint
        self.caller: Caller | None = None
        self.is_call = False
        self.trace: Trace | None = None
        self._clock = clock
        self._since = clock.monotonic()

    def refused(self, request_id: str, status: int, error: str) -> Outcome:
        """The record of a request that got ``status`` and ``error`` instead of becoming a call. It names no model.

        Its time is the client's to send it in as much as ours, so none of it counts as overhead.
        """
        caller = self.caller
        duration_s = self._clock.monotonic() - self._since
        return Outcome(
            id=request_id,
            endpoint=self.endpoint,
            model="",
            key=caller.key if caller else "",
            team=caller.team if caller else None,
            tags=caller.tags if caller else (),
            status=status,
            error=error,
            at=self._clock.time() - duration_s,
            duration_s=duration_s,
            overhead_s=0.0,
            trace=self.trace,
        )
