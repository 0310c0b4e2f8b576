"""The figures that a scrape asks the other rooms for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from gateway.edge.app import DataPlane
from gateway.factory.lasting import Lasting
from gateway.factory.live import Live
from gateway.health.breaker import Breakers, State
from gateway.state.sqlite import SqliteStore
from gateway.telemetry.labels import Labels
from gateway.telemetry.readings import (
    BREAKER_STATE,
    CALLS_IN_FLIGHT,
    CONFIG_INFO,
    CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP,
    CONFIG_LAST_RELOAD_SUCCESSFUL,
    JOURNAL_BACKLOG,
    KEY_LOOKUPS,
    KEYS_CACHED,
    LOG_LINES_DROPPED,
    OBSERVER_FAILURES,
    STORE_BACKLOG,
    STORE_OUTAGES,
    STORE_REACHABLE,
    UPSTREAM_CONNECTIONS,
)
from gateway.wire.connector import Connector

_STATES = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}


def register_readers(lasting: Lasting, app: DataPlane, live: Live) -> None:
    """Have the metrics ask these at each scrape."""
    metrics, store = lasting.metrics, lasting.opened.store
    metrics.register(CALLS_IN_FLIGHT, lambda: app.calls_in_flight)
    lasting.recent.calls_in_flight = lambda: app.calls_in_flight
    metrics.register(UPSTREAM_CONNECTIONS, lambda: _connections(lasting.leases.of(Connector)))
    metrics.register(BREAKER_STATE, lambda: _breakers(app, lasting.breakers))
    metrics.register(LOG_LINES_DROPPED, lambda: lasting.log_writer.dropped)
    metrics.register(OBSERVER_FAILURES, lambda: lasting.observers.failures)
    metrics.register(CONFIG_INFO, lambda: {(live.made.hash,): 1})
    metrics.register(CONFIG_LAST_RELOAD_SUCCESSFUL, lambda: live.is_good)
    metrics.register(CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP, lambda: live.good_at)
    keys = lasting.callers.keys
    metrics.register(KEYS_CACHED, lambda: len(keys))
    metrics.register(KEY_LOOKUPS, lambda: {(result,): count for result, count in keys.results.items()})
    if isinstance(store, SqliteStore):
        metrics.register(JOURNAL_BACKLOG, lambda: store.backlog)
    metrics.register(STORE_REACHABLE, lambda: store.status.is_reachable)
    metrics.register(STORE_BACKLOG, lambda: store.status.backlog)
    metrics.register(STORE_OUTAGES, lambda: store.status.outages)


def _connections(connectors: Iterable[Connector]) -> Mapping[Labels, float]:
    # Providers with TLS settings of their own have a connector of their own, and may share an origin.
    counts: Counter[Labels] = Counter()
    for connector in connectors:
        for origin, (total, idle) in connector.connections().items():
            counts[str(origin), "idle"] += idle
            # Counted in a thread: one may have been opened between the two.
            counts[str(origin), "busy"] += max(0, total - idle)
    return counts


def _breakers(app: DataPlane, breakers: Breakers) -> Mapping[Labels, float]:
    targets = {target.id for model in app.parts.models.values() for target in model.targets}
    return {(target,): _STATES[breakers.state(target)] for target in targets}
