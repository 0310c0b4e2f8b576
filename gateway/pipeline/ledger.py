"""What one call has taken from the store, and owes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

import msgspec

from gateway.core.clock import Clock, Sleep
from gateway.core.errors import RETRY_SOON, NoTarget, Reason, StoreUnavailable, UpstreamError
from gateway.core.types import Target
from gateway.limits.base import Consumption, Limit
from gateway.limits.book import Book, amounts, claims
from gateway.limits.refusal import refused
from gateway.state.base import Level, Refusal, Reservation, Spend, Store

FIRST_LOOK_S = 0.01
LAST_LOOK_S = 0.1


class Waits:
    """What one call has waited for in its holds. Seconds."""

    __slots__ = ("began_at", "paused_s", "store_s")

    def __init__(self) -> None:
        self.began_at: float | None = None
        """When the store was first asked; monotonic."""
        self.store_s = 0.0
        """For the store to answer, in all."""
        self.paused_s = 0.0
        """For others to give back what they hold of a budget."""


class Admission:
    """How calls are let in: the store and the limits, and how long to wait for a budget that others only hold.

    A worst case is held before each call, several times what it will cost. Without the wait, a budget with room for a
    hundred calls would turn most of them away because the first few hold all of it for a second.
    """

    def __init__(
        self, *, store: Store, book: Book, clock: Clock, sleep: Sleep, new_id: Callable[[], str], hold_wait_s: float
    ) -> None:
        self.store = store
        self.book = book
        self.new_id = new_id
        self.time = clock.time
        self._now = clock.monotonic
        self._sleep = sleep
        self._hold_wait_s = hold_wait_s

    async def hold(
        self, reservations: Sequence[Reservation], deadline: float, waits: Waits
    ) -> tuple[Level, ...] | Refusal:
        """Take all of it, or say what refused. Raises NoTarget if the store can't answer."""
        try:
            return await self._hold(reservations, deadline, waits)
        except StoreUnavailable as error:
            said = "the gateway's store of limits can't answer; please ask again"
            raise NoTarget(said, code="store_unavailable", headers=RETRY_SOON) from error

    async def _hold(
        self, reservations: Sequence[Reservation], deadline: float, waits: Waits
    ) -> tuple[Level, ...] | Refusal:
        answer = await self._asked(reservations, waits)
        if not _is_passing(answer):
            return answer
        until = min(deadline, self._now() + self._hold_wait_s)
        pause_s = FIRST_LOOK_S
        while _is_passing(answer) and self._now() + pause_s < until:
            paused_at = self._now()
            try:
                await self._sleep(pause_s)
            finally:
                waits.paused_s += self._now() - paused_at
            pause_s = min(pause_s * 2, LAST_LOOK_S)
            answer = await self._asked(reservations, waits)
        return answer

    async def _asked(self, reservations: Sequence[Reservation], waits: Waits) -> tuple[Level, ...] | Refusal:
        began_at = self._now()
        if waits.began_at is None:
            waits.began_at = began_at
        try:
            return await self.store.hold(reservations)
        finally:
            waits.store_s += self._now() - began_at


class _Hold(msgspec.Struct, frozen=True):
    """What was asked of the store in one reservation, and for which limits."""

    limits: Sequence[Limit]
    reservation: Reservation

    def limit_of(self, refusal: Refusal) -> Limit | None:
        """The limit of this hold that refused, if it was one of them."""
        for limit, claim in zip(self.limits, self.reservation.claims, strict=True):
            if claim is refusal.claim:
                return limit
        return None


class Ledger:
    """One call's holds: its own, taken with the first target's in one go, and those of the target that is being tried.

    Every hold is settled exactly once.
    """

    def __init__(self, admission: Admission, limits: Sequence[Limit], worst: Consumption, deadline: float) -> None:
        self._admission = admission
        self.limits = tuple(limits)
        self.worst = worst
        self._deadline = deadline
        self._own: _Hold | None = None
        self._providers: _Hold | None = None
        self._requests = 1
        """Sent to the provider that ``_providers`` is held of."""
        self.levels: tuple[Level, ...] = ()
        """How the call's own limits stood after its hold."""
        self.waits = Waits()

    @property
    def held_nanousd(self) -> int:
        """What was held of the call's own budgets; nothing where it was refused, or is under no limit."""
        return self.worst.cost_nanousd if self.levels else 0

    async def admit(self, target: Target, requests: int = 1) -> None:
        """Hold what the call needs to be sent to ``target`` in so many requests: to its caller it is one call, to the
        provider each of them counts.

        Raises LimitExceeded or BudgetExhausted if the caller's limits refuse, and UpstreamError (PROVIDER_LIMIT) if
        only the provider's own do: then another target may still serve.
        """
        # Holds are noted before they are taken: a hang-up while the store works must not lose them, and settling one
        # that was not taken changes nothing.
        own, provider_limits = self._own, self._admission.book.of_provider(target.provider)
        asked = []
        if self.limits and own is None:
            self._own = own = self._hold(self.limits, self.worst)
            asked.append(own)
        if provider_limits:
            self._requests = requests
            self._providers = self._hold(provider_limits, _of_requests(self.worst, requests))
            asked.append(self._providers)
        if not asked:
            return
        answer = await self._admission.hold([hold.reservation for hold in asked], self._deadline, self.waits)
        if isinstance(answer, Refusal):
            self._refuse(answer, asked)
        elif asked[0] is own:
            self.levels = answer[: len(self.limits)]

    def give_back(self) -> None:
        """The target failed: of what was held for its provider, only the requests were used."""
        self._settle_providers(Consumption())

    def settle(self, truth: Consumption) -> None:
        """The call is over; correct everything that is still held to ``truth``."""
        self._settle_providers(truth)
        if self._own is not None:
            self._admission.store.settle(self._own.reservation.id, amounts(self._own.limits, truth))
            self._own = None

    def _hold(self, limits: Sequence[Limit], worst: Consumption) -> _Hold:
        return _Hold(limits, Reservation(self._admission.new_id(), claims(limits, worst)))

    def _settle_providers(self, truth: Consumption) -> None:
        if self._providers is not None:
            used = amounts(self._providers.limits, _of_requests(truth, self._requests))
            self._admission.store.settle(self._providers.reservation.id, used)
            self._providers = None

    def _refuse(self, refusal: Refusal, asked: Sequence[_Hold]) -> NoReturn:
        """Nothing of ``asked`` was taken; say which limit refused."""
        providers, self._providers = self._providers, None
        if self._own in asked:
            self._own = None
        now_s = self._admission.time()
        if providers is not None and (limit := providers.limit_of(refusal)) is not None:
            message = refused(limit, refusal, now_s).message
            raise UpstreamError(Reason.PROVIDER_LIMIT, message, retry_after_s=refusal.retry_after_s)
        limit = next(found for hold in asked if (found := hold.limit_of(refusal)) is not None)
        raise refused(limit, refusal, now_s)


def _of_requests(consumption: Consumption, requests: int) -> Consumption:
    return consumption if requests == 1 else msgspec.structs.replace(consumption, requests=requests)


def _is_passing(answer: tuple[Level, ...] | Refusal) -> bool:
    return isinstance(answer, Refusal) and answer.is_passing and isinstance(answer.claim.rule, Spend)
