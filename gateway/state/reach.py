"""Whether the shared engine can be reached, as calls and deliveries have shown: a circuit breaker for it."""

from __future__ import annotations

import logging

from gateway.core.clock import Clock
from gateway.core.errors import StoreTimedOut, StoreUnavailable

log = logging.getLogger(__name__)

TIME_OUTS = 3
"""So many in a row are an outage. A single slow answer is none."""


class Reach:
    """Closed (``is_out`` is False) until it fails; from then on nobody asks the engine but the probe, which ends it.

    A refused or broken connection is an outage at once; of time-outs it takes three in a row. Those that stalled at the
    same time count as one: they say the same thing.
    """

    __slots__ = ("_clock", "_late", "_since", "failures", "is_out", "outages")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._late = 0
        self._since = 0.0
        self.is_out = False
        self.failures = 0
        """That counted. Who asks reads it before, and hands it to ``is_failure``."""
        self.outages = 0

    def __repr__(self) -> str:
        return f"<Reach {'out' if self.is_out else 'well'}, {self.outages} outages>"

    def answered(self) -> None:
        self._late = 0

    def is_failure(self, error: Exception, seen: int) -> bool:
        """Count it, and say whether it is an outage. ``seen``: ``failures`` as it was when the engine was asked."""
        if isinstance(error, StoreTimedOut):
            if seen != self.failures:
                return False
            self._late += 1
        self.failures += 1
        return not isinstance(error, StoreTimedOut) or self._late >= TIME_OUTS

    def begin(self, error: Exception) -> None:
        """An outage."""
        self.is_out = True
        self.outages += 1
        self._since = self._clock.monotonic()
        log.error(
            "the shared store is out of reach: %s. Until it is back, each limit does as its on_outage says, and what "
            "must reach it waits in the journal",
            error,
        )

    def end(self, delivered: int) -> None:
        """The engine answers again, and has taken so much of what waited for it."""
        self.is_out = False
        self._late = 0
        log.warning(
            "the shared store is back after %.1f s; %d settlements that waited are delivered",
            self._clock.monotonic() - self._since,
            delivered,
        )


def as_unavailable(error: Exception) -> StoreUnavailable:
    """A delivery must go on whatever went wrong: what the engine should not have raised counts as its outage."""
    return error if isinstance(error, StoreUnavailable) else StoreUnavailable(f"{type(error).__name__}: {error}")
