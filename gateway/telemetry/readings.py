"""Figures that other rooms own and a scrape asks for: their names, so that dashboards and docs can rely on them.

Whoever puts the parts together registers a reader for each that it has:
``metrics.register(CALLS_IN_FLIGHT, lambda: len(calls))``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import msgspec
from prometheus_client import Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.telemetry.labels import Labels
from gateway.telemetry.text import encodable

_log = logging.getLogger(__name__)

Read = Callable[[], float | Mapping[Labels, float]]
"""Gives the value now; of a reading with labels, a value for each tuple of label values.

Called at each scrape, in a thread, while the event loop goes on: what it iterates over it copies first.
"""


Over = Literal["sum", "max", "min"]
"""How the values of several workers make one."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One such figure. A counter's name has no ``_total``: that belongs to its sample."""

    name: str
    doc: str
    labels: Labels = ()
    kind: Literal["gauge", "counter"] = "gauge"
    over_workers: Over = "sum"
    """By each tuple of label values by itself: of a label that only some workers know, the others don't count."""


class Readings(Collector):
    """Asks every reader at each scrape. One that fails is logged and left out: no room can cost the others their page.

    Of one reading at most ``max_series`` values are shown; ``overflows`` counts the others, by the reading's name.
    """

    def __init__(self, max_series: int, overflows: Counter) -> None:
        self._max_series = max_series
        self._overflows = overflows
        self._readers: dict[str, tuple[Reading, Read]] = {}

    def register(self, reading: Reading, read: Read) -> None:
        """Ask ``read`` from now on, in place of the reader that the reading had."""
        self._readers[reading.name] = reading, read

    def collect(self) -> Iterator[Metric]:
        for reading, read in tuple(self._readers.values()):
            try:
                metric = self._metric(reading, read())
            except Exception:  # noqa: BLE001  a scrape must not fail for one room's sake
                _log.exception("metric %s could not be read", reading.name)
            else:
                yield metric

    def _metric(self, reading: Reading, values: float | Mapping[Labels, float]) -> Metric:
        family = CounterMetricFamily if reading.kind == "counter" else GaugeMetricFamily
        metric = family(reading.name, reading.doc, labels=reading.labels)
        shown = list((values if isinstance(values, Mapping) else {(): values}).items())
        if len(shown) > self._max_series:
            self._overflows.labels(reading.name).inc(len(shown) - self._max_series)
        for labels, value in shown[: self._max_series]:
            metric.add_metric([encodable(label) for label in labels], float(value))
        return metric


