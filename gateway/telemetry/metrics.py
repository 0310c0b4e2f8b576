"""What is counted of every call, for Prometheus.

Labels are bounded whatever clients send: a model that is not configured is ``other``, error codes, teams, keys, sizes
and qualities are the first so many, and no metric has more sets of label values than it has room for. Users are never
labels.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from operator import attrgetter

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder

from gateway.core.money import NANOUSD
from gateway.core.types import Attempt, Outcome
from gateway.core.usage import NOTHING, TOKEN_KINDS
from gateway.telemetry.families import MAX_KEYS, MAX_SERIES, MAX_TEAMS, Families
from gateway.telemetry.labels import NONE, OTHER, Named, Words
from gateway.telemetry.readings import Read, Reading, Readings
from gateway.telemetry.semconv import operation_name, provider_name
from gateway.telemetry.shared import SharedFigures

_token_counts = attrgetter(*TOKEN_KINDS)

FIRST, RETRY, FAILOVER = "first", "retry", "failover"
"""Kinds of attempts."""
_MAX_CACHED = 4_096
_MAX_ATTEMPTS = 64
"""Kept for each row: a call has few targets, and they few ways to fail."""
_AttemptKey = tuple[str, str, int | None, str | None]


class Metrics:
    """Counts every Outcome; ``render`` is the page that Prometheus scrapes.

    An Observer. ``observe`` belongs to one thread, the event loop's; ``render`` may run in any. One object a process,
    on a registry of its own.

    A counter or reading has at most ``max_series`` sets of label values, a histogram a quarter of that; what comes
    after is counted as ``other`` in every label, so that no sum loses anything. By default a page stays below 100,000
    lines, whatever comes.

    With ``shared``, the page is that of all workers.
    """

    def __init__(
        self,
        *,
        models: Iterable[str] = (),
        kinds: Mapping[str, str] | None = None,
        version: str = "",
        max_series: int = MAX_SERIES,
        shared: SharedFigures | None = None,
    ) -> None:
        self.registry = counted = read = CollectorRegistry()
        if shared is not None:
            # The page has what all workers put into their folder, this one among them.
            counted, read = CollectorRegistry(), CollectorRegistry()
            self.registry.register(shared.counted())
            self.registry.register(shared)
            shared.read_from(read)
        self._families = Families(counted, max_series)
        self._readings = Readings(max_series, self._families.overflows)
        self._families.tell_build(version, platform.python_version())
        read.register(self._readings)
        counted.register(self._families.overflows)
        ProcessCollector(registry=read)
        PlatformCollector(registry=read)
        GCCollector(registry=read)
        self._models = frozenset(models)
        self._kinds = dict(kinds or {})
        self._provider = Words(256)
        self._target = Words(max_series)
        self._team_cost = Named(self._families.team_cost, MAX_TEAMS)
        self._key_cost = Named(self._families.key_cost, MAX_KEYS)
        self._error = Words(64)
        # Clients write them.
        self._quality = Words(16)
        self._size = Words(64)
        self._rows: dict[tuple[object, ...], _Row] = {}

    def know(self, models: Iterable[str], kinds: Mapping[str, str]) -> None:
        """Take over a new configuration's public models, and its providers' kinds by name; what was counted stays."""
        self._models = frozenset(models)
        self._kinds = dict(kinds)
        self._rows.clear()

    def register(self, reading: Reading, read: Read) -> None:
        """Ask ``read`` at each scrape. A reading that is registered again replaces its reader."""
        self._readings.register(reading, read)

    def observe_lag(self, seconds: float) -> None:
        """The event loop was so late."""
        self._families.loop_lag.observe(seconds)

    def observe(self, outcome: Outcome) -> None:
        key = (outcome.model, outcome.provider, outcome.endpoint, outcome.status, outcome.error, outcome.stream)
        row = self._rows.get(key)
        if row is None:
            row = self._new_row(key, outcome)
        row.requests.inc()
        if row.overhead is not None:
            self._observe_times(row, row.overhead, outcome)
        attempts = outcome.attempts
        if len(attempts) == 1:
            self._attempt(row, FIRST, attempts[0]).inc()
        elif attempts:
            self._observe_attempts(row, attempts)
        if outcome.usage is not NOTHING:
            self._observe_usage(row, outcome)
        if outcome.held_nanousd > 0:
            if row.held is None:
                row.held = self._families.held(row.by_model[0])
            row.held.inc(outcome.held_nanousd / NANOUSD)
        if outcome.cost_nanousd > 0:
            self._observe_cost(row, outcome, outcome.cost_nanousd / NANOUSD)
        if not outcome.is_priced:
            self._families.unpriced(*row.by_model).inc()

    def _observe_times(self, row: _Row, overhead: Histogram, outcome: Outcome) -> None:
        overhead.observe(outcome.overhead_s)
        if outcome.hold_after_s is not None:
            self._families.store_hold.observe(outcome.hold_s)
        if row.duration is not None:
            row.duration.observe(outcome.duration_s)
            if outcome.ttft_s is not None:
                _observe_pace(row, outcome, outcome.ttft_s)

    def _observe_attempts(self, row: _Row, attempts: tuple[Attempt, ...]) -> None:
        before, tried = attempts[0], {attempts[0].target}
        self._attempt(row, FIRST, before).inc()
        for attempt in attempts[1:]:
            if attempt.target in tried:
                self._attempt(row, RETRY, attempt).inc()
            else:
                self._attempt(row, FAILOVER, attempt).inc()
                way = (self._target(before.target), self._target(attempt.target), self._error(before.error))
                self._families.failovers(row.by_model[0], *way).inc()
            tried.add(attempt.target)
            before = attempt

    def _attempt(self, row: _Row, kind: str, attempt: Attempt) -> Counter:
        key = (kind, attempt.target, attempt.status, attempt.error)
        return row.attempts.get(key) or self._new_attempt(row, key, attempt.provider)

    def _observe_usage(self, row: _Row, outcome: Outcome) -> None:
        tokens = row.tokens
        for kind, count in zip(TOKEN_KINDS, _token_counts(outcome.usage), strict=True):
            if count > 0:
                counter = tokens.get(kind)
                if counter is None:
                    counter = tokens[kind] = self._families.tokens(*row.by_model, kind)
                counter.inc(count)
        if outcome.usage.images > 0:
            drawn = (self._quality(outcome.image_quality or None), self._size(outcome.image_size or None))
            self._families.images(*row.by_model, outcome.endpoint.value, *drawn).inc(outcome.usage.images)

    def _observe_cost(self, row: _Row, outcome: Outcome, cost_usd: float) -> None:
        if row.cost is None:
            row.cost = self._families.cost(*row.by_model, outcome.endpoint.value)
        row.cost.inc(cost_usd)
        if outcome.team is not None:
            self._team_cost(outcome.team).inc(cost_usd)
        if outcome.key:
            self._key_cost(outcome.key).inc(cost_usd)

    def _new_row(self, key: tuple[object, ...], outcome: Outcome) -> _Row:
        families = self._families
        model, error = self._model(outcome.model), self._error(outcome.error)
        by_model = (model, self._provider(outcome.provider))
        endpoint = outcome.endpoint.value
        row = _Row(by_model, families.requests(*by_model, endpoint, status_class(outcome.status), error))
        if outcome.model:
            row.overhead = families.overhead(endpoint)
        if outcome.provider is not None:
            kind = self._kinds.get(outcome.provider)
            labels = (operation_name(outcome.endpoint), OTHER if kind is None else provider_name(kind), *by_model)
            row.duration = families.duration(*labels, "true" if outcome.stream else "false")
            if outcome.stream:
                row.ttft = families.ttft(*labels)
                row.per_token = families.per_token(*labels)
        # Names that a stranger made up would fill the cache; they go the long way each time.
        if OTHER not in (model, error) and len(self._rows) < _MAX_CACHED:
            self._rows[key] = row
        return row

    def _model(self, name: str) -> str:
        if name in self._models:
            return name
        return OTHER if name else NONE

    def _new_attempt(self, row: _Row, key: _AttemptKey, provider: str) -> Counter:
        kind, target, status, error = key
        labels = (self._provider(provider), self._target(target), kind, _upstream_class(status), self._error(error))
        counter = self._families.attempts(row.by_model[0], *labels)
        if OTHER not in labels and len(row.attempts) < _MAX_ATTEMPTS:
            row.attempts[key] = counter
        return counter

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The page for ``GET /metrics`` and its content type, in the format that the Accept header asks for.

        7 to 10 µs a line: a task for a thread. Text 0.0.4 where nothing else is asked for.
        """
        try:
            encode, content_type = choose_encoder(accept)
        except TypeError:
            # A version that is no row of numbers (1.x) can't be compared with one that is.
            encode, content_type = choose_encoder("")
        return encode(self.registry), content_type

    def __repr__(self) -> str:
        return f"<Metrics of {len(self._models)} models>"


