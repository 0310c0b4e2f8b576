"""What one call has taken from the store, and owes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from gateway.core.clock import Clock
from gateway.core.errors import Reason, UpstreamError
from gateway.core.types import Target
from gateway.limits.base import Consumption, Limit
from gateway.limits.book import Book, amounts, claims
from gateway.limits.refusal import refused
from gateway.state.base import Level, Refusal, Reservation, Spend, Store

Sleep = Callable[[float], Awaitable[None]]
FIRST_LOOK_S = 0.01
LAST_LOOK_S = 0.1


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
        self._clock = clock
        self._sleep = sleep
        self._hold_wait_s = hold_wait_s

    async def hold(self, reservations: Sequence[Reservation], deadline: float) -> tuple[Level, ...] | Refusal:
        """Take all of it, or say what refused."""
        answer = await self.store.hold(reservations)
        if not _is_passing(answer):
            return answer
        until = min(deadline, self._clock.monotonic() + self._hold_wait_s)
        pause_s = FIRST_LOOK_S
        while _is_passing(answer) and self._clock.monotonic() + pause_s < until:
            await self._sleep(pause_s)
            pause_s = min(pause_s * 2, LAST_LOOK_S)
            answer = await self.store.hold(reservations)
        return answer


class Ledger:
    """One call's holds. The call's own are taken with the first target's, in one go; each further target's when it is
    tried. Every hold is settled exactly once.
    """

    def __init__(self, admission: Admission, limits: Sequence[Limit], worst: Consumption, deadline: float) -> None:
        self._admission = admission
        self.limits = tuple(limits)
        self.worst = worst
        self._deadline = deadline
        self._id: str | None = None
        self._provider: tuple[str, Sequence[Limit]] | None = None
        self.levels: tuple[Level, ...] = ()
        """How the call's own limits stood after its hold."""

    async def admit(self, target: Target) -> None:
        """Hold what the call needs to be sent to ``target``.

        Raises LimitExceeded or BudgetExhausted if the caller's limits refuse, and UpstreamError (PROVIDER_LIMIT) if
        only the provider's own do: then another target may still serve.
        """
        reservations: list[Reservation] = []
        own_id = None
        if self.limits and self._id is None:
            own_id = self._admission.new_id()
            reservations.append(Reservation(own_id, claims(self.limits, self.worst)))
        provider_limits = self._admission.book.of_provider(target.provider)
        provider_id = None
        if provider_limits:
            provider_id = self._admission.new_id()
            reservations.append(Reservation(provider_id, claims(provider_limits, self.worst)))
        if not reservations:
            return
        answer = await self._admission.hold(reservations, self._deadline)
        if isinstance(answer, Refusal):
            self._refuse(answer, reservations, provider_limits)
        elif own_id is not None:
            self._id = own_id
            self.levels = answer[: len(self.limits)]
        if provider_id is not None:
            self._provider = (provider_id, provider_limits)

    def give_back(self) -> None:
        """The target failed: of what was held for its provider, only the request was used."""
        self._settle_provider(Consumption())

    def settle(self, truth: Consumption) -> None:
        """The call is over; correct everything that is still held to ``truth``."""
        self._settle_provider(truth)
        if self._id is not None:
            self._admission.store.settle(self._id, amounts(self.limits, truth))
            self._id = None

    def _settle_provider(self, truth: Consumption) -> None:
        if self._provider is not None:
            provider_id, limits = self._provider
            self._admission.store.settle(provider_id, amounts(limits, truth))
            self._provider = None

    def _refuse(self, refusal: Refusal, reservations: Sequence[Reservation], provider_limits: Sequence[Limit]) -> None:
        if provider_limits:
            for claim, limit in zip(reservations[-1].claims, provider_limits, strict=True):
                if claim is refusal.claim:
                    error = refused(limit, refusal, self._admission.time())
                    raise UpstreamError(Reason.PROVIDER_LIMIT, error.message, retry_after_s=refusal.retry_after_s)
        for claim, limit in zip(reservations[0].claims, self.limits, strict=True):
            if claim is refusal.claim:
                raise refused(limit, refusal, self._admission.time())
        raise AssertionError("a store refused a claim that was not asked for")


def _is_passing(answer: tuple[Level, ...] | Refusal) -> bool:
    return isinstance(answer, Refusal) and answer.is_passing and isinstance(answer.claim.rule, Spend)
