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
from gateway.core.ceilings import Window
from gateway.core.errors import StoreUnavailable
from gateway.state.base import Claim, Level, Rate, Refusal, Reservation, Spend, Store

FLAPS_S = 900.0
"""A target is told to be down once in so many seconds at most."""
_MANY = 2**40
"""More than anything here is counted to."""
_AT_ONCE = 200
"""Counters that the store is asked for in one question: calls must not wait for a long one."""


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

        def key(percent: int) -> str:
            return f"alert:{webhook}:{event.crossing} {percent}"

        higher = await self._read([key(percent) for percent in thresholds if percent > event.percent], event.window)
        if higher is None:
            return Answer.OUT
        if any(level.used for level in higher):
            return Answer.TOLD
        mine = key(event.percent)
        claim = Claim(mine, Spend(1, event.window, "closed"), 1)
        return await self._take((claim,), hashlib.sha256(mine.encode()).hexdigest()[:32])

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
        asked = tuple(targets)
        levels = await self._read([_changes(webhook, target) for target in asked], "total")
        if levels is None:
            return None
        return frozenset(target for target, level in zip(asked, levels, strict=True) if level.used % 2)

    async def _change(self, webhook: str, target: str, *, to_down: bool) -> Taken | Answer:
        levels = await self._read([_changes(webhook, target)], "total")
        if levels is None:
            return Answer.OUT
        (level,) = levels
        if level.held:
            return Answer.NOT_NOW
        is_down = level.used % 2 == 1
        if is_down == to_down:
            return Answer.TOLD
        # One more than was read: it fits for one of those that have read the same, and for no other.
        claims = [Claim(_changes(webhook, target), Spend(level.used + 1, "total", "closed"), 1)]
        if to_down:
            claims.append(Claim(f"alert:{webhook}:flaps {target}", Rate(1, FLAPS_S, "closed"), 1))
        took = await self._take(tuple(claims), self._new_id())
        # Another has moved it on, or it flaps: what to do is another question then.
        return Answer.NOT_NOW if took is Answer.TOLD else took

    async def _read(self, keys: Sequence[str], per: Window) -> Sequence[Level] | None:
        """How these counters stand in the store; None: it is out of reach."""
        # `levels` answers during an outage too, with what is known here, and "nobody told it" would be wrong then. A
        # hold of nothing that is `closed` is answered by the store or not at all.
        found: list[Level] = []
        for start in range(0, len(keys), _AT_ONCE):
            reservation = f"alert-{self._new_id()}"
            claims = tuple(Claim(key, Spend(_MANY, per, "closed"), 0) for key in keys[start : start + _AT_ONCE])
            try:
                answer = await self._store.hold([Reservation(reservation, claims)])
            except StoreUnavailable:
                return None
            self._store.settle(reservation, [0] * len(claims))
            assert not isinstance(answer, Refusal), "nothing fits"
            found += answer
        return found

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


def _changes(webhook: str, target: str) -> str:
    """The counter of what was told of a target."""
    return f"alert:{webhook}:changes {target}"
