"""A RedisEngine whose server takes a test's clock for the time."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.state.base import Claim, Level, Refusal, Reservation
from gateway.state.redis.connect import connect
from gateway.state.redis.engine import RedisEngine
from gateway.state.remote import Delivery
from tests.clock import FrozenClock
from tests.state.redis.engine_store import PATIENT_S, TIME


class FrozenRedis:
    """A Remote. Begins with an empty Redis."""

    def __init__(self, url: str, clock: FrozenClock) -> None:
        self.client = connect(url)
        self.clock = clock
        self.told_s: float | None = None
        self.engine = RedisEngine(
            self.client, clock, deadline_s=PATIENT_S, lease_s=3_600.0, hold_lease_s=3_600.0, time_script=TIME
        )

    async def _tell_time(self) -> None:
        if self.told_s != self.clock.time():
            self.told_s = self.clock.time()
            await self.client.set("test:now", int(self.told_s * 1_000))

    async def start(self) -> None:
        await self.client.flushdb()
        await self._tell_time()
        await self.engine.start()

    async def hold(self, reservations: Sequence[Reservation]) -> tuple[Level, ...] | Refusal:
        await self._tell_time()
        return await self.engine.hold(reservations)

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        await self._tell_time()
        await self.engine.deliver(deliveries)

    async def levels(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        await self._tell_time()
        return await self.engine.levels(claims)

    async def renew(self, reservations: Sequence[Reservation]) -> int:
        return await self.engine.renew(reservations)

    def now_s(self) -> float:
        return self.clock.time()

    async def aclose(self) -> None:
        await self.engine.aclose()
        await self.client.aclose()
