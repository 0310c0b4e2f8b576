"""A RedisEngine whose servers take a test's clock for the time: what that is are keys that tests set."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from redis.asyncio import RedisCluster

from gateway.core.redis import Client
from gateway.state.base import Claim, Level, Refusal, Reservation
from gateway.state.redis.connect import connect
from gateway.state.redis.engine import RedisEngine
from gateway.state.redis.rows import tag_of
from gateway.state.redis.servers import HOME
from gateway.state.remote import Delivery
from tests.clock import FrozenClock

TIME = """local function time_ms()
    return tonumber(redis.call('GET', (string.gsub(KEYS[1], ':open$', ':now'))))
end"""
"""Each node of a cluster can tell it, since each tag has it."""
PATIENT_S = 10.0
"""A deadline that no busy machine misses."""


async def tell_time(client: Client, clock: FrozenClock, tags: Iterable[str]) -> None:
    for tag in tags:
        await client.set(f"sluice:{{{tag}}}:now", int(clock.time() * 1_000))


async def empty(client: Client) -> None:
    await (client.flushdb(target_nodes="primaries") if isinstance(client, RedisCluster) else client.flushdb())


class FrozenRedis:
    """A Remote. Begins with an empty Redis."""

    def __init__(self, url: str, clock: FrozenClock) -> None:
        self.client = connect(url)
        self.clock = clock
        self.told: dict[str, float] = {}
        self.telling = asyncio.Lock()
        self.engine = RedisEngine(
            self.client, clock, deadline_s=PATIENT_S, lease_s=3_600.0, hold_lease_s=3_600.0, time_script=TIME
        )

    async def _tell_time(self, claims: Iterable[Claim] = ()) -> None:
        now_s = self.clock.time()
        tags = {HOME, *(tag_of(claim.key) for claim in claims)} if isinstance(self.client, RedisCluster) else {HOME}
        async with self.telling:
            stale = [tag for tag in tags if self.told.get(tag) != now_s]
            await tell_time(self.client, self.clock, stale)
            self.told |= dict.fromkeys(stale, now_s)

    async def start(self) -> None:
        await empty(self.client)
        await self._tell_time()
        await self.engine.start()

    async def hold(self, reservations: Sequence[Reservation]) -> tuple[Level, ...] | Refusal:
        await self._tell_time(claim for each in reservations for claim in each.claims)
        return await self.engine.hold(reservations)

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        await self._tell_time(claim for each in deliveries for claim in each.claims)
        await self.engine.deliver(deliveries)

    async def levels(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        await self._tell_time(claims)
        return await self.engine.levels(claims)

    async def renew(self, reservations: Sequence[Reservation]) -> int:
        await self._tell_time(claim for each in reservations for claim in each.claims)
        return await self.engine.renew(reservations)

    def now_s(self) -> float:
        return self.clock.time()

    async def aclose(self) -> None:
        await self.engine.aclose()
        await self.client.aclose()
