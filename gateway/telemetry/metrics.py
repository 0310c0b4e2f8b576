"""What is counted of every call, for Prometheus.

Labels are bounded whatever clients send: a model that is not configured is ``other``, error codes and teams are the
first so many, and no metric has more than ``max_series`` sets of label values. Keys and users are never labels.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterable
from operator import attrgetter

import msgspec

from gateway.core.types import Attempt, Outcome
from gateway.core.usage import NOTHING
from gateway.telemetry import families
from gateway.telemetry.exposition import render
from gateway.telemetry.process import process_families
from gateway.telemetry.readings import Read, Reading
from gateway.telemetry.tally import OTHER, Cell, Family, Labels, Words

_log = logging.getLogger(__name__)

TOKEN_KINDS = (
    "input",
    "cached_input",
    "cache_write",
    "image_input",
    "cached_image_input",
    "audio_input",
    "output",
    "reasoning",
    "image_output",
    "audio_output",
)
"""The parts of a Usage. They don't overlap, so that their sum is the whole."""

_token_counts = attrgetter(*TOKEN_KINDS)

_MAX_CACHED = 4_096


class Metrics:
    """Counts every Outcome; ``render`` is the page that Prometheus scrapes.

    An Observer. ``observe`` belongs to one thread, the event loop's: it takes no lock. ``render`` and ``families`` may
    run in any. One object a process; ``workers`` adds up those of several.
    """

    def __init__(self, *, models: Iterable[str] = (), version: str = "", max_series: int = 2_000) -> None:
        self._max_series = max_series
        self._families: list[Family] = []
        self._readings: dict[str, tuple[Reading, Read]] = {}
        self._requests = self._own(families.REQUESTS)
        self._attempts = self._own(families.ATTEMPTS)
        self._tokens = self._own(families.TOKENS)
        self._images = self._own(families.IMAGES)
        self._cost = self._own(families.COST)
        self._team_cost = self._own(families.TEAM_COST)
        self._unpriced = self._own(families.UNPRICED)
        self._duration = self._own(families.DURATION)
        self._ttft = self._own(families.TTFT)
        self._per_token = self._own(families.PER_TOKEN)
        self._overhead = self._own(families.OVERHEAD)
        self._own(families.BUILD_INFO).cell((version, platform.python_version()))[0] = 1
        self._models = frozenset(models)
        self._provider = Words(256)
        self._target = Words(max_series)
        self._team = Words(512)
        self._error = Words(64)
        self._rows: dict[tuple[object, ...], _Row] = {}
        self._attempt_cells: dict[tuple[str, str, str | None], Cell] = {}

    def _own(self, family: Family) -> Family:
        own = msgspec.structs.replace(family, cells={}, max_cells=self._max_series)
        self._families.append(own)
        return own

    def know(self, models: Iterable[str]) -> None:
        """Take over a new configuration's public models; what was counted stays."""
        self._models = frozenset(models)
        self._rows.clear()

    def register(self, reading: Reading, read: Read) -> None:
        """Ask ``read`` at each scrape. A reading that is registered again replaces its reader."""
        self._readings[reading.name] = reading, read

    def observe(self, outcome: Outcome) -> None:
        key = (
            outcome.model,
            outcome.provider,
            outcome.endpoint,
            outcome.status,
            outcome.error,
            outcome.stream,
            outcome.team,
        )
        row = self._rows.get(key)
        if row is None:
            row = self._new_row(key, outcome)
        row.requests[0] += 1
        self._overhead.put(row.overhead, outcome.overhead_s)
        for attempt in outcome.attempts:
            cell = self._attempt_cells.get((attempt.target, attempt.provider, attempt.error))
            if cell is None:
                cell = self._new_attempt_cell(attempt)
            cell[0] += 1
        if row.duration is not None:
            self._duration.put(row.duration, outcome.duration_s)
            if row.ttft is not None and outcome.ttft_s is not None:
                self._observe_pace(row, outcome, outcome.ttft_s)
        if outcome.usage is not NOTHING:
            self._observe_usage(row, outcome)
        if outcome.cost_nanousd:
            self._observe_cost(row, outcome)
        if not outcome.is_priced:
            self._unpriced.cell(row.by_model)[0] += 1

    def _observe_pace(self, row: _Row, outcome: Outcome, ttft_s: float) -> None:
        if row.ttft is None or row.per_token is None:
            return
        self._ttft.put(row.ttft, ttft_s)
        later_tokens = outcome.usage.total_output - 1
        if later_tokens > 0:
            self._per_token.put(row.per_token, (outcome.duration_s - ttft_s) / later_tokens)

    def _observe_usage(self, row: _Row, outcome: Outcome) -> None:
        tokens = row.tokens
        for kind, count in zip(TOKEN_KINDS, _token_counts(outcome.usage), strict=True):
            if count:
                cell = tokens.get(kind)
                if cell is None:
                    cell = tokens[kind] = self._tokens.cell((*row.by_model, kind))
                cell[0] += count
        if outcome.usage.images:
            self._images.cell(row.by_model)[0] += outcome.usage.images

    def _observe_cost(self, row: _Row, outcome: Outcome) -> None:
        if row.cost is None:
            row.cost = self._cost.cell(row.by_model)
        row.cost[0] += outcome.cost_nanousd
        if outcome.team is not None:
            if row.team_cost is None:
                row.team_cost = self._team_cost.cell((self._team(outcome.team),))
            row.team_cost[0] += outcome.cost_nanousd

    def _new_row(self, key: tuple[object, ...], outcome: Outcome) -> _Row:
        model = outcome.model if outcome.model in self._models else OTHER
        error = self._error(outcome.error)
        by_model = (model, self._provider(outcome.provider))
        endpoint = outcome.endpoint.value
        row = _Row()
        row.by_model = by_model
        row.requests = self._requests.cell((*by_model, endpoint, status_class(outcome.status), error))
        row.overhead = self._overhead.cell((endpoint,))
        row.duration = row.ttft = row.per_token = row.cost = row.team_cost = None
        row.tokens = {}
        if outcome.provider is not None:
            row.duration = self._duration.cell((*by_model, endpoint, "true" if outcome.stream else "false"))
            if outcome.stream:
                row.ttft = self._ttft.cell(by_model)
                row.per_token = self._per_token.cell(by_model)
        # Names that a stranger made up would fill the cache; they go the long way each time.
        if OTHER not in (model, error) and len(self._rows) < _MAX_CACHED:
            self._rows[key] = row
        return row

    def _new_attempt_cell(self, attempt: Attempt) -> Cell:
        labels = (self._provider(attempt.provider), self._target(attempt.target), self._error(attempt.error))
        cell = self._attempts.cell(labels)
        if OTHER not in labels and len(self._attempt_cells) < _MAX_CACHED:
            self._attempt_cells[attempt.target, attempt.provider, attempt.error] = cell
        return cell

    def families(self) -> list[Family]:
        """Every metric as it stands now, readings taken. One whose reader fails is logged and left out."""
        found = [family.copy() for family in self._families]
        for reading, read in tuple(self._readings.values()):
            try:
                found.append(reading.take(read, self._max_series))
            except Exception:  # noqa: BLE001  a scrape must not fail for one room's sake
                _log.exception("metric %s could not be read", reading.name)
        found.append(_overflows(found))
        found.extend(process_families())
        return found

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The page for ``GET /metrics`` and its content type, in the format that the Accept header prefers."""
        return render(self.families(), accept)

    def __repr__(self) -> str:
        return f"<Metrics of {len(self._models)} models>"


class _Row:
    """The cells that calls with the same labels count into, found by one look-up."""

    __slots__ = ("by_model", "cost", "duration", "overhead", "per_token", "requests", "team_cost", "tokens", "ttft")

    by_model: tuple[str, str]
    requests: Cell
    overhead: Cell
    duration: Cell | None
    ttft: Cell | None
    per_token: Cell | None
    cost: Cell | None
    team_cost: Cell | None
    tokens: dict[str, Cell]


def status_class(status: int) -> str:
    """``2xx`` and so on; a hang-up (499) stays by itself, since neither side's fault is not a client error."""
    return "499" if status == 499 else f"{status // 100}xx"


def _overflows(counted: Iterable[Family]) -> Family:
    cells: dict[Labels, Cell] = {(family.name,): [family.overflows] for family in counted if family.overflows}
    return msgspec.structs.replace(families.OVERFLOWS, cells=cells)
