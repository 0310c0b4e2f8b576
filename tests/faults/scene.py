"""A gateway in front of simulated providers, as the tests of faults set it up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from gateway.core.clock import Clock
from gateway.core.types import Outcome
from gateway.limits.base import Consumption
from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.server import running
from gateway.state.base import Level
from tests.serving import Serving, serving

HOUR = 3_600_000
"""Milliseconds that no test waits for."""
PRICE = {"input": 1, "output": 10}
"""USD a million tokens; 1,000 and 10,000 nano-dollars a token."""


def one_model(*upstreams: str, server: dict[str, Any] | None = None, **rest: Any) -> dict[str, Any]:
    """The model ``m``, served by the providers ``a``, ``b`` and so on in this order, under a limit of every kind."""
    names = "abcdefgh"[: len(upstreams)]
    return {
        "server": {"hold_wait_s": 0, **(server or {})},
        "providers": {name: {"kind": "simulator", "base_url": url} for name, url in zip(names, upstreams, strict=True)},
        "models": {"m": {"targets": [{"provider": name, "model": "s", "price": PRICE} for name in names], **rest}},
        "global": {
            "budgets": [{"usd": 100, "per": "day"}],
            "limits": {"concurrency": 1_000, "rpm": 100_000, "tpm": 100_000_000},
        },
    }


class Faults(Serving):
    """A running gateway and its simulated providers, and what its limits say."""

    def __init__(self, serving: Serving, upstreams: list[Simulator]) -> None:
        super().__init__(serving.url, serving.gateway, serving.outcomes)
        self.upstreams = upstreams

    async def levels(self) -> dict[str, Level]:
        """The global limits by measure: ``budget``, ``concurrency``."""
        limits = self.gateway.app.parts.pipeline._admission.book._scopes["global"]
        levels = await self.gateway.store.levels([limit.claim(Consumption()) for limit in limits])
        return {limit.measure: level for limit, level in zip(limits, levels, strict=True)}

    async def outcome(self) -> Outcome:
        """The last outcome, once there is one."""
        await self.until(lambda: self.outcomes)
        return self.outcomes[-1]

    @property
    def addresses(self) -> dict[str, str]:
        """The providers' base URLs by their names."""
        providers = self.gateway.app.parts.pipeline._providers
        return {name: provider.dialect.account.base_url for name, provider in providers.items()}

    @property
    def connections(self) -> int:
        """To providers, in use and kept."""
        return sum(connector.open_connections for connector in self.gateway.upstreams.connectors)


@asynccontextmanager
async def faults(*behaviours: Behaviour, clock: Clock | None = None, **config: Any) -> AsyncIterator[Faults]:
    """A gateway over a simulated provider for each of ``behaviours``, or one. ``config`` goes to ``one_model``."""
    upstreams = [Simulator(behaviour) for behaviour in behaviours or (Behaviour(),)]
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(running(upstream)) for upstream in upstreams]
        gateway = await stack.enter_async_context(serving(one_model(*urls, **config), clock=clock))
        yield Faults(gateway, upstreams)