class _Row:
    """What calls with the same labels count into, found by one look-up."""

    __slots__ = (
        "attempts",
        "by_model",
        "cost",
        "duration",
        "held",
        "overhead",
        "per_token",
        "requests",
        "tokens",
        "ttft",
    )

    def __init__(self, by_model: tuple[str, str], requests: Counter) -> None:
        self.by_model = by_model
        self.requests = requests
        self.overhead: Histogram | None = None
        self.duration: Histogram | None = None
        self.ttft: Histogram | None = None
        self.per_token: Histogram | None = None
        self.cost: Counter | None = None
        self.held: Counter | None = None
        self.attempts: dict[_AttemptKey, Counter] = {}
        self.tokens: dict[str, Counter] = {}


def _observe_pace(row: _Row, outcome: Outcome, ttft_s: float) -> None:
    if row.ttft is None or row.per_token is None:
        return
    row.ttft.observe(ttft_s)
    later_tokens = outcome.usage.total_output - 1
    if later_tokens > 0:
        row.per_token.observe((outcome.duration_s - ttft_s) / later_tokens)


def _upstream_class(status: int | None) -> str:
    return NONE if status is None else status_class(status)


def status_class(status: int) -> str:
    """``2xx`` and so on; a hang-up (499) stays by itself, since neither side's fault is not a client error."""
    return "499" if status == 499 else f"{status // 100}xx"
