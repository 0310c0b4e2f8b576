"""Readers of the one Outcome, and the fence between them and the call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from msgspec.structs import replace

from gateway.core.clock import Clock
from gateway.core.types import Outcome

_log = logging.getLogger(__name__)

TOLD_WITHIN_S = 0.02
MOST_AT_ONCE = 64
"""Some 0.6 ms of the event loop."""


class Observer(Protocol):
    """Is told of every call once, when all is over.

    Called on the event loop, in the exit of a call: it takes microseconds, waits for nothing, and puts off to a
    thread of its own whatever may block.
    """

    def observe(self, outcome: Outcome) -> None: ...


@runtime_checkable
class Reading(Observer, Protocol):
    """An observer that is given what was said in a call, where a setting asks for it. From others it is kept: they may
    have queues, and no queue should hold what its end has no use for.
    """

    reads_content: bool


@runtime_checkable
class Counting(Observer, Protocol):
    """An observer that would rather be told of several calls at once."""

    def observe_all(self, outcomes: Sequence[Outcome]) -> None: ...


class Observers:
    """Hands each Outcome to every observer, in order. One that raises is logged and hurts neither call nor neighbour.

    Calls that end within ``TOLD_WITHIN_S`` are told of together: an observer that is asked by itself finds nothing of
    what it needs in the processor's caches, and takes twice as long.

    A broken observer fails on every call, so each is logged at most once a ``quiet_s``, with its traceback and the
    count of failures since the line before.
    """

    def __init__(
        self,
        observers: Iterable[Observer],
        clock: Clock,
        *,
        later: Callable[[float, Callable[[], None]], object] | None = None,
        quiet_s: float = 60.0,
    ) -> None:
        """``later`` is the event loop's ``call_later``; without it, each Outcome is told of at once."""
        self._watches = tuple(_Watch(observer) for observer in observers)
        self._clock = clock
        self._later = later
        self._quiet_s = quiet_s
        self._ended: list[Outcome] = []

    @property
    def failures(self) -> int:
        """How often an observer has raised, all of them together."""
        return sum(watch.failures for watch in self._watches)

    def observe(self, outcome: Outcome) -> None:
        self._ended.append(outcome)
        if self._later is None or len(self._ended) >= MOST_AT_ONCE:
            self.flush()
        elif len(self._ended) == 1:
            self._later(TOLD_WITHIN_S, self.flush)

    def flush(self) -> None:
        """Tell of every call that has ended: for whoever is about to look, and before the end."""
        ended, self._ended = self._ended, []
        if not ended:
            return
        bare = [outcome if outcome.payload is None else replace(outcome, payload=None) for outcome in ended]
        for watch in self._watches:
            given = ended if watch.reads_content else bare
            for told in (given,) if watch.takes_all else given:
                try:
                    watch.observe(told)
                except Exception:  # noqa: BLE001  whatever it is, no call must feel it
                    self._report(watch)

    def _report(self, watch: _Watch) -> None:
        watch.failures += 1
        now = self._clock.monotonic()
        if watch.quiet_until is not None and now < watch.quiet_until:
            return
        watch.quiet_until = now + self._quiet_s
        since, watch.reported = watch.failures - watch.reported, watch.failures
        # The outcome stays out of the line: its user field is the client's to fill.
        _log.error("observer %s failed (%d times since the last report)", watch.name, since, exc_info=True)

    def __repr__(self) -> str:
        return f"<Observers {', '.join(watch.name for watch in self._watches)}>"


class _Watch:
    """One observer and how it has fared."""

    __slots__ = ("failures", "name", "observe", "quiet_until", "reads_content", "reported", "takes_all")

    def __init__(self, observer: Observer) -> None:
        self.takes_all = isinstance(observer, Counting)
        self.reads_content = isinstance(observer, Reading) and observer.reads_content
        self.observe: Callable[[Any], None] = (
            observer.observe_all if isinstance(observer, Counting) else observer.observe
        )
        self.name = type(observer).__name__
        self.failures = 0
        self.reported = 0
        self.quiet_until: float | None = None
