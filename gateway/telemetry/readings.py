"""Figures that other rooms own and a scrape asks for: their names, so that dashboards and docs can rely on them.

Whoever puts the parts together registers a reader for each that it has:
``metrics.register(CALLS_IN_FLIGHT, lambda: len(calls))``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from gateway.core.money import NANOUSD
from gateway.telemetry.tally import Family, Labels, Merge

Read = Callable[[], float | Mapping[Labels, float]]
"""Gives the value now; of a reading with labels, a value for each tuple of label values. Called at each scrape."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    doc: str
    labels: Labels = ()
    kind: Literal["gauge", "counter"] = "gauge"
    merge: Merge = "sum"
    """How the gauges of several workers become one."""
    divisor: int = 1
    """What a reader's numbers are divided by to be shown: 10^9 for nano-dollars shown as dollars."""

    def take(self, read: Read, max_cells: int) -> Family:
        """The family as it stands now. Values past ``max_cells`` are left out: they need not add up to anything."""
        family = Family(
            name=self.name,
            kind=self.kind,
            doc=self.doc,
            labels=self.labels,
            merge=self.merge,
            divisor=self.divisor,
            max_cells=max_cells,
        )
        values = read()
        if not isinstance(values, Mapping):
            values = {(): values}
        for labels, value in values.items():
            if len(family.cells) == max_cells:
                family.overflows += len(values) - max_cells
                break
            family.cells[labels] = [value]
        return family


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
    doc="Circuit breaker of a target: 0 closed, 1 half-open, 2 open.",
    labels=("target",),
    merge="max",
)
JOURNAL_BACKLOG = Reading(
    name="sluice_store_journal_backlog",
    doc="Settlements that the store has not yet made durable.",
)
HELD_COST = Reading(
    name="sluice_held_cost_usd",
    doc="Money held for calls that are under way and not yet settled, in USD.",
    divisor=NANOUSD,
)
LOG_LINES_DROPPED = Reading(
    name="sluice_log_lines_dropped",
    doc="Log lines lost because the log's reader was too slow or gone.",
    kind="counter",
)
OBSERVER_FAILURES = Reading(
    name="sluice_observer_failures",
    doc="Exceptions raised by observers; none of them hurt a call.",
    kind="counter",
)

WELL_KNOWN = (
    CALLS_IN_FLIGHT,
    UPSTREAM_CONNECTIONS,
    BREAKER_STATE,
    JOURNAL_BACKLOG,
    HELD_COST,
    LOG_LINES_DROPPED,
    OBSERVER_FAILURES,
)
