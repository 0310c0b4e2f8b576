"""What lives as long as the process, whatever configurations come into force meanwhile."""

from __future__ import annotations

import itertools
import logging
import secrets
from collections.abc import Callable, Collection, Mapping
from random import Random

import msgspec

from gateway import __version__
from gateway.catalog.catalog import Catalog
from gateway.core.clock import Clock
from gateway.core.types import Model
from gateway.factory.callers import Callers
from gateway.factory.leases import Leases
from gateway.factory.opened import Opened
from gateway.health.breaker import Breakers, Change
from gateway.health.vitals import Vitals
from gateway.resilience.retry_budget import RetryBudget
from gateway.settings.server import Log
from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.observer import Observers
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
    recent: Recent
    observers: Observers
    log_writer: LogWriter

    def keep_to(self, models: Mapping[str, Model], *, anew: Collection[str] = ()) -> None:
        """Know these models, those of the configuration that comes into force, and forget all other targets.

        So are those of the providers ``anew``: what they did with another key, or elsewhere, says nothing now.
        """
        every = (target for model in models.values() for target in model.targets)
        targets = {target.id for target in every if target.provider not in anew}
        self.vitals.retain(targets)
        self.breakers.retain(targets)
        self.recent.know(models)
        self.metrics.know(models)


def build_lasting(
    *,
    clock: Clock,
    random: Random,
    catalog: Catalog,
    opened: Opened,
    log_writer: LogWriter,
    log: Log,
    figures: SharedFigures | None = None,
    recent: Recent | None = None,
) -> Lasting:
    """All of it, new. ``log`` says how calls are logged; ``figures`` and ``recent`` are those of all
    workers, if there are several.
    """
    recent = recent or Recent(clock)
    breakers = Breakers(clock, random)
    breakers.listeners.append(_tell_change)
    metrics = Metrics(version=__version__, shared=figures)
    request_log = RequestLog(log_writer, log.format, level=log.level)
    return Lasting(
        clock=clock,
        random=random,
        new_id=_ids(),
        catalog=catalog,
        opened=opened,
        callers=Callers(opened.directory, clock),
        leases=Leases(),
        vitals=Vitals(clock),
        breakers=breakers,
        retry_budget=RetryBudget(clock),
        metrics=metrics,
        recent=recent,
        observers=Observers([metrics, recent, request_log, opened.reporter], clock),
        log_writer=log_writer,
    )


def _ids() -> Callable[[], str]:
    """Ids that are unique for all time: a random beginning a process, then a count."""
    prefix = secrets.token_hex(8)
    count = itertools.count()
    return lambda: f"{prefix}{next(count):08x}"


def _tell_change(change: Change) -> None:
    _log.warning(
        "target %s: breaker %s -> %s%s",
        change.target,
        change.before,
        change.after,
        f" ({change.reason}), for {change.for_s:.1f} s" if change.reason and change.for_s else "",
    )
