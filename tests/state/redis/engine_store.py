"""A RedisEngine as a Store, with as little between as can be."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.state.base import Claim, Level, Refusal, Reservation, Status
from gateway.state.remote import Settlement
from tests.clock import FrozenClock
from tests.state.redis.frozen_redis import FrozenRedis


class EngineStore:
    """Delivers what was settled before it asks anything else."""

    def __init__(self, url: str, clock: FrozenClock) -> None:
        self.redis = FrozenRedis(url, clock)
        self.held: dict[str, tuple[Claim, ...]] = {}
        self.settled: list[Settlement] = []

    async def start(self) -> None:
        await self.redis.start()

    async def hold(self, reservations: Sequence[Reservation]) -> tuple[Level, ...] | Refusal:
        await self.flush()
        answer = await self.redis.hold(reservations)
        if isinstance(answer, tuple):
            self.held |= {reservation.id: reservation.claims for reservation in reservations}
        return answer

    def settle(self, reservation_id: str, amounts: Sequence[int]) -> None:
        if (claims := self.held.get(reservation_id)) is not None:
            self.settled.append(Settlement(reservation_id, claims, tuple(amounts)))

    async def levels(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        await self.flush()
        return await self.redis.levels(claims)

    async def flush(self) -> None:
        settled, self.settled = self.settled, []
        await self.redis.deliver(settled)

    async def aclose(self) -> None:
        await self.redis.aclose()

    @property
    def status(self) -> Status:
        return Status()
