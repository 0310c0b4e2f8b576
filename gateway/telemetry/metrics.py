"""What is counted of every call, for Prometheus.

Labels are bounded whatever clients send: a model that is not configured is ``other``, error codes, teams, keys, sizes
and qualities are the first so many, and no metric has more sets of label values than it has room for. Users are never
labels.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
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
from gateway.telemetry.attempts import Kind, kinds
from gateway.telemetry.families import MAX_KEYS, MAX_SERIES, MAX_TEAMS, Families
from gateway.telemetry.labels import NONE, OTHER, Named, Words
from gateway.telemetry.readings import Read, Reading, Readings
from gateway.telemetry.semconv import operation_name, provider_name
from gateway.telemetry.shared import SharedFigures

_token_counts = attrgetter(*TOKEN_KINDS)

_MAX_CACHED = 4_096
_MAX_ATTEMPTS = 64
"""Kept for each row: a call has few targets, and they few ways to fail."""
_AttemptKey = tuple[Kind, str, int | None, str | None]


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
        self.observe_all((outcome,))

    def observe_all(self, outcomes: Sequence[Outcome]) -> None:
        """Count calls that ended together: what is alike is looked up once, and added up before it is counted."""
        alike: dict[tuple[object, ...], list[Outcome]] = {}
        for outcome in outcomes:
            key = (outcome.model, outcome.provider, outcome.endpoint, outcome.status, outcome.error, outcome.stream)
            found = alike.get(key)
            if found is None:
                alike[key] = [outcome]
            else:
                found.append(outcome)
        for labels, calls in alike.items():
            self._count(self._rows.get(labels) or self._new_row(labels, calls[0]), calls)

    def _count(self, row: _Row, calls: Sequence[Outcome]) -> None:
        row.requests.inc(len(calls))
        if row.overhead is not None:
            self._observe_times(row, row.overhead, calls)
        self._count_attempts(row, calls)
        self._count_usage(row, calls)
        held_nanousd = sum([call.held_nanousd for call in calls])
        if held_nanousd > 0:
            if row.held is None:
                row.held = self._families.held(row.by_model[0])
            row.held.inc(held_nanousd / NANOUSD)
        self._count_cost(row, [call for call in calls if call.cost_nanousd > 0])
        if unpriced := sum([not call.is_priced for call in calls]):
            self._families.unpriced(*row.by_model).inc(unpriced)

    def _observe_times(self, row: _Row, overhead: Histogram, calls: Sequence[Outcome]) -> None:
        for call in calls:
            overhead.observe(call.overhead_s)
        for call in calls:
            if call.hold_after_s is not None:
                self._families.store_hold.observe(call.hold_s)
        if row.duration is None:
            return
        for call in calls:
            row.duration.observe(call.duration_s)
        if row.ttft is not None:
            for call in calls:
                if call.ttft_s is not None:
                    _observe_pace(row, call, call.ttft_s)

    def _count_attempts(self, row: _Row, calls: Sequence[Outcome]) -> None:
        counts: dict[_AttemptKey, int] = {}
        providers: dict[_AttemptKey, str] = {}
        for call in calls:
            before: Attempt | None = None
            for attempt, kind in zip(call.attempts, kinds(call.attempts), strict=True):
                key = (kind, attempt.target, attempt.status, attempt.error)
                counts[key] = counts.get(key, 0) + 1
                providers[key] = attempt.provider
                if kind == "failover" and before is not None:
                    way = (self._target(before.target), self._target(attempt.target), self._error(before.error))
                    self._families.failovers(row.by_model[0], *way).inc()
                before = attempt
        for key, count in counts.items():
            (row.attempts.get(key) or self._new_attempt(row, key, providers[key])).inc(count)

    def _count_usage(self, row: _Row, calls: Sequence[Outcome]) -> None:
        used = [call for call in calls if call.usage is not NOTHING]
        if not used:
            return
        for kind, counts in zip(
            TOKEN_KINDS, zip(*[_token_counts(call.usage) for call in used], strict=True), strict=True
        ):
            if (count := sum(counts)) > 0:
                counter = row.tokens.get(kind)
                if counter is None:
                    counter = row.tokens[kind] = self._families.tokens(*row.by_model, kind)
                counter.inc(count)
        for call in used:
            if call.usage.images > 0:
                drawn = (self._quality(call.image_quality or None), self._size(call.image_size or None))
                self._families.images(*row.by_model, call.endpoint.value, *drawn).inc(call.usage.images)

    def _count_cost(self, row: _Row, calls: Sequence[Outcome]) -> None:
        if not calls:
            return
        if row.cost is None:
            row.cost = self._families.cost(*row.by_model, calls[0].endpoint.value)
        row.cost.inc(sum([call.cost_nanousd for call in calls]) / NANOUSD)
        teams: dict[str, int] = {}
        keys: dict[str, int] = {}
        for call in calls:
            if call.team is not None:
                teams[call.team] = teams.get(call.team, 0) + call.cost_nanousd
            if call.key:
                keys[call.key] = keys.get(call.key, 0) + call.cost_nanousd
        for team, nanousd in teams.items():
            self._team_cost(team).inc(nanousd / NANOUSD)
        for key, nanousd in keys.items():
            self._key_cost(key).inc(nanousd / NANOUSD)

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
