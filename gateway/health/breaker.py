"""A circuit breaker a target: who keeps failing gets no calls for a while, then one, and all again if that goes well.

    closed     -> open       5 failures in a row, or half of at least 20 calls in 30 s
    open       -> half-open  its period is over: one probe is let through
    half-open  -> closed     the probe succeeded
    half-open  -> open       the probe failed: for twice as long, up to a bound

A target that asks to be left alone (429 with Retry-After) is not broken: it is paused, open for just that long and then
closed without a probe. One that refuses our credential or has no money left opens at once, for longer.

Sources: Nygard, *Release It!*; vulcand/oxy ``cbreaker``; Hystrix's "How it works".
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Collection
from random import Random

import msgspec

from gateway.core.clock import Clock
from gateway.core.errors import Reason, UpstreamError
from gateway.health.window import Window

logger = logging.getLogger(__name__)


class State(enum.StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Change(msgspec.Struct, frozen=True):
    """A breaker went from one state to another; ``reason`` is what opened it, ``for_s`` how long it stays open."""

    target: str
    before: State
    after: State
    reason: Reason | None = None
    for_s: float = 0.0


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a breaker opens, and for how long. Times are seconds."""

    consecutive: int = 5
    ratio: float = 0.5
    volume: int = 20
    """Calls in the window below which a ratio says nothing."""
    window_s: float = 30.0
    open_s: float = 5.0
    """The first period; each failed probe doubles it."""
    max_open_s: float = 60.0
    jitter: float = 0.2
    """Periods vary by this share either way, so that replicas don't probe in step."""
    max_retry_after_s: float = 3_600.0
    probe_lease_s: float = 120.0
    """A probe that has reported nothing for so long is taken for lost: its place is free."""


NOT_ITS_FAULT = frozenset(
    {
        Reason.INVALID_REQUEST,
        Reason.TOO_LARGE,
        Reason.CONTEXT_LENGTH,
        Reason.CONTENT_FILTER,
        Reason.UNSUPPORTED,
        Reason.PROVIDER_LIMIT,
    },
)
"""The request was wrong, or never sent, so this says nothing about the target. Every other reason counts."""

OPENS_AT_ONCE_S = {Reason.AUTH: 60.0, Reason.QUOTA: 300.0}
"""No other call will fare better until a person has acted, however many calls that would take to count."""


class _Circuit:
    """One target's breaker. ``state`` is as of the last event: a period that is over shows only to who looks."""

    __slots__ = (
        "closed_at",
        "consecutive",
        "is_pause",
        "is_tried_anyway",
        "probed_at",
        "reason",
        "state",
        "trips",
        "until",
        "window",
    )

    def __init__(self, window_s: float) -> None:
        self.state = State.CLOSED
        self.consecutive = 0
        self.trips = 0
        self.until = 0.0
        self.closed_at = 0.0
        self.is_pause = False
        self.is_tried_anyway = False
        self.probed_at: float | None = None
        self.reason: Reason | None = None
        self.window = Window(window_s)


