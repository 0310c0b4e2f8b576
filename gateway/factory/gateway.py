"""The whole gateway, started and taken apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from zoneinfo import ZoneInfo

from gateway.catalog.catalog import Catalog
from gateway.core.clock import Clock, SystemClock
from gateway.core.errors import Problem
from gateway.edge.app import DataPlane
from gateway.edge.operations import operations
from gateway.factory.background import in_background
from gateway.factory.configured import Configured
from gateway.factory.control_plane import ControlPlane
from gateway.factory.lasting import Lasting, build_lasting
from gateway.factory.live import Live
from gateway.factory.opened import opened
from gateway.factory.readers import register_readers
from gateway.factory.source import Source
from gateway.factory.upstreams import Upstreams
from gateway.factory.worker import Worker
from gateway.settings import Settings
from gateway.telemetry.lag import watch_lag
from gateway.telemetry.log_writer import LogWriter


class Gateway:
    """A running gateway: ``app`` is what a server serves."""

    def __init__(self, lasting: Lasting, live: Live) -> None:
        self.live = live
        self.lasting = lasting
        self.store = lasting.opened.store
        self.breakers = lasting.breakers
        self.vitals = lasting.vitals
        self.is_leaving = False
        """Set when it is about to stop: load balancers are told to send no more."""
        traces = lasting.opened.traces
        self._control_plane = ControlPlane(live.made.control)
        self.app = DataPlane(
            live.made.parts,
            clock=lasting.clock,
            new_id=lasting.new_id,
            observe=lasting.observers.observe,
            operations=operations(
                render=lasting.metrics.render,
                catch_up=lasting.observers.flush,
                hindrance=self._hindrance,
                config=lambda: live.made.hash,
            ),
            control_plane=self._control_plane,
            tracing=traces.sampling if traces is not None else None,
        )
        live.put = self._put

    @property
    def upstreams(self) -> Upstreams:
        """The providers of the configuration in force."""
        return self.live.made.upstreams

    def _put(self, made: Configured) -> None:
        """Serve whoever comes from now on by ``made``."""
        self.app.parts = made.parts
        self._control_plane.control = made.control

    def _hindrance(self) -> Mapping[str, object] | None:
        if self.is_leaving:
            return {"reason": "the gateway is stopping"}
        if self.live.made.settings.state.on_outage == "closed" and not self.store.status.is_reachable:
            return {"reason": "the shared store is out of reach, and state.on_outage is closed"}
        return None


@asynccontextmanager
async def running_gateway(
    settings: Settings,
    *,
    catalog: Catalog,
    log_writer: LogWriter,
    problems: Sequence[Problem] = (),
    source: Source | None = None,
    worker: Worker | None = None,
    clock: Clock | None = None,
    random: Random | None = None,
) -> AsyncIterator[Gateway]:
    """A gateway with everything that it needs started. At the end, every settlement is delivered.

    ``problems`` are what was found when the settings were read, for the control plane to show; ``source`` is what they
    were read from, and are read again from when it changes. ``worker`` is who runs it, where it is one of several.
    Raises ConfigError or StoreUnavailable for what can't be started, saying what to do.
    """
    clock = clock or SystemClock()
    random = random or Random()  # noqa: S311 — spreads load, guards no secret
    async with AsyncExitStack() as started:
        lasting = build_lasting(
            clock=clock,
            random=random,
            catalog=catalog,
            opened=await started.enter_async_context(opened(settings, clock, random, worker)),
            log_writer=log_writer,
            log=settings.server.log,
            zone=ZoneInfo(settings.server.timezone),
            figures=worker.figures if worker else None,
            recent=worker.recent(clock) if worker else None,
        )
        started.push_async_callback(lasting.callers.aclose)
        started.push_async_callback(lasting.alerts.aclose)
        started.callback(lasting.observers.flush)
        live = Live(lasting, source)
        await live.start(settings, problems)
        started.push_async_callback(live.aclose)
        gateway = Gateway(lasting, live)
        register_readers(lasting, gateway.app, live)
        lasting.opened.directory.subscribe(live.hear)
        for running in (
            live.run(),
            lasting.watch.run(),
            watch_lag(lasting.metrics.observe_lag, clock, asyncio.sleep),
        ):
            await started.enter_async_context(in_background(running))
        yield gateway
