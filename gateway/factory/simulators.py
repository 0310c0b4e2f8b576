"""The simulated providers that have no address of their own: the gateway serves them itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import msgspec

from gateway.core.clock import Clock
from gateway.settings import Settings
from gateway.settings.provider import Provider as Said


def simulated(settings: Settings) -> dict[str, Said]:
    """Those to be served here, by name."""
    return {
        name: said
        for name, said in settings.providers.items()
        if said.kind == "simulator" and said.base_url is None and not said.is_off
    }


def made_of(name: str, said: Said) -> tuple[str, str, bytes]:
    """What a simulator is made of. Each provider has its own, for each has its own counts."""
    return "simulator", name, msgspec.json.encode(said.options, order="sorted")


@asynccontextmanager
async def served(said: Said, clock: Clock, random: Random) -> AsyncIterator[str]:
    """Serve it while the block runs; gives its base URL."""
    from gateway.simulator.app import Simulator
    from gateway.simulator.behaviour import Behaviour
    from gateway.simulator.server import running

    async with running(Simulator(Behaviour.from_options(said.options), clock=clock, random=random)) as address:
        yield address
