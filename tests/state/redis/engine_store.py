"""A RedisEngine as a Store, on a clock that stands still: what Redis takes for the time is a key that tests set."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.state.base import Claim, Level, Refusal, Reservation, Status
from gateway.state.redis.connect import connect
from gateway.state.redis.engine import RedisEngine
from gateway.state.remote import Settlement
from tests.clock import FrozenClock

TIME = "local function time_ms() return tonumber(redis.call('GET', 'test:now')) end"
PATIENT_S = 10.0
"""A deadline that no busy machine misses."""


class EngineStore:
    """Delivers what was settled before it asks anything else. Begins with an empty Redis."""

    def __init__(self, url: str, clock: FrozenClock) -> None:
        self.client = connect(url)
        self.clock = clock
        self.engine = RedisEngine(
            self.client, clock, deadline_s=PATIENT_S, lease_s=3_600.0, hold_lease_s=3_600.0, time_script=TIME
        )
        self.held: dict[str, tuple[Claim, ...]] = {}
        self.settled: list[Settlement] = []
        self.told_s: float | None = None

    async def start(self) -> None:
        await self.client.flushdb()
        await self.tell_time()
        await self.engine.start()

    async def tell_time(self) -> None:
        if self.told_s != self.clock.time():
            self.told_s = self.clock.time()
            await self.client.set("test:now", int(self.told_s * 1_000))

    async def hold(self, reservations: Sequence[Reservation]) -> tuple[Level, ...] | Refusal:
        await self.flush()
        answer = await self.engine.hold(reservations)
        if isinstance(answer, tuple):
            self.held |= {reservation.id: reservation.claims for reservation in reservations}
        return answer

    def settle(self, reservation_id: str, amounts: Sequence[int]) -> None:
        if (claims := self.held.get(reservation_id)) is not None:
            self.settled.append(Settlement(reservation_id, claims, tuple(amounts)))

    async def levels(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        await self.flush()
        return await self.engine.levels(claims)

    async def flush(self) -> None:
        await self.tell_time()
        settled, self.settled = self.settled, []
        if settled:
            await self.engine.deliver(settled)

    async def aclose(self) -> None:
        await self.engine.aclose()
        await self.client.aclose()

    @property
    def status(self) -> Status:
        return Status()