class Breakers:
    """The breakers of all targets, by target id. One process, on the event loop: no locks.

    ``listeners`` are called with each Change; one that fails is logged and hurts no call.
    """

    def __init__(self, clock: Clock, random: Random, policy: BreakerPolicy | None = None) -> None:
        self._now = clock.monotonic
        self._random = random.random
        self._policy = policy or BreakerPolicy()
        self._circuits: dict[str, _Circuit] = {}
        self.listeners: list[Callable[[Change], None]] = []

    def state(self, target_id: str) -> State:
        """The state now; an open period that is over reads as what the next call will find."""
        circuit = self._circuits.get(target_id)
        if circuit is None:
            return State.CLOSED
        if circuit.state is State.OPEN and self._now() >= circuit.until:
            return State.CLOSED if circuit.is_pause else State.HALF_OPEN
        return circuit.state

    def may_try(self, target_id: str) -> bool:
        """Whether ``try_acquire`` would say yes. Changes nothing."""
        circuit = self._circuits.get(target_id)
        if circuit is None or circuit.state is State.CLOSED:
            return True
        if circuit.state is State.OPEN:
            return self._now() >= circuit.until
        return self._has_room(circuit)

    def try_acquire(self, target_id: str, *, is_last_resort: bool = False) -> bool:
        """Ask to make an attempt; in half-open this claims the one probe.

        A yes must be followed by one ``record`` or ``release``. A last resort (every other target is out too) is
        always let through, without claiming anything.
        """
        circuit = self._circuits.get(target_id)
        if circuit is None or circuit.state is State.CLOSED:
            return True
        if not self.may_try(target_id):
            circuit.is_tried_anyway |= is_last_resort
            return is_last_resort
        if circuit.is_pause:
            self._close(target_id, circuit)
            return True
        circuit.probed_at = self._now()
        self._move(target_id, circuit, State.HALF_OPEN)
        return True

    def record(self, target_id: str, error: UpstreamError | None) -> None:
        """An attempt came to something: None for success. A probe's result decides over its target."""
        circuit = self._circuits.get(target_id)
        if circuit is None:
            circuit = self._circuits[target_id] = _Circuit(self._policy.window_s)
        if error is None:
            self._succeeded(target_id, circuit)
        elif error.reason in NOT_ITS_FAULT:
            self.release(target_id)
        elif error.reason is Reason.RATE_LIMITED and self._asked_s(error):
            self._pause(target_id, circuit, error)
        else:
            self._failed(target_id, circuit, error)

    def release(self, target_id: str) -> None:
        """An attempt came to nothing that says anything (the client hung up): a probe gives its place back."""
        circuit = self._circuits.get(target_id)
        if circuit is not None:
            circuit.probed_at = None

    def reopens_in_s(self, target_id: str) -> float:
        """Seconds until the target may be tried again; 0 if it may be now, or when the probe under way is back."""
        circuit = self._circuits.get(target_id)
        if circuit is None or circuit.state is not State.OPEN:
            return 0.0
        return max(0.0, circuit.until - self._now())

    def reason(self, target_id: str) -> Reason | None:
        """What put the target out; None while it is closed."""
        circuit = self._circuits.get(target_id)
        return None if circuit is None or circuit.state is State.CLOSED else circuit.reason

    def reports(self) -> dict[str, Reason | None]:
        """What put out each target that has failed and is not closed again; None for those that are known to work.

        Of the others nothing is known: none of their calls went well lately, or they are paused, which is no failing.
        """
        told: dict[str, Reason | None] = {}
        for id, circuit in self._circuits.items():
            if circuit.state is not State.CLOSED:
                if not circuit.is_pause:
                    told[id] = circuit.reason
            elif circuit.closed_at or circuit.window.volume > circuit.window.failures:
                told[id] = None
        return told

    def retain(self, target_ids: Collection[str]) -> None:
        """Forget every target but these: after a change of configuration, or the table would only grow."""
        self._circuits = {id: circuit for id, circuit in self._circuits.items() if id in target_ids}

    def _succeeded(self, target_id: str, circuit: _Circuit) -> None:
        circuit.consecutive = 0
        if circuit.state is State.CLOSED:
            circuit.window.add(self._now(), failed=False)
        elif circuit.state is State.HALF_OPEN or (circuit.is_pause and circuit.is_tried_anyway):
            self._close(target_id, circuit)
        elif circuit.is_tried_anyway:
            # It may be a straggler's success from before the opening: worth a probe at once, not all the traffic.
            circuit.probed_at = None
            self._move(target_id, circuit, State.HALF_OPEN)

    def _failed(self, target_id: str, circuit: _Circuit, error: UpstreamError) -> None:
        now = self._now()
        if circuit.state is State.OPEN and not circuit.is_pause:
            # Stragglers and last resorts: they don't make it worse, but what they were told still holds.
            circuit.until = max(circuit.until, now + self._asked_s(error))
            return
        circuit.consecutive += 1
        window = circuit.window
        window.add(now, failed=True)
        policy = self._policy
        if (
            circuit.state is State.HALF_OPEN
            or error.reason in OPENS_AT_ONCE_S
            or circuit.consecutive >= policy.consecutive
            or (window.volume >= policy.volume and window.failures >= policy.ratio * window.volume)
        ):
            self._trip(target_id, circuit, error)
        elif self._asked_s(error):
            self._pause(target_id, circuit, error)

    def _trip(self, target_id: str, circuit: _Circuit, error: UpstreamError) -> None:
        policy = self._policy
        now = self._now()
        if circuit.state is State.CLOSED and now - circuit.closed_at > policy.max_open_s:
            circuit.trips = 0  # it held for long enough to be trusted anew
        period_s = max(
            min(policy.open_s * 2.0 ** min(circuit.trips, 32), policy.max_open_s),
            OPENS_AT_ONCE_S.get(error.reason, 0.0),
        )
        period_s *= 1.0 + policy.jitter * (2.0 * self._random() - 1.0)
        circuit.trips += 1
        circuit.is_pause = False
        self._open(target_id, circuit, error.reason, max(period_s, self._asked_s(error), circuit.until - now))

    def _pause(self, target_id: str, circuit: _Circuit, error: UpstreamError) -> None:
        if circuit.state is State.CLOSED:
            circuit.is_pause = True
        self._open(target_id, circuit, error.reason, max(self._asked_s(error), circuit.until - self._now()))

    def _open(self, target_id: str, circuit: _Circuit, reason: Reason, for_s: float) -> None:
        circuit.until = self._now() + for_s
        circuit.reason = reason
        circuit.probed_at = None
        circuit.is_tried_anyway = False
        self._move(target_id, circuit, State.OPEN)

    def _close(self, target_id: str, circuit: _Circuit) -> None:
        if not circuit.is_pause:
            circuit.window.clear()
            circuit.closed_at = self._now()
        circuit.is_pause = circuit.is_tried_anyway = False
        circuit.probed_at = None
        circuit.until = 0.0
        self._move(target_id, circuit, State.CLOSED)

    def _has_room(self, circuit: _Circuit) -> bool:
        probed_at = circuit.probed_at
        return probed_at is None or self._now() - probed_at >= self._policy.probe_lease_s

    def _asked_s(self, error: UpstreamError) -> float:
        return min(max(0.0, error.retry_after_s or 0.0), self._policy.max_retry_after_s)

    def _move(self, target_id: str, circuit: _Circuit, after: State) -> None:
        before, circuit.state = circuit.state, after
        if before is after:
            return
        for_s = circuit.until - self._now() if after is State.OPEN else 0.0
        change = Change(target_id, before, after, circuit.reason, for_s)
        for listener in self.listeners:
            try:
                listener(change)
            except Exception:  # a reader's fault must not hurt the call that it reads of
                logger.exception("A breaker listener failed on %r", change)

    def __repr__(self) -> str:
        out = ", ".join(id for id, circuit in self._circuits.items() if circuit.state is not State.CLOSED)
        return f"<Breakers of {len(self._circuits)} targets, out: {out or 'none'}>"
