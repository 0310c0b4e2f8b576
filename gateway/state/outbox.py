"""What must still reach the engine: settlements, withdrawals and charges, until it has taken them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice

from gateway.core.clock import Sleep
from gateway.core.errors import StoreUnavailable
from gateway.state.outbox_writer import OutboxWriter
from gateway.state.reach import Reach, as_unavailable
from gateway.state.remote import Charge, Delivery, Remote

LARGEST_BATCH = 200
"""Deliveries in one question to the engine: more would not fit its deadline."""
BATCHES = 20
"""Questions at once: a busy loop has hundreds of calls that end between two turns."""
RETRY_S = 0.05

Failed = Callable[[StoreUnavailable, int], None]


class Outbox:
    """Delivers all that waits as soon as the loop comes to it, and what comes meanwhile together after that.

    While all goes well it touches no disk. From the first delivery that fails, and while the engine is out, what waits
    is written down too, and struck out when it is delivered. ``capacity`` is what may wait before calls that would owe
    money are refused: nothing that is owed already is ever dropped.
    """

    def __init__(
        self,
        remote: Remote,
        reach: Reach,
        writer: OutboxWriter,
        *,
        sleep: Sleep,
        capacity: int,
        failed: Failed,
        charged: Callable[[Charge], None],
    ) -> None:
        self._remote = remote
        self._reach = reach
        self._writer = writer
        self._sleep = sleep
        self._capacity = capacity
        self._failed = failed
        self._charged = charged
        self._waiting: dict[str, Delivery] = {}
        self._noted: set[str] = set()
        self._is_kept = False
        """What waits is written down."""
        self._batch = LARGEST_BATCH
        self._one_at_a_time = asyncio.Lock()
        self._is_called = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Outbox {len(self._waiting)} wait, {len(self._noted)} noted>"

    @property
    def backlog(self) -> int:
        """Deliveries that wait."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        return len(self._waiting) + len(self._noted) >= self._capacity

    @property
    def fullness(self) -> str:
        return (
            f"{self.backlog} settlements wait to be delivered to the shared store, and no more may. Bring it back: "
            "they are delivered by themselves"
        )

    def owes(self, key: str) -> bool:
        """Something waits that concerns this counter."""
        return any(claim.key == key for delivery in self._waiting.values() for claim in delivery.claims)

    def restore(self, deliveries: Iterable[Delivery]) -> None:
        """What the file already has."""
        self._waiting |= {delivery.id: delivery for delivery in deliveries}

    def note(self, charge: Charge) -> None:
        """Money that a running call owes at worst: written down, and not delivered, unless by a later process."""
        self._noted.add(charge.id)
        self._writer.put(charge)

    def settle(self, charge: Charge) -> None:
        """The truth of what was noted."""
        self._noted.discard(charge.id)
        if any(charge.amounts):
            self._writer.put(charge)
            self.add(charge)
        else:
            self._writer.drop(charge.id)

    def add(self, delivery: Delivery) -> None:
        self._waiting[delivery.id] = delivery
        if self._is_kept:
            self._writer.put(delivery)
        self._is_called.set()

    def keep(self) -> None:
        """Write down what waits, from now on until all of it is delivered."""
        if not self._is_kept:
            self._is_kept = True
            for delivery in self._waiting.values():
                self._writer.put(delivery)

    async def run(self) -> None:
        """Deliver for ever, whenever the engine is in reach."""
        called = self._is_called
        while True:
            await called.wait()
            called.clear()
            while self._waiting and not self._reach.is_out:
                try:
                    await self._deliver()
                except StoreUnavailable:
                    await self._sleep(RETRY_S)

    def resume(self) -> None:
        """The engine is back: deliver what came meanwhile."""
        self._is_kept = bool(self._waiting)
        self._is_called.set()

    async def flush(self) -> int:
        """Deliver all that waits now; how many that were. Raises StoreUnavailable."""
        count = len(self._waiting)
        last = next(reversed(self._waiting), None)
        while last in self._waiting:
            await self._deliver()
        return count

    async def _deliver(self) -> None:
        async with self._one_at_a_time:
            # They wait until it is sure that they were taken: a close may cut this off at any point.
            waiting, size = tuple(islice(self._waiting.values(), BATCHES * self._batch)), self._batch
            batches = [waiting[first : first + size] for first in range(0, len(waiting), size)]
            seen = self._reach.failures
            failures = [error for error in await asyncio.gather(*map(self._offer, batches)) if error is not None]
            if failures:
                self.keep()
                unavailable = as_unavailable(failures[0])
                self._failed(unavailable, seen)
                raise unavailable from failures[0]

    async def _offer(self, batch: tuple[Delivery, ...]) -> Exception | None:
        """What kept the engine from taking it, if anything did."""
        try:
            await self._remote.deliver(batch)
        except Exception as error:  # noqa: BLE001  whatever it was, the batch is owed
            self._put_behind(batch)
            return error
        self._reach.answered()
        self._taken(batch)
        return None

    def _taken(self, batch: Iterable[Delivery]) -> None:
        if self._batch < LARGEST_BATCH:
            self._batch = min(LARGEST_BATCH, self._batch * 2)
        for delivery in batch:
            del self._waiting[delivery.id]
            self._writer.drop(delivery.id)
            if delivery.__class__ is Charge:
                self._charged(delivery)
        if not self._waiting and not self._reach.is_out:
            self._is_kept = False

    def _put_behind(self, batch: tuple[Delivery, ...]) -> None:
        """Fewer the next time, and others first: neither a slow engine nor one bad delivery may hold up the rest."""
        self._batch = max(1, len(batch) // 2)
        for delivery in batch:
            self._waiting[delivery.id] = self._waiting.pop(delivery.id)
