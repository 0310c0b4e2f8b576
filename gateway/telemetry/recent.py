"""The last two minutes, second by second, of all workers of this gateway: what the console's live page shows.

Not from the metrics: those count since the start, and a page would have to ask twice and subtract. Latencies are kept
as counts in buckets an eighth of an octave wide (9 %), as in a sparse native histogram: counts of seconds, models and
workers add up, so that a percentile over any of them is right to 5 %.
https://prometheus.io/docs/specs/native_histograms/
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable
from math import log2
from pathlib import Path

import msgspec

from gateway.core.clock import Clock
from gateway.core.types import Outcome

WINDOW_S = 120
MOST_MODELS = 20
"""Of a second; what the others did is added up under ``OTHER``, as is what was asked of models that there are not."""
OTHER = "other"
BUCKETS_AN_OCTAVE = 8
STALE_S = 5.0
"""What a worker was at when it last published is forgotten after so long: it is dead, or stuck."""
_SUFFIX = ".recent"


class Row(msgspec.Struct, array_like=True, gc=False):
    """What the calls to one model did that ended in one second."""

    calls: int = 0
    failed: int = 0
    """That the gateway owed: status 500 and above."""
    refused: int = 0
    """That were the client's to mend: status 400 to 498."""
    retries: int = 0
    """Attempts beyond the first of a call."""
    input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0
    cost_nanousd: int = 0
    latency: dict[int, int] = {}
    """Of calls that went well: how many in each ``bucket``."""
    ttft: dict[int, int] = {}

    def add(self, other: Row) -> None:
        self.calls += other.calls
        self.failed += other.failed
        self.refused += other.refused
        self.retries += other.retries
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.images += other.images
        self.cost_nanousd += other.cost_nanousd
        for mine, others in ((self.latency, other.latency), (self.ttft, other.ttft)):
            for number, count in others.items():
                mine[number] = mine.get(number, 0) + count


class Second(msgspec.Struct, array_like=True, gc=False):
    """A second in which calls ended; ``at`` is its beginning, since the epoch."""

    at: int
    models: dict[str, Row]


class Recently(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of all workers together."""

    through: int
    """The last second that is told in full; what comes later is still being counted."""
    workers: int
    in_flight: int
    seconds: list[Second]
    """Those with calls, the oldest first."""


class _Published(msgspec.Struct, array_like=True):
    at: float
    in_flight: int
    seconds: list[Second]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Published).decode


def bucket(seconds: float) -> int:
    """The number of the bucket from ``2 ** (number / 8)`` ms to the next one's beginning; from 1 µs on."""
    return int(log2(max(seconds, 1e-6) * 1000) * BUCKETS_AN_OCTAVE // 1)


class Recent:
    """An observer that remembers ``WINDOW_S`` seconds. With ``folder``, the worker ``number`` shares it there.

    ``observe`` is for the event loop; ``publish`` and ``read`` are for threads. They meet without a lock: a thread
    looks only at seconds that are over, to which the loop adds no more.
    """

    def __init__(self, clock: Clock, *, folder: Path | None = None, number: int = 0) -> None:
        self._time = clock.time
        self._folder = folder
        self._path = folder / f"{number}{_SUFFIX}" if folder else None
        self._known: frozenset[str] = frozenset()
        self._now = Second(0, {})
        self._over: tuple[Second, ...] = ()
        self.calls_in_flight: Callable[[], int] = int
        """Asked whenever this is read or published."""

    def know(self, models: Collection[str]) -> None:
        """Tell these models apart, and no others: a client may ask for any name."""
        self._known = frozenset(models)

    def observe(self, outcome: Outcome) -> None:
        """Takes 1 µs."""
        at = int(self._time())
        if at != self._now.at:
            self._turn(at)
        name = outcome.model if outcome.model in self._known else OTHER
        row = self._now.models.get(name)
        if row is None:
            row = self._now.models[name] = Row(latency={}, ttft={})
        row.calls += 1
        usage, status = outcome.usage, outcome.status
        row.input_tokens += usage.total_input
        row.output_tokens += usage.total_output
        row.images += usage.images
        row.cost_nanousd += outcome.cost_nanousd
        if len(outcome.attempts) > 1:
            row.retries += len(outcome.attempts) - 1
        if status < 400:
            number = bucket(outcome.duration_s)
            row.latency[number] = row.latency.get(number, 0) + 1
            if outcome.stream and outcome.ttft_s is not None:
                number = bucket(outcome.ttft_s)
                row.ttft[number] = row.ttft.get(number, 0) + 1
        elif status >= 500:
            row.failed += 1
        elif status != 499:
            row.refused += 1

    def publish(self) -> None:
        """Let the other workers know. Raises OSError where the folder is gone."""
        if self._path is None:
            return
        now = self._time()
        published = _Published(now, self.calls_in_flight(), self._seconds(now))
        # Whole or not at all: a reader may come at any moment.
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_bytes(_encode(published))
        unfinished.replace(self._path)

    def read(self, since: int = 0) -> Recently:
        """What all workers did after the second ``since``, as far as it is sure."""
        now = self._time()
        own = _Published(now, self.calls_in_flight(), self._seconds(now))
        every = [own, *self._others()]
        # What another worker did in the last second, it may not have published yet.
        through = int(now) - (3 if self._folder else 2)
        live = [each for each in every if now - each.at < STALE_S]
        return Recently(
            through=through,
            workers=len(live),
            in_flight=sum(each.in_flight for each in live),
            seconds=_merged(
                second
                for each in every
                for second in each.seconds
                if max(since, int(now) - WINDOW_S) < second.at <= through
            ),
        )

    def _turn(self, at: int) -> None:
        """Begin the second ``at``. A clock that was set back ends up in a second that is there twice: both count."""
        if self._now.models:
            self._over = (*self._over[-WINDOW_S:], self._now)
        self._now = Second(at, {})

    def _seconds(self, now: float) -> list[Second]:
        """All that are over. Nobody turned the last one if no call came since; a second later none adds to it."""
        last = self._now
        over = self._over if last.at > int(now) - 2 else (*self._over, last)
        return [_bounded(second) for second in over if second.at > int(now) - WINDOW_S]

    def _others(self) -> Iterable[_Published]:
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")) if self._folder else ():
            if path != self._path:
                with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
                    yield _decode(path.read_bytes())

    def __repr__(self) -> str:
        return f"<Recent: {len(self._over)} seconds>"


def _bounded(second: Second) -> Second:
    """The busiest models of a second, and the others as one."""
    if len(second.models) <= MOST_MODELS:
        return second
    ranked = sorted(second.models.items(), key=lambda each: (each[0] == OTHER, -each[1].calls, each[0]))
    kept, rest = dict(ranked[:MOST_MODELS]), Row(latency={}, ttft={})
    for _, row in ranked[MOST_MODELS:]:
        rest.add(row)
    return Second(second.at, {**kept, OTHER: rest})


def _merged(seconds: Iterable[Second]) -> list[Second]:
    """Of several workers, one for each moment."""
    sums: dict[int, dict[str, Row]] = {}
    for second in seconds:
        models = sums.setdefault(second.at, {})
        for name, row in second.models.items():
            if name not in models:
                models[name] = Row(latency={}, ttft={})
            models[name].add(row)
    return [_bounded(Second(at, models)) for at, models in sorted(sums.items())]
