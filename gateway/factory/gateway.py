"""The whole gateway, started and taken apart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from zoneinfo import ZoneInfo

from gateway.catalog.catalog import Catalog
from gateway.core.clock import Clock, SystemClock
from gateway.core.errors import Problem
from gateway.edge.app import DataPlane
from gateway.edge.operations import operations
from gateway.factory.configured import Configured, configure
from gateway.factory.control_plane import control_plane
from gateway.factory.lasting import Lasting, build_lasting
from gateway.factory.media import running_media
from gateway.factory.readers import register_readers
from gateway.factory.upstreams import Upstreams
from gateway.settings import Settings
from gateway.state.open import open_store
from gateway.telemetry.log_writer import LogWriter


class Gateway:
    """A running gateway: ``app`` is what a server serves."""

    def __init__(self, lasting: Lasting, upstreams: Upstreams, made: Configured) -> None:
        self.upstreams = upstreams
        self.store = lasting.store
        self.breakers = lasting.breakers
        self.vitals = lasting.vitals
        self.is_leaving = False
        """Set when it is about to stop: load balancers are told to send no more."""
        self.app = DataPlane(
            made.parts,
            clock=lasting.clock,
            new_id=lasting.new_id,
            observe=lasting.observers.observe,
            operations=operations(render=lasting.metrics.render, hindrance=self._hindrance),
            control_plane=control_plane(made.control),
        )

    def _hindrance(self) -> Mapping[str, object] | None:
        return {"reason": "the gateway is stopping"} if self.is_leaving else None


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
        shared = build_lasting(
            clock=clock, random=random, catalog=catalog, store=store, log_writer=log_writer, log=settings.server.log
        )
        addresses = await _start_simulators(settings, started, clock, random)
        upstreams = Upstreams(settings, clock, addresses)
        started.push_async_callback(upstreams.aclose)
        media = await started.enter_async_context(running_media(settings.server.media, clock))
        made = configure(settings, shared, upstreams, problems, media=media)
        shared.keep_to(made.parts.models)
        gateway = Gateway(shared, upstreams, made)
        register_readers(shared, gateway.app, upstreams)
        yield gateway


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
