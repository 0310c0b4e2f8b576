"""What is asked of a shared engine of counters, such as Redis: atomic verbs that may fail. Nothing here says what a
failure means for a call; that is ``SharedStore``'s, which stands before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from gateway.state.base import Claim, Level, Refusal, Reservation
from gateway.state.windows import Span


class Settlement(msgspec.Struct, frozen=True, tag="settlement"):
    """A reservation's truth. Its claims are what was held; amounts stand one for one with them."""

    id: str
    claims: tuple[Claim, ...]
    amounts: tuple[int, ...]


class Withdrawal(msgspec.Struct, frozen=True, tag="withdrawal"):
    """Of a hold nobody knows whether it was taken: the answer was lost. If it was, it is given back; if it is still on
    its way, it must be refused when it arrives.
    """

    id: str
    claims: tuple[Claim, ...]


class Charge(msgspec.Struct, frozen=True, tag="charge"):
    """Money that was spent by a call that was let in while the engine was out, in the window that it was let in.

    Of its claims, only those for Spend; ``windows`` stand one for one with them.
    """

    id: str
    claims: tuple[Claim, ...]
    amounts: tuple[int, ...]
    windows: tuple[Span, ...]


Delivery = Settlement | Withdrawal | Charge
"""What must reach the engine sooner or later. Each counts once, however often it is delivered."""


class Remote(Protocol):
    """A shared engine. Every verb raises StoreUnavailable within the deadline that it was made with: StoreTimedOut
    where that is why, StoreUnfit where waiting won't help. Of a hold that raised, nobody knows whether it was taken.

    Its time is the engine's own, its windows are of one time zone. A reservation lives while its replica renews it: it
    ends ``lease_s`` after the last renewal. Then its slots are free, and its Spend is charged at its worst case, to be
    corrected by a later settlement.
    """

    async def start(self) -> None:
        """Make ready. Raises StoreUnavailable, saying what to do; it may be called again."""
        ...

    async def hold(self, reservations: Sequence[Reservation]) -> tuple[Level, ...] | Refusal:
        """As Store.hold. Calls of one turn of the event loop share a round trip."""
        ...

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Apply them all, in any order. If this raises, any part of them may have been applied: deliver all again."""
        ...

    async def levels(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        """As Store.levels."""
        ...

    async def renew(self, reservations: Sequence[Reservation]) -> int:
        """Say that this replica lives, and has these reservations open. Answers how many replicas live."""
        ...

    def now_s(self) -> float:
        """The engine's time, as far as it is known: seconds since the epoch."""
        ...

    async def aclose(self) -> None: ...
