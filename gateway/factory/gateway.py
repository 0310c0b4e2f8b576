"""The whole gateway, put together and taken apart."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from zoneinfo import ZoneInfo

from gateway import __version__
from gateway.admin.control import Control
from gateway.catalog.catalog import Catalog
from gateway.core.clock import Clock, SystemClock
from gateway.core.errors import Problem
from gateway.edge.app import DataPlane, Parts
from gateway.edge.operations import operations
from gateway.factory.callers import build_identity
from gateway.factory.ceilings import build_book
from gateway.factory.control_plane import control_plane
from gateway.factory.explanation import Explainer
from gateway.factory.readers import register_readers
from gateway.factory.targets import build_models
from gateway.factory.upstreams import Upstreams
from gateway.health.breaker import Breakers, Change
from gateway.health.vitals import Vitals
from gateway.pipeline.ledger import Admission
from gateway.pipeline.pipeline import Pipeline
from gateway.resilience.failover import Failover
from gateway.resilience.retry_budget import RetryBudget
from gateway.routing.router import Router
from gateway.settings import Settings
from gateway.state.base import Store
from gateway.state.open import open_store
from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.observer import Observers
from gateway.telemetry.request_log import RequestLog

_log = logging.getLogger("sluice")


class Gateway:
    """A running gateway: ``app`` is what a server serves."""

    def __init__(self, app: DataPlane, upstreams: Upstreams, store: Store, breakers: Breakers, vitals: Vitals) -> None:
        self.app = app
        self.upstreams = upstreams
        self.store = store
        self.breakers = breakers
        self.vitals = vitals
        self.is_leaving = False
        """Set when it is about to stop: load balancers are told to send no more."""


@asynccontextmanager
async def running_gateway(
    settings: Settings,
    *,
    catalog: Catalog,
    log_writer: LogWriter,
    problems: Sequence[Problem] = (),
    clock: Clock | None = None,
    random: Random | None = None,
) -> AsyncIterator[Gateway]:
    """A gateway with everything that it needs started. At the end, every settlement is delivered.

    ``problems`` are what was found when the settings were read, for the control plane to show.
    Raises ConfigError or StoreUnavailable for what can't be started, saying what to do.
    """
    clock = clock or SystemClock()
    random = random or Random()  # noqa: S311 — spreads load, guards no secret
    async with AsyncExitStack() as started:
        store = open_store(settings.state.url.get_secret_value(), clock, ZoneInfo(settings.server.timezone))
        await store.start()
        started.push_async_callback(store.aclose)
        addresses = await _start_simulators(settings, started, clock, random)
        upstreams = Upstreams(settings, clock, addresses)
        started.push_async_callback(upstreams.aclose)
        yield _assemble(
            settings,
            problems,
            catalog=catalog,
            store=store,
            upstreams=upstreams,
            log_writer=log_writer,
            clock=clock,
            random=random,
        )


def _assemble(
    settings: Settings,
    problems: Sequence[Problem],
    *,
    catalog: Catalog,
    store: Store,
    upstreams: Upstreams,
    log_writer: LogWriter,
    clock: Clock,
    random: Random,
) -> Gateway:
    models = build_models(settings, catalog)
    vitals = Vitals(clock)
    breakers = Breakers(clock, random)
    breakers.listeners.append(_tell_change)
    metrics = Metrics(models=models, version=__version__)
    request_log = RequestLog(log_writer, settings.server.log.format, level=settings.server.log.level)
    observers = Observers([metrics, request_log], clock)
    new_id = _ids()
    router = Router(models, vitals, breakers, random, off=upstreams.off)
    book = build_book(settings)
    pipeline = Pipeline(
        router=router,
        providers=upstreams.providers,
        admission=Admission(
            store=store,
            book=book,
            clock=clock,
            sleep=asyncio.sleep,
            new_id=new_id,
            hold_wait_s=float(settings.server.hold_wait_s),
        ),
        failover=Failover(
            breakers=breakers, retry_budget=RetryBudget(clock), clock=clock, sleep=asyncio.sleep, random=random
        ),
        vitals=vitals,
        breakers=breakers,
        observe=observers.observe,
        clock=clock,
        max_attempts=settings.server.attempts,
    )
    parts = Parts(
        identity=build_identity(settings, clock),
        models=models,
        pipeline=pipeline,
        max_body_bytes=settings.server.max_body_bytes,
        spool_bytes=settings.server.spool_bytes,
    )
    control = Control(
        settings=settings,
        problems=tuple(problems),
        models=models,
        base_urls=upstreams.base_urls,
        book=book,
        store=store,
        vitals=vitals,
        breakers=breakers,
        explainer=Explainer(settings, models=models, router=router, book=book, clock=clock),
        clock=clock,
    )
    app = DataPlane(
        parts,
        clock=clock,
        new_id=new_id,
        observe=observers.observe,
        operations=operations(
            render=metrics.render,
            hindrance=lambda: {"reason": "the gateway is stopping"} if gateway.is_leaving else None,
        ),
        control_plane=control_plane(control),
    )
    register_readers(
        metrics,
        app=app,
        upstreams=upstreams,
        breakers=breakers,
        store=store,
        log_writer=log_writer,
        observers=observers,
    )
    gateway = Gateway(app, upstreams, store, breakers, vitals)
    return gateway


async def _start_simulators(
    settings: Settings, started: AsyncExitStack, clock: Clock, random: Random
) -> dict[str, str]:
    """Serve the simulated providers that have no address of their own; their base URLs by name."""
    addresses = {}
    for name, provider in settings.providers.items():
        if provider.kind == "simulator" and provider.base_url is None and not provider.is_off:
            from gateway.simulator.app import Simulator
            from gateway.simulator.behaviour import Behaviour
            from gateway.simulator.server import running

            simulator = Simulator(Behaviour.from_options(provider.options), clock=clock, random=random)
            addresses[name] = await started.enter_async_context(running(simulator))
    return addresses


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
