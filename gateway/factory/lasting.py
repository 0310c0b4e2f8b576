"""What lives as long as the process, whatever configurations come into force meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import socket
from collections.abc import Callable, Collection
from datetime import tzinfo
from random import Random

import msgspec

from gateway import __version__
from gateway.admin.control import Control
from gateway.alerts.alerts import Alerts
from gateway.alerts.post import HttpPost
from gateway.catalog.catalog import Catalog
from gateway.core.clock import Clock
from gateway.factory.callers import Callers
from gateway.factory.leases import Leases
from gateway.factory.opened import Opened
from gateway.health.breaker import Breakers, Change
from gateway.health.vitals import Vitals
from gateway.limits.watch import Watch
from gateway.resilience.retry_budget import RetryBudget
from gateway.settings.server import Log
from gateway.state.base import Store
from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.observer import Observer, Observers
from gateway.telemetry.recent import Recent
from gateway.telemetry.request_log import RequestLog
from gateway.telemetry.shared import SharedFigures

_log = logging.getLogger("sluice")


class Lasting(msgspec.Struct, frozen=True, kw_only=True):
    """Shared by every configuration in turn: what was counted, learnt and spent outlasts each of them."""

    clock: Clock
    random: Random
    new_id: Callable[[], str]
    catalog: Catalog
    opened: Opened
    callers: Callers
    leases: Leases
    """Transports and the like, which configurations with the same settings for them have in common."""
    vitals: Vitals
    breakers: Breakers
    retry_budget: RetryBudget
    metrics: Metrics
    watch: Watch
    alerts: Alerts
    recent: Recent
    observers: Observers
    log_writer: LogWriter

    def keep_to(self, control: Control, *, anew: Collection[str] = ()) -> None:
        """Know the models, providers and limits of the configuration that comes into force, and forget other targets.

        So are those of the providers ``anew``: what they did with another key, or elsewhere, says nothing now.
        """
        # What ended before is told of as things were then.
        self.observers.flush()
        every = (target for model in control.models.values() for target in model.targets)
        targets = {target.id for target in every if target.provider not in anew}
        self.vitals.retain(targets)
        self.breakers.retain(targets)
        self.recent.know(control.models)
        providers = control.settings.providers.items()
        kinds = {name: provider.kind for name, provider in providers}
        self.metrics.know(control.models, kinds)
        self.opened.calls.know(kinds)
        if self.opened.traces is not None:
            self.opened.traces.know(control)
        self.watch.keep_to(control.book)
        self.alerts.put(control.settings.alerts, _by_provider(control), control.book)


def build_lasting(
    *,
    clock: Clock,
    random: Random,
    catalog: Catalog,
    opened: Opened,
    log_writer: LogWriter,
    log: Log,
    zone: tzinfo,
    figures: SharedFigures | None = None,
    recent: Recent | None = None,
) -> Lasting:
    """All of it, new. ``log`` says how calls are logged, ``zone`` where the windows of budgets begin; ``figures`` and
    ``recent`` are those of all workers, if there are several.
    """
    recent = recent or Recent(clock)
    breakers = Breakers(clock, random)
    breakers.listeners.append(_tell_change)
    metrics = Metrics(version=__version__, shared=figures)
    callers = Callers(opened.directory, clock)
    watch = Watch(opened.store, callers.team_ceilings, clock=clock, sleep=asyncio.sleep)
    new_id = _ids()
    alerts = _alerts(opened.store, breakers, watch, clock=clock, random=random, new_id=new_id, zone=zone)
    request_log = RequestLog(log_writer, log.format, level=log.level)
    observers: list[Observer] = [metrics, recent, request_log, opened.reporter, watch, alerts, opened.calls]
    if opened.traces is not None:
        observers.append(opened.traces.tracer)
    return Lasting(
        clock=clock,
        random=random,
        new_id=new_id,
        catalog=catalog,
        opened=opened,
        callers=callers,
        leases=Leases(),
        vitals=Vitals(clock),
        breakers=breakers,
        retry_budget=RetryBudget(clock),
        metrics=metrics,
        watch=watch,
        alerts=alerts,
        recent=recent,
        observers=Observers(observers, clock, later=asyncio.get_running_loop().call_later),
        log_writer=log_writer,
    )


def _alerts(
    store: Store,
    breakers: Breakers,
    watch: Watch,
    *,
    clock: Clock,
    random: Random,
    new_id: Callable[[], str],
    zone: tzinfo,
) -> Alerts:
    return Alerts(
        store=store,
        breakers=breakers,
        watch=watch,
        clock=clock,
        sleep=asyncio.sleep,
        random=random,
        new_id=new_id,
        zone=zone,
        instance=socket.gethostname(),
        post=HttpPost(clock),
    )


def _ids() -> Callable[[], str]:
    """Ids that are unique for all time: a random beginning a process, then a count."""
    prefix = secrets.token_hex(8)
    count = itertools.count()
    return lambda: f"{prefix}{next(count):08x}"


def _by_provider(control: Control) -> dict[str, frozenset[str]]:
    """The targets of each provider, by their ids."""
    found: dict[str, set[str]] = {}
    for model in control.models.values():
        for target in model.targets:
            found.setdefault(target.provider, set()).add(target.id)
    return {provider: frozenset(targets) for provider, targets in found.items()}


def _tell_change(change: Change) -> None:
    _log.warning(
        "target %s: breaker %s -> %s%s",
        change.target,
        change.before,
        change.after,
        f" ({change.reason}), for {change.for_s:.1f} s" if change.reason and change.for_s else "",
    )
