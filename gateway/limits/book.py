"""Which limits a call is under."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from gateway.core.types import Call
from gateway.limits.base import Consumption, Limit
from gateway.limits.budget import Budget
from gateway.limits.concurrency import Concurrency
from gateway.limits.images import ImagesPerMinute
from gateway.limits.requests import RequestsPerMinute
from gateway.limits.tokens import TokensPerMinute
from gateway.state.base import Claim, Window

MAX_CACHED = 10_000


class Applied(tuple[Limit, ...]):  # noqa: SLOT001  a tuple of its own can't have slots
    """The limits that one call is under, in the order in which they are asked; ``has_budget``: money is among them."""

    has_budget: bool

    def __new__(cls, limits: Iterable[Limit]) -> Self:
        made = super().__new__(cls, limits)
        made.has_budget = any(limit.measure == Budget.measure for limit in made)
        return made


NO_LIMITS = Applied(())


class Book:
    """All limits by scope; the widest scope is asked first: global, team, key, model."""

    def __init__(self, scopes: Mapping[str, Sequence[Limit]]) -> None:
        self._scopes = {scope: tuple(limits) for scope, limits in scopes.items()}
        self._providers = {
            scope.removeprefix("provider "): Applied(limits)
            for scope, limits in self._scopes.items()
            if scope.startswith("provider ")
        }
        self._of_call: dict[tuple[str, str | None, str], Applied] = {}

    def __repr__(self) -> str:
        return f"<Book {', '.join(f'{scope}: {len(limits)}' for scope, limits in self._scopes.items())}>"

    @property
    def limits(self) -> tuple[Limit, ...]:
        """All there are, scope by scope."""
        return tuple(limit for limits in self._scopes.values() for limit in limits)

    def of_call(self, call: Call) -> Applied:
        """The limits that hold wherever ``call`` is sent."""
        caller = call.caller
        who = (caller.key, caller.team, call.model)
        found = self._of_call.get(who)
        return self._gather(who) if found is None else found

    def of_provider(self, name: str) -> Applied:
        """The further limits of what is sent to this provider."""
        return self._providers.get(name, NO_LIMITS)

    @property
    def budgeted_providers(self) -> frozenset[str]:
        """Those with a budget of their own."""
        return frozenset(name for name, limits in self._providers.items() if limits.has_budget)

    def _gather(self, who: tuple[str, str | None, str]) -> Applied:
        key, team, model = who
        scopes = ["global", f"key {key}", f"model {model}"]
        if team is not None:
            scopes.insert(1, f"team {team}")
        found = Applied(limit for scope in scopes for limit in self._scopes.get(scope, ()))
        # A model's name comes from the client: names that nobody configured must not fill the memory.
        if len(self._of_call) >= MAX_CACHED:
            self._of_call.clear()
        self._of_call[who] = found
        return found


def limits_of(
    scope: str,
    *,
    rpm: int | None = None,
    tpm: int | None = None,
    images_per_minute: int | None = None,
    concurrency: int | None = None,
    budgets: Sequence[tuple[int, Window]] = (),
) -> tuple[Limit, ...]:
    """The limits of one scope from plain figures; budgets are (nano-dollars, window).

    Of two budgets for one window the smaller holds: they would count the same money twice.
    """
    limits: list[Limit] = []
    if concurrency is not None:
        limits.append(Concurrency.of(scope, concurrency))
    if rpm is not None:
        limits.append(RequestsPerMinute.of(scope, rpm))
    if images_per_minute is not None:
        limits.append(ImagesPerMinute.of(scope, images_per_minute))
    if tpm is not None:
        limits.append(TokensPerMinute.of(scope, tpm))
    smallest: dict[Window, int] = {}
    for nanousd, per in budgets:
        smallest[per] = min(nanousd, smallest.get(per, nanousd))
    limits += [Budget.of(scope, nanousd, per) for per, nanousd in smallest.items()]
    return tuple(limits)


def claims(limits: Sequence[Limit], worst: Consumption) -> tuple[Claim, ...]:
    """What to hold for a call that takes ``worst``, one claim a limit."""
    return tuple([limit.claim(worst) for limit in limits])


def amounts(limits: Sequence[Limit], truth: Consumption) -> tuple[int, ...]:
    """What to settle those claims to, in their order."""
    return tuple([limit.amount(truth) for limit in limits])
