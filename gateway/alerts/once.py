"""Who tells: each crossing and each outage is told once, by whichever replica takes it from the shared store first.

    a budget's threshold   a Spend of 1 in the budget's own window: whoever holds it tells, and it resets by itself
    a target               a count of changes: odd is down, even is up. Whoever moves it on by one tells

What is taken is held while it is being told, and spent when it was; a process that stops before gives it back, and
another tells. Beside the count stands a Rate, so that a target that goes down again and again is told of now and then.

Every claim is ``closed`` during an outage of the store: an alert that was let in without it would be counted later,
beside those of other replicas, and a counter that is too high would silence what was never told.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Iterable, Sequence

import msgspec

from gateway.alerts.events import BudgetCrossed
from gateway.core.errors import StoreUnavailable
from gateway.state.base import Claim, Rate, Refusal, Reservation, Spend, Store

FLAPS_S = 900.0
"""A target is told to be down once in so many seconds at most."""


class Answer(enum.Enum):
    """Why somebody is not to tell."""

    TOLD = "told"
    """It was told, or there is nothing to tell."""
    NOT_NOW = "not now"
    """Another is telling it and may yet fail to, or it is too early: ask again."""
    OUT = "out"
    """The store is out of reach."""


class Taken(msgspec.Struct, frozen=True):
    """The right to tell. It ends by ``keep`` or ``give_back``, one of which must be called."""

    id: str
    """Of the delivery. Whoever tells the same crossing of a budget again, after a crash, does so under the same."""
    keep: Callable[[], None]
    """It was told."""
    give_back: Callable[[], None]
    """It was not, and another may."""
    is_alone: bool = False
    """The store was not asked: others may tell the same."""


class Once:
    """Over the counters of ``store``; ``new_id`` makes ids that no other process makes."""

    def __init__(self, store: Store, new_id: Callable[[], str]) -> None:
        self._store = store
        self._new_id = new_id

    async def budget(self, webhook: str, event: BudgetCrossed, thresholds: Sequence[int]) -> Taken | Answer:
        """A threshold is told unless it, or a higher one of the same crossing, was: lower ones are no news then."""

        def claim(percent: int) -> Claim:
            key = f"alert:{webhook}:{event.crossing} {percent}"
            return Claim(key, Spend(1, event.window, "closed"), 1)

        mine = claim(event.percent)
        higher = [claim(percent) for percent in thresholds if percent > event.percent]
        if not self._store.status.is_reachable:
            return Answer.OUT
        try:
            if higher and any(level.used for level in await self._store.levels(higher)):
                return Answer.TOLD
        except StoreUnavailable:
            return Answer.OUT
        return await self._take((mine,), hashlib.sha256(mine.key.encode()).hexdigest()[:32])

    async def down(self, webhook: str, target: str) -> Taken | Answer:
        """TOLD: it is down already, as far as anybody was told."""
        return await self._change(webhook, target, to_down=True)

    async def up(self, webhook: str, target: str) -> Taken | Answer:
        """TOLD: nobody was told that it was down, or somebody that it is up."""
        return await self._change(webhook, target, to_down=False)

    def alone(self) -> Taken:
        """The right to tell without the store, which nobody can refuse."""
        return Taken(f"msg_{self._new_id()}", keep=lambda: None, give_back=lambda: None, is_alone=True)

    async def told_down(self, webhook: str, targets: Iterable[str]) -> frozenset[str] | None:
        """Those of ``targets`` of which was told last that they are down; None: the store is out of reach."""
        if not self._store.status.is_reachable:
            return None
        asked = tuple(targets)
        try:
            levels = await self._store.levels([_changes(webhook, target, 1) for target in asked])
        except StoreUnavailable:
            return None
        return frozenset(target for target, level in zip(asked, levels, strict=True) if level.used % 2)

    async def _change(self, webhook: str, target: str, *, to_down: bool) -> Taken | Answer:
        if not self._store.status.is_reachable:
            return Answer.OUT
        try:
            (level,) = await self._store.levels([_changes(webhook, target, 1)])
        except StoreUnavailable:
            return Answer.OUT
        if level.held:
            return Answer.NOT_NOW
        is_down = level.used % 2 == 1
        if is_down == to_down:
            return Answer.TOLD
        # One more than was read: it fits for one of those that have read the same, and for no other.
        claims = [_changes(webhook, target, level.used + 1)]
        if to_down:
            claims.append(Claim(f"alert:{webhook}:flaps {target}", Rate(1, FLAPS_S, "closed"), 1))
        took = await self._take(tuple(claims), self._new_id())
        # Another has moved it on, or it flaps: what to do is another question then.
        return Answer.NOT_NOW if took is Answer.TOLD else took

    async def _take(self, claims: tuple[Claim, ...], id: str) -> Taken | Answer:
        reservation = f"alert-{self._new_id()}"
        try:
            answer = await self._store.hold([Reservation(reservation, claims)])
        except StoreUnavailable:
            return Answer.OUT
        if isinstance(answer, Refusal):
            return Answer.NOT_NOW if answer.level.held else Answer.TOLD
        settle = self._store.settle
        return Taken(
            f"msg_{id}",
            keep=lambda: settle(reservation, [1] * len(claims)),
            give_back=lambda: settle(reservation, [0] * len(claims)),
        )


def _changes(webhook: str, target: str, limit: int) -> Claim:
    return Claim(f"alert:{webhook}:changes {target}", Spend(limit, "total", "closed"), 1)
