"""A configuration in the making, and in force: what it was made into, and its hold on what it shares with others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

import msgspec

from gateway.admin.control import Reload
from gateway.core.errors import Problem
from gateway.core.exchange import Origin, Transport
from gateway.factory import simulators
from gateway.factory.configured import Configured, configure
from gateway.factory.lasting import Lasting
from gateway.factory.media import running_media
from gateway.factory.transports import Way, open_transport, pool_to, way_to
from gateway.factory.upstreams import Upstreams, base_url, off
from gateway.media.store import MediaStore
from gateway.settings import Settings
from gateway.settings.server import Media
from gateway.wire.connector import Connector


class Generation(msgspec.Struct, frozen=True):
    """One of the configurations that the process has had."""

    made: Configured
    ways: dict[str, Way]
    """How each provider that is on is reached."""
    holds: AsyncExitStack
    """Closing it lets go of transports, simulated providers and the media store. What no other generation uses is
    closed then, so this waits for the last call.
    """


class Plan(msgspec.Struct, frozen=True):
    """Settings that were found good, and what was looked up for them off the event loop."""

    settings: Settings
    problems: Sequence[Problem]
    ways: dict[str, Way]


def plan(settings: Settings, problems: Sequence[Problem]) -> Plan:
    """Blocks: it reads the files of certificates."""
    unreachable = off(settings)
    ways = {name: way_to(said, base_url(said)) for name, said in settings.providers.items() if name not in unreachable}
    return Plan(settings, problems, ways)


async def generation(plan: Plan, lasting: Lasting, reload: Reload, before: Generation | None = None) -> Generation:
    """Make ``plan`` into parts, over the same transports as ``before`` where they are made of the same.

    Nothing is changed for ``before``. Raises ConfigError for what can't be started, having let go of everything.
    """
    settings = plan.settings
    async with AsyncExitStack() as holds:
        media = await _media(settings.server.media, lasting, holds)
        addresses = await _simulators(settings, lasting, holds)
        base_urls = {name: base_url(said, addresses.get(name, "")) for name, said in settings.providers.items()}
        transports = await _transports(plan, base_urls, lasting, holds)

        def make() -> Configured:
            earlier = None if before is None else before.made.upstreams
            upstreams = Upstreams(settings, lasting.clock, base_urls, transports, earlier)
            return configure(settings, lasting, upstreams, plan.problems, reload=reload, media=media)

        made = await asyncio.to_thread(make)
        return Generation(made, plan.ways, holds.pop_all())


async def _media(said: Media | None, lasting: Lasting, holds: AsyncExitStack) -> MediaStore | None:
    if said is None:
        return None
    secret = said.secret.get_secret_value() if said.secret else ""
    made_of = ("media", said.path, secret, said.expires_s, said.base_url, said.max_bytes)
    return await lasting.leases.take(made_of, partial(running_media, said, lasting.clock), holds)


async def _simulators(settings: Settings, lasting: Lasting, holds: AsyncExitStack) -> dict[str, str]:
    """Their base URLs by provider."""
    return {
        name: await lasting.leases.take(
            simulators.made_of(name, said), partial(simulators.served, said, lasting.clock, lasting.random), holds
        )
        for name, said in simulators.simulated(settings).items()
    }


async def _transports(
    plan: Plan, base_urls: dict[str, str], lasting: Lasting, holds: AsyncExitStack
) -> dict[str, Transport]:
    """The transport of each provider that is on."""
    by_way = {
        way: await lasting.leases.take(way, partial(open_transport, way, lasting.clock), holds)
        for way in dict.fromkeys(plan.ways.values())
    }
    # Connections to where no provider is any more go with the last call, though the connector stays for the others.
    for way, origin in dict.fromkeys((way, Origin.of(base_urls[name])) for name, way in plan.ways.items()):
        if isinstance(connector := by_way[way], Connector):
            await lasting.leases.take((way, origin), partial(pool_to, connector, origin), holds)
    return {name: by_way[way] for name, way in plan.ways.items()}