CALLS_IN_FLIGHT = Reading(
    name="sluice_calls_in_flight",
    doc="Client calls being served now.",
)
UPSTREAM_CONNECTIONS = Reading(
    name="sluice_upstream_connections",
    doc="Open connections to providers, by origin and state (idle or busy).",
    labels=("origin", "state"),
)
BREAKER_STATE = Reading(
    name="sluice_breaker_state",
    doc="Circuit breaker of a target: 0 closed, 1 half-open, 2 open. Of several workers, the worst.",
    labels=("provider", "target"),
    over_workers="max",
)
TARGET_SUCCESS_RATIO = Reading(
    name="sluice_target_success_ratio",
    doc="Share of a target's attempts that went well, of about the last minute; 1 where nothing was seen. Of several "
    "workers, the worst.",
    labels=("provider", "target"),
    over_workers="min",
)
TARGET_IN_FLIGHT = Reading(
    name="sluice_target_in_flight",
    doc="Attempts at a target that are under way.",
    labels=("provider", "target"),
)
TARGET_TTFT = Reading(
    name="sluice_target_ttft_seconds",
    doc="What routing expects of a target until the first token of a stream: a peak that fades within seconds. Absent "
    "where nothing was seen. Of several workers, the slowest.",
    labels=("provider", "target"),
    over_workers="max",
)
TARGET_PRICE = Reading(
    name="sluice_target_price_usd",
    doc="A target's price for a million tokens (kind: input or output), in USD. Absent where it is not known.",
    labels=("provider", "target", "kind"),
    over_workers="max",
)
_STANDING = "Read every 5 s, of the limits that are watched."
LIMIT_USED_RATIO = Reading(
    name="sluice_limit_used_ratio",
    doc=f"Share of a limit that is used (rpm, tpm, images_per_minute, concurrency); 1 is all of it. {_STANDING}",
    labels=("kind", "scope", "limit"),
    over_workers="max",
)
BUDGET_LIMIT = Reading(
    name="sluice_budget_limit_usd",
    doc=f"What a budget allows in its window, in USD. {_STANDING}",
    labels=("kind", "scope", "window"),
    over_workers="max",
)
BUDGET_SPENT = Reading(
    name="sluice_budget_spent_usd",
    doc=f"What of a budget is spent in this window, in USD, without what is held. {_STANDING}",
    labels=("kind", "scope", "window"),
    over_workers="max",
)
BUDGET_HELD = Reading(
    name="sluice_budget_held_usd",
    doc=f"What of a budget is held for calls under way, in USD. {_STANDING}",
    labels=("kind", "scope", "window"),
    over_workers="max",
)
BUDGET_RESET = Reading(
    name="sluice_budget_reset_seconds",
    doc=f"Seconds until a budget's window ends; absent for total, which never ends. {_STANDING}",
    labels=("kind", "scope", "window"),
    over_workers="max",
)
LIMITS_LAST_READ_TIMESTAMP = Reading(
    name="sluice_limits_last_read_timestamp_seconds",
    doc="When the limits and budgets that are watched were last read, in seconds since the epoch: while the store is "
    "out of reach, they are shown as they were then.",
    over_workers="min",
)
CONFIG_INFO = Reading(
    name="sluice_config_info",
    doc="Always 1; the label is the hash of the configuration in force, as /readyz shows it.",
    labels=("hash",),
    over_workers="max",
)
CONFIG_LAST_RELOAD_SUCCESSFUL = Reading(
    name="sluice_config_last_reload_successful",
    doc="1 if the configuration was good when it was last read, 0 if it was refused and an earlier one is in force.",
    over_workers="min",
)
CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP = Reading(
    name="sluice_config_last_reload_success_timestamp_seconds",
    doc="When the configuration was last read and found good, in seconds since the epoch.",
    over_workers="min",
)
JOURNAL_BACKLOG = Reading(
    name="sluice_store_journal_backlog",
    doc="Settlements that the store has not yet made durable.",
)
STORE_REACHABLE = Reading(
    name="sluice_store_reachable",
    doc="1 while the store of counters answers, 0 while each limit does as its on_outage says.",
    over_workers="min",
)
STORE_DURABLE = Reading(
    name="sluice_store_durable",
    doc="1 while what is counted reaches the disk, 0 while a kill would lose it.",
    over_workers="min",
)
STORE_OUTAGE_MODE = Reading(
    name="sluice_store_outage_mode",
    doc="Always 1; the label is what limits do during an outage of the store where they don't say themselves: open, "
    "closed or local.",
    labels=("mode",),
    over_workers="max",
)
STORE_BACKLOG = Reading(
    name="sluice_store_backlog",
    doc="Settlements that are not yet durable, or not yet delivered to the shared store.",
)
STORE_OUTAGES = Reading(
    name="sluice_store_outages",
    doc="Times that the shared store went out of reach.",
    kind="counter",
)
LOG_LINES_DROPPED = Reading(
    name="sluice_log_lines_dropped",
    doc="Log lines lost because the log's reader was too slow or gone.",
    kind="counter",
)
CALLS_LOGGED = Reading(
    name="sluice_calls_logged",
    doc="Calls that a sink has taken: sqlite, json_lines or otlp of the log of calls, or traces.",
    labels=("sink",),
    kind="counter",
)
CALLS_DROPPED = Reading(
    name="sluice_calls_dropped",
    doc="Calls that were not written down, because their sink was too slow or refused them.",
    labels=("sink",),
    kind="counter",
)
ALERTS = Reading(
    name="sluice_alerts",
    doc="Alerts that were sent out, by webhook and by what became of them.",
    labels=("webhook", "result"),
    kind="counter",
)
OBSERVER_FAILURES = Reading(
    name="sluice_observer_failures",
    doc="Exceptions raised by observers; none of them hurt a call.",
    kind="counter",
)
WORKERS = Reading(
    name="sluice_workers",
    doc="Worker processes that serve now, where there are several.",
)
WORKER_RESTARTS = Reading(
    name="sluice_worker_restarts",
    doc="Worker processes that ended unasked, each of which is replaced.",
    kind="counter",
)
KEYS_CACHED = Reading(
    name="sluice_keys_cached",
    doc="Keys of the directory that are remembered.",
)
KEY_LOOKUPS = Reading(
    name="sluice_key_lookups",
    doc="Times that a key of the directory was asked for, by how it was told: at once (hit), by a look-up (found, "
    "unknown), refused without one, or not at all (crowded, unreachable).",
    labels=("result",),
    kind="counter",
)

WELL_KNOWN = (
    CALLS_IN_FLIGHT,
    UPSTREAM_CONNECTIONS,
    BREAKER_STATE,
    TARGET_SUCCESS_RATIO,
    TARGET_IN_FLIGHT,
    TARGET_TTFT,
    TARGET_PRICE,
    LIMIT_USED_RATIO,
    BUDGET_LIMIT,
    BUDGET_SPENT,
    BUDGET_HELD,
    BUDGET_RESET,
    LIMITS_LAST_READ_TIMESTAMP,
    CONFIG_INFO,
    CONFIG_LAST_RELOAD_SUCCESSFUL,
    CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP,
    JOURNAL_BACKLOG,
    STORE_REACHABLE,
    STORE_DURABLE,
    STORE_OUTAGE_MODE,
    STORE_BACKLOG,
    STORE_OUTAGES,
    LOG_LINES_DROPPED,
    CALLS_LOGGED,
    CALLS_DROPPED,
    ALERTS,
    OBSERVER_FAILURES,
    WORKERS,
    WORKER_RESTARTS,
    KEYS_CACHED,
    KEY_LOOKUPS,
)
