"""The figures that a scrape asks the other rooms for.

They are read in a thread while the event loop goes on: each takes what is there at the moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from gateway.core.money import NANOUSD
from gateway.core.types import Outcome, Target
from gateway.edge.app import DataPlane
from gateway.factory.lasting import Lasting
from gateway.factory.live import Live
from gateway.factory.opened import Opened
from gateway.health.breaker import State
from gateway.state.base import Level
from gateway.state.sqlite import SqliteStore
from gateway.telemetry.batches import Batches
from gateway.telemetry.labels import Labels
from gateway.telemetry.readings import (
    ALERTS,
    BREAKER_STATE,
    BUDGET_HELD,
    BUDGET_LIMIT,
    BUDGET_RESET,
    BUDGET_SPENT,
    CALLS_DROPPED,
    CALLS_IN_FLIGHT,
    CALLS_LOGGED,
    CONFIG_INFO,
    CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP,
    CONFIG_LAST_RELOAD_SUCCESSFUL,
    JOURNAL_BACKLOG,
    KEY_LOOKUPS,
    KEYS_CACHED,
    LIMIT_USED_RATIO,
    LIMITS_LAST_READ_TIMESTAMP,
    LOG_LINES_DROPPED,
    OBSERVER_FAILURES,
    STORE_BACKLOG,
    STORE_DURABLE,
    STORE_OUTAGE_MODE,
    STORE_OUTAGES,
    STORE_REACHABLE,
    TARGET_IN_FLIGHT,
    TARGET_PRICE,
    TARGET_SUCCESS_RATIO,
    TARGET_TTFT,
    UPSTREAM_CONNECTIONS,
    Read,
)
from gateway.wire.connector import Connector

if TYPE_CHECKING:
    # Loaded where it is used: an extra; few have it.
    from gateway.telemetry.tracing.tracer import Tracer


_STATES = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}


def register_readers(lasting: Lasting, app: DataPlane, live: Live) -> None:
    """Have the metrics ask these at each scrape."""
    metrics, store = lasting.metrics, lasting.opened.store
    metrics.register(CALLS_IN_FLIGHT, lambda: app.calls_in_flight)
    lasting.recent.calls_in_flight = lambda: app.calls_in_flight
    metrics.register(UPSTREAM_CONNECTIONS, lambda: _connections(lasting.leases.of(Connector)))
    _register_targets(lasting, app)
    _register_limits(lasting)
    sinks = _sinks(lasting.opened)
    metrics.register(CALLS_LOGGED, lambda: {(name,): sink.written for name, sink in sinks.items()})
    metrics.register(CALLS_DROPPED, lambda: {(name,): sink.dropped for name, sink in sinks.items()})
    metrics.register(LOG_LINES_DROPPED, lambda: lasting.log_writer.dropped)
    metrics.register(ALERTS, lasting.alerts.counts.copy)
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
    metrics.register(STORE_DURABLE, lambda: store.status.is_durable)
    metrics.register(STORE_OUTAGE_MODE, lambda: {(live.made.settings.state.on_outage,): 1})
    metrics.register(STORE_BACKLOG, lambda: store.status.backlog)
    metrics.register(STORE_OUTAGES, lambda: store.status.outages)


def _sinks(opened: Opened) -> Mapping[str, Batches[Outcome] | Tracer]:
    """All that writes calls down, by the name that metrics have for it."""
    sinks: dict[str, Batches[Outcome] | Tracer] = dict(opened.calls.queues)
    if opened.traces is not None:
        sinks["traces"] = opened.traces.tracer
    return sinks


def _connections(connectors: Iterable[Connector]) -> Mapping[Labels, float]:
    # Providers with TLS settings of their own have a connector of their own, and may share an origin.
    counts: Counter[Labels] = Counter()
    for connector in connectors:
        for origin, (total, idle) in connector.connections().items():
            counts[str(origin), "idle"] += idle
            # Counted in a thread: one may have been opened between the two.
            counts[str(origin), "busy"] += max(0, total - idle)
    return counts


def _register_targets(lasting: Lasting, app: DataPlane) -> None:
    metrics, breakers, vitals, clock = lasting.metrics, lasting.breakers, lasting.vitals, lasting.clock

    def told(figure: Callable[[str], float | None]) -> Read:
        return lambda: {
            (target.provider, target.id): value for target in _targets(app) if (value := figure(target.id)) is not None
        }

    metrics.register(BREAKER_STATE, told(lambda target: _STATES[breakers.state(target)]))
    metrics.register(TARGET_SUCCESS_RATIO, told(lambda target: vitals.reading(target, streamed=False).success_rate))
    metrics.register(TARGET_IN_FLIGHT, told(lambda target: vitals.reading(target, streamed=False).in_flight))
    metrics.register(TARGET_TTFT, told(lambda target: vitals.reading(target, streamed=True).ttft_s))
    metrics.register(TARGET_PRICE, lambda: _prices(_targets(app), clock.time()))


def _targets(app: DataPlane) -> Iterator[Target]:
    """Each once for every model that it serves."""
    return (target for model in app.parts.models.values() for target in model.targets)


def _prices(targets: Iterable[Target], now_s: float) -> Mapping[Labels, float]:
    """USD a million tokens; the dearer one, where two models state different prices for a target."""
    found: dict[Labels, float] = {}
    for target in targets:
        # A price list of images says nothing of tokens.
        if target.price is None or not target.price.is_of_text:
            continue
        price = target.price.at(now_s)
        for kind, rate in (("input", price.input), ("output", price.output)):
            labels = (target.provider, target.id, kind)
            found[labels] = max(found.get(labels, 0.0), rate / NANOUSD)
    return found


def _register_limits(lasting: Lasting) -> None:
    metrics, watch = lasting.metrics, lasting.watch

    def budgets(figure: Callable[[Level], float | None]) -> Read:
        return lambda: {
            (each.kind, each.scope, each.window): value
            for each in watch.standings
            if each.window is not None and (value := figure(each.level)) is not None
        }

    metrics.register(
        LIMIT_USED_RATIO,
        lambda: {
            (each.kind, each.scope, each.limit): each.used_ratio for each in watch.standings if each.window is None
        },
    )
    metrics.register(BUDGET_LIMIT, budgets(lambda level: level.limit / NANOUSD))
    metrics.register(BUDGET_SPENT, budgets(lambda level: (level.used - level.held) / NANOUSD))
    metrics.register(BUDGET_HELD, budgets(lambda level: level.held / NANOUSD))
    metrics.register(BUDGET_RESET, budgets(lambda level: level.reset_s))
    metrics.register(LIMITS_LAST_READ_TIMESTAMP, lambda: {} if watch.read_at is None else watch.read_at)
