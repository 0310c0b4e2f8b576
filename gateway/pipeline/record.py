"""The notebook of one call, from which its Outcome is written at the end."""

from __future__ import annotations

import asyncio

from gateway.core.clock import Clock
from gateway.core.errors import CallError, UpstreamError
from gateway.core.payload import Payload
from gateway.core.types import Attempt, Call, Feature, Outcome, Target
from gateway.health.breaker import NOT_ITS_FAULT
from gateway.health.vitals import Vitals
from gateway.pipeline.bill import Bill
from gateway.pipeline.ledger import Ledger, Waits
from gateway.pipeline.meter import Meter

HTTP_OK = 200
CLIENT_GONE = 499
"""nginx's status for a client that closed its connection; no client ever sees it."""
STOPPING = "gateway_stopping"
"""What a task is cancelled with (``task.cancel(STOPPING)``) whose time is over because the gateway stops; the code of
the error that its client gets, too."""
UNAVAILABLE = 503
NOTHING_WAITED = Waits()
"""Of a call that no target could serve."""


class Trial:
    """An attempt under way. Ends once; its target's vitals hear of it."""

    __slots__ = ("_call", "_clock", "_vitals", "attempt", "began_at", "span_id", "status", "target", "ttft_s")

    def __init__(self, call: Call, target: Target, clock: Clock, vitals: Vitals, span_id: int) -> None:
        self._call = call
        self.span_id = span_id
        self._clock = clock
        self._vitals = vitals
        self.target = target
        self.began_at = clock.monotonic()
        self.ttft_s: float | None = None
        self.status: int | None = None
        self.attempt: Attempt | None = None
        vitals.began(target.id, call.stream)

    def has_answered(self, status: int) -> None:
        """The first event has come."""
        self.status = status
        self.ttft_s = self._clock.monotonic() - self.began_at

    def end(
        self, error: UpstreamError | None = None, *, tokens: int = 0, was_cancelled: bool = False, idle_s: float = 0
    ) -> None:
        """The attempt is over. ``idle_s`` is how long the provider had to wait for a slow client."""
        if self.attempt is not None:
            return
        duration_s = self._clock.monotonic() - self.began_at - idle_s
        says_nothing = was_cancelled or (error is not None and error.reason in NOT_ITS_FAULT)
        self._vitals.ended(
            self.target.id,
            self._call.stream,
            ok=None if says_nothing else error is None,
            ttft_s=self.ttft_s,
            duration_s=duration_s,
            output_tokens=tokens,
        )
        self.attempt = Attempt(
            target=self.target.id,
            provider=self.target.provider,
            model=self.target.model,
            started_after_s=self.began_at - self._call.received_at,
            duration_s=duration_s,
            ttft_s=self.ttft_s,
            status=error.status if error is not None else self.status,
            error="cancelled" if was_cancelled else error.reason.value if error is not None else None,
            span_id=self.span_id,
        )


class Record:
    """What is noted of a call while it runs."""

    __slots__ = (
        "at",
        "call",
        "error",
        "finish",
        "payload",
        "served_by",
        "status",
        "trials",
        "ttft_s",
        "waited_s",
        "was_abandoned",
    )

    def __init__(self, call: Call, at: float) -> None:
        self.call = call
        self.at = at
        self.trials: list[Trial] = []
        self.served_by: Target | None = None
        self.status = HTTP_OK
        self.error: str | None = None
        self.finish: str | None = None
        self.ttft_s: float | None = None
        self.waited_s = 0.0
        """Spent waiting for providers, the pauses before they are asked again among it, or for the client to take its
        bytes.
        """
        self.was_abandoned = False
        """Nobody waits for the reply any more: the client hung up, or the gateway is going down."""
        self.payload: Payload | None = None

    def begin(self, target: Target, clock: Clock, vitals: Vitals) -> Trial:
        """An attempt on ``target`` begins."""
        trace = self.call.trace
        span_id = trace.child(len(self.trials) + 1) if trace is not None else 0
        trial = Trial(self.call, target, clock, vitals, span_id)
        self.trials.append(trial)
        return trial

    @property
    def running_target(self) -> Target | None:
        """The target of the attempt that has not ended, if any."""
        return self.trials[-1].target if self.trials and self.trials[-1].attempt is None else None

    def fail(self, error: BaseException) -> None:
        """The call ended with ``error``: one for the client, a cancellation (it hung up, or the gateway stops), or a
        fault of ours.
        """
        if isinstance(error, CallError):
            self.status = error.status
            self.error = error.code or error.type
        elif isinstance(error, asyncio.CancelledError):
            self.was_abandoned = True
            is_ours = error.args == (STOPPING,)
            self.status, self.error = (UNAVAILABLE, STOPPING) if is_ours else (CLIENT_GONE, "client_closed_request")
        else:
            self.status = 500
            self.error = "internal_error"

    def end(self, meter: Meter | None, bill: Bill) -> None:
        """All is over: note how the reply was read, and end the attempt that served it or was cut off."""
        broke = None
        if meter is not None:
            self.waited_s += meter.waited_s
            self.finish = meter.finish
            broke = meter.error
            if broke is not None and self.error is None:
                # The client has a status of 200 and, at the end, an error event.
                self.error = broke.reason.value
        if self.trials:
            self.trials[-1].end(
                broke,
                tokens=bill.usage.total_output,
                was_cancelled=self.status != HTTP_OK and broke is None,
                idle_s=meter.idle_s if meter is not None else 0.0,
            )

    def outcome(self, bill: Bill, ledger: Ledger | None, *, now: float) -> Outcome:
        """The one record that everyone reads. ``now`` is monotonic."""
        call = self.call
        needs = call.needs
        draws = needs.images > 0 or Feature.IMAGE_OUTPUT in needs.features
        waits = ledger.waits if ledger is not None else NOTHING_WAITED
        duration_s = now - call.received_at
        target = self.served_by
        return Outcome(
            id=call.id,
            endpoint=call.endpoint,
            model=call.model,
            key=call.caller.key,
            team=call.caller.team,
            user=call.user,
            tags=call.tags,
            stream=call.stream,
            status=self.status,
            error=self.error,
            target=target.id if target else None,
            provider=target.provider if target else None,
            attempts=tuple(trial.attempt for trial in self.trials if trial.attempt is not None),
            usage=bill.usage,
            is_usage_official=bill.is_official,
            cost_nanousd=bill.cost_nanousd,
            is_priced=bill.is_priced,
            held_nanousd=ledger.held_nanousd if ledger is not None else 0,
            hold_after_s=waits.began_at - call.received_at if waits.began_at is not None else None,
            hold_s=waits.store_s,
            image_quality=needs.image_quality if draws else "",
            image_size=needs.image_size if draws else "",
            finish=self.finish,
            at=self.at,
            duration_s=duration_s,
            ttft_s=self.ttft_s,
            overhead_s=max(0.0, duration_s - self.waited_s - waits.paused_s),
            trace=call.trace,
            payload=self.payload,
        )
