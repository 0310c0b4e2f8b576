"""What the edge renders: a reply whose first event has come, and what is to be said about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.core.clock import Clock
from gateway.core.types import Event
from gateway.pipeline.bill import Bill
from gateway.pipeline.ledger import Ledger
from gateway.pipeline.meter import Meter
from gateway.pipeline.record import Record
from gateway.routing.decision import Decision


class Answer:
    __slots__ = (
        "_clock",
        "_meter",
        "_record",
        "_waits",
        "attempts",
        "call",
        "decision",
        "levels",
        "limits",
        "read",
        "target",
    )

    def __init__(self, record: Record, decision: Decision, ledger: Ledger, meter: Meter, clock: Clock) -> None:
        self.call = record.call
        self.target = meter.target
        self.decision = decision
        self.attempts = len(record.trials)
        self.limits = ledger.limits
        self.levels = ledger.levels
        """How ``limits`` stood after the call's hold, one for one; empty where nothing was held."""
        self.read: Callable[[], Awaitable[Event | None]] = meter.read
        """The next event; None after the last. Raises UpstreamError where the reply breaks off."""
        self._record = record
        self._meter = meter
        self._waits = ledger.waits
        self._clock = clock

    @property
    def bill(self) -> Bill:
        """What the call costs by what has been read."""
        return self._meter.bill

    @property
    def has_finished(self) -> bool:
        """A finish reason has been read: what comes after it is the reply's closing words."""
        return self._meter.finish is not None

    @property
    def overhead_s(self) -> float:
        """Time since the call's arrival that was not spent waiting: for a provider, or for room in a budget."""
        waited_s = self._record.waited_s + self._meter.waited_s + self._waits.paused_s
        return max(0.0, self._clock.monotonic() - self.call.received_at - waited_s)
