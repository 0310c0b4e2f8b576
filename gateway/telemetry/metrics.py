"""What is counted of every call, for Prometheus.

Labels are bounded whatever clients send: a model that is not configured is ``other``, error codes and teams are the
first so many, and no metric has more sets of label values than it has room for. Keys and users are never labels.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from operator import attrgetter

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder

from gateway.core.money import NANOUSD
from gateway.core.types import Attempt, Outcome
from gateway.core.usage import NOTHING, TOKEN_KINDS
from gateway.telemetry.families import Families
from gateway.telemetry.labels import NONE, OTHER, Words
from gateway.telemetry.readings import Read, Reading, Readings
from gateway.telemetry.shared import SharedFigures

_token_counts = attrgetter(*TOKEN_KINDS)

_MAX_CACHED = 4_096


class Metrics:
    """Counts every Outcome; ``render`` is the page that Prometheus scrapes.

    An Observer. ``observe`` belongs to one thread, the event loop's; ``render`` may run in any. One object a process,
    on a registry of its own.

    A counter or reading has at most ``max_series`` sets of label values, a histogram a quarter of that; what comes
    after is counted as ``other`` in every label, so that no sum loses anything. By default a page stays below 50,000
    lines, whatever comes.

    With ``shared``, the page is that of all workers.
    """

    def __init__(
        self,
        *,
        models: Iterable[str] = (),
        version: str = "",
        max_series: int = 2_000,
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
        build = Gauge(
            "sluice_build_info",
            "Always 1; the labels tell what runs.",
            ["version", "python"],
            registry=counted,
            multiprocess_mode="max",
        )
        build.labels(version, platform.python_version()).set(1)
        read.register(self._readings)
        counted.register(self._families.overflows)
        ProcessCollector(registry=read)
        PlatformCollector(registry=read)
        GCCollector(registry=read)
        self._models = frozenset(models)
        self._provider = Words(256)
        self._target = Words(max_series)
        self._team = Words(512)
        self._error = Words(64)
        self._rows: dict[tuple[object, ...], _Row] = {}
        self._attempts: dict[tuple[str, str, str | None], Counter] = {}

    def know(self, models: Iterable[str]) -> None:
        """Take over a new configuration's public models; what was counted stays."""
        self._models = frozenset(models)
        self._rows.clear()

    def register(self, reading: Reading, read: Read) -> None:
        """Ask ``read`` at each scrape. A reading that is registered again replaces its reader."""
        self._readings.register(reading, read)

    def observe(self, outcome: Outcome) -> None:
        key = (outcome.model, outcome.provider, outcome.endpoint, outcome.status, outcome.error, outcome.stream)
        row = self._rows.get(key)
        if row is None:
            row = self._new_row(key, outcome)
        row.requests.inc()
        if row.overhead is not None:
            row.overhead.observe(outcome.overhead_s)
        for attempt in outcome.attempts:
            counter = self._attempts.get((attempt.target, attempt.provider, attempt.error))
            if counter is None:
                counter = self._new_attempt(attempt)
            counter.inc()
        if row.duration is not None:
            row.duration.observe(outcome.duration_s)
            if outcome.ttft_s is not None:
                _observe_pace(row, outcome, outcome.ttft_s)
        if outcome.usage is not NOTHING:
            self._observe_usage(row, outcome)
        if outcome.cost_nanousd > 0:
            self._observe_cost(row, outcome)
        if not outcome.is_priced:
            self._families.unpriced(*row.by_model).inc()

    def _observe_usage(self, row: _Row, outcome: Outcome) -> None:
        tokens = row.tokens
        for kind, count in zip(TOKEN_KINDS, _token_counts(outcome.usage), strict=True):
            if count > 0:
                counter = tokens.get(kind)
                if counter is None:
                    counter = tokens[kind] = self._families.tokens(*row.by_model, kind)
                counter.inc(count)
        if outcome.usage.images > 0:
            self._families.images(*row.by_model).inc(outcome.usage.images)

    def _observe_cost(self, row: _Row, outcome: Outcome) -> None:
        if row.cost is None:
            row.cost = self._families.cost(*row.by_model)
        cost_usd = outcome.cost_nanousd / NANOUSD
        row.cost.inc(cost_usd)
        if outcome.team is not None:
            self._families.team_cost(self._team(outcome.team)).inc(cost_usd)

    def _new_row(self, key: tuple[object, ...], outcome: Outcome) -> _Row:
        families = self._families
        model, error = self._model(outcome.model), self._error(outcome.error)
        by_model = (model, self._provider(outcome.provider))
        endpoint = outcome.endpoint.value
        row = _Row(by_model, families.requests(*by_model, endpoint, status_class(outcome.status), error))
        if outcome.model:
            row.overhead = families.overhead(endpoint)
        if outcome.provider is not None:
            row.duration = families.duration(*by_model, endpoint, "true" if outcome.stream else "false")
            if outcome.stream:
                row.ttft = families.ttft(*by_model)
                row.per_token = families.per_token(*by_model)
        # Names that a stranger made up would fill the cache; they go the long way each time.
        if OTHER not in (model, error) and len(self._rows) < _MAX_CACHED:
            self._rows[key] = row
        return row

    def _model(self, name: str) -> str:
        if name in self._models:
            return name
        return OTHER if name else NONE

    def _new_attempt(self, attempt: Attempt) -> Counter:
        labels = (self._provider(attempt.provider), self._target(attempt.target), self._error(attempt.error))
        counter = self._families.attempts(*labels)
        if OTHER not in labels and len(self._attempts) < _MAX_CACHED:
            self._attempts[attempt.target, attempt.provider, attempt.error] = counter
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

    __slots__ = ("by_model", "cost", "duration", "overhead", "per_token", "requests", "tokens", "ttft")

    def __init__(self, by_model: tuple[str, str], requests: Counter) -> None:
        self.by_model = by_model
        self.requests = requests
        self.overhead: Histogram | None = None
        self.duration: Histogram | None = None
        self.ttft: Histogram | None = None
        self.per_token: Histogram | None = None
        self.cost: Counter | None = None
        self.tokens: dict[str, Counter] = {}


def _observe_pace(row: _Row, outcome: Outcome, ttft_s: float) -> None:
    if row.ttft is None or row.per_token is None:
        return
    row.ttft.observe(ttft_s)
    later_tokens = outcome.usage.total_output - 1
    if later_tokens > 0:
        row.per_token.observe((outcome.duration_s - ttft_s) / later_tokens)


def status_class(status: int) -> str:
    """``2xx`` and so on; a hang-up (499) stays by itself, since neither side's fault is not a client error."""
    return "499" if status == 499 else f"{status // 100}xx"
