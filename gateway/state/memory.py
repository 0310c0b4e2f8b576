"""``memory://``: the counters of one process, gone when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo

from gateway.core.clock import Clock
from gateway.state.base import Claim, Level, Refusal, Reservation, Status
from gateway.state.counters import HOLD_LEASE_S, Counters


class MemoryStore:
    """A Store in memory. Counting is as ``Counters`` says; nothing is kept anywhere else."""

    def __init__(self, clock: Clock, zone: tzinfo = UTC, *, hold_lease_s: float = HOLD_LEASE_S) -> None:
        self._counters = Counters(clock, zone, hold_lease_s=hold_lease_s)

    def __repr__(self) -> str:
        return f"<MemoryStore {self._counters!r}>"

    async def start(self) -> None:
        """Nothing to open."""

    async def hold(self, reservations: Sequence[Reservation]) -> tuple[Level, ...] | Refusal:
        return self._counters.hold(reservations)

    def settle(self, reservation_id: str, amounts: Sequence[int]) -> None:
        self._counters.settle(reservation_id, amounts)

    async def levels(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        return self._counters.levels(claims)

    async def aclose(self) -> None:
        """Nothing to deliver."""

    @property
    def status(self) -> Status:
        return Status()
