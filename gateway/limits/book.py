"""Which limits a call is under."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self

from gateway.core.ceilings import Allowance, Ceilings, Outage, Window
from gateway.core.types import Call, Caller
from gateway.limits.base import Consumption, Limit
from gateway.limits.budget import Budget
from gateway.limits.concurrency import Concurrency
from gateway.limits.images import ImagesPerMinute
from gateway.limits.requests import RequestsPerMinute
from gateway.limits.scope import user_name, user_scope
from gateway.limits.tokens import TokensPerMinute
from gateway.state.base import Claim

MAX_CALLERS = 200_000
"""As many as keys are remembered: to gather the limits of one anew takes 15 µs."""
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
    """All limits by scope; the widest scope is asked first: global, team, key, end user, model.

    A caller brings the ceilings of its own scopes. ``scopes`` has the others, and ``default`` says what a limit means
    during an outage of the store where it doesn't say so itself.
    """

    def __init__(self, scopes: Mapping[str, Ceilings], default: Outage = "local") -> None:
        self._default = default
        self._scopes = {scope: limits_of(scope, ceilings, default) for scope, ceilings in scopes.items() if ceilings}
        self._providers = {name: Applied(limits) for name, limits in self._named("provider")}
        self._models = dict(self._named("model"))
        self._of_caller: dict[str, tuple[Caller, Applied]] = {}
        self._of_call: dict[tuple[str, str, str | None], tuple[Caller, Applied]] = {}

    def __repr__(self) -> str:
        return f"<Book {', '.join(f'{scope}: {len(limits)}' for scope, limits in self._scopes.items())}>"

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Those of no caller, scope by scope."""
        return tuple(limit for limits in self._scopes.values() for limit in limits)

    def of_call(self, call: Call) -> Applied:
        """The limits that hold wherever ``call`` is sent."""
        caller = call.caller
        found = self._of_caller.get(caller.key)
        # A key that was changed comes as another object under the same name.
        mine = found[1] if found is not None and found[0] is caller else self._gather(caller)
        of_model = self._models.get(call.model)
        return mine if of_model is None and not caller.per_user else self._joined(call, mine, of_model or ())

    def of_scopes(self, scopes: Iterable[tuple[str, Ceilings]]) -> tuple[Limit, ...]:
        """The limits of a caller's own scopes."""
        return tuple(limit for scope, ceilings in scopes for limit in limits_of(scope, ceilings, self._default))

    def of_key(self, name: str) -> tuple[Limit, ...]:
        """The limits of this key's own scope, as its last call brought them; none if it has made none by this book."""
        found = self._of_caller.get(name)
        return () if found is None else tuple(limit for limit in found[1] if limit.scope == f"key {name}")

    def of_provider(self, name: str) -> Applied:
        """The further limits of what is sent to this provider."""
        return self._providers.get(name, NO_LIMITS)

    @property
    def budgeted_providers(self) -> frozenset[str]:
        """Those with a budget of their own."""
        return frozenset(name for name, limits in self._providers.items() if limits.has_budget)

    def _named(self, kind: str) -> Iterator[tuple[str, tuple[Limit, ...]]]:
        """The limits of each scope of this kind, by its name."""
        for scope, limits in self._scopes.items():
            of_kind, _, name = scope.partition(" ")
            if of_kind == kind:
                yield name, limits

    def _gather(self, caller: Caller) -> Applied:
        found = Applied([*self._scopes.get("global", ()), *self.of_scopes(caller.scopes)])
        if len(self._of_caller) >= MAX_CALLERS:
            self._of_caller.clear()
        self._of_caller[caller.key] = caller, found
        return found

    def _joined(self, call: Call, mine: Applied, of_model: Sequence[Limit]) -> Applied:
        """With the limits of the end user and of the model."""
        caller = call.caller
        # The name, not what the client wrote, which may be as long as a body.
        user = user_name(call.user) if caller.per_user else None
        who = (caller.key, call.model if of_model else "", user)
        known = self._of_call.get(who)
        if known is not None and known[0] is caller:
            return known[1]
        users = [(user_scope(scope, user), ceilings) for scope, ceilings in caller.per_user] if user else []
        found = Applied([*mine, *self.of_scopes(users), *of_model])
        # Users' names come from clients: they must not fill the memory.
        if len(self._of_call) >= MAX_CACHED:
            self._of_call.clear()
        self._of_call[who] = caller, found
        return found


def limits_of(scope: str, ceilings: Ceilings, default: Outage = "local") -> tuple[Limit, ...]:
    """The limits of one scope. ``default`` is what those do during an outage that don't say.

    Of two budgets for one window the smaller holds: they would count the same money twice.
    """
    limits: list[Limit] = []
    outage = ceilings.on_outage
    if (concurrency := ceilings.concurrency) is not None:
        limits.append(Concurrency.of(scope, concurrency, outage.get("concurrency", default)))
    if (rpm := ceilings.rpm) is not None:
        limits.append(RequestsPerMinute.of(scope, rpm, outage.get("rpm", default)))
    if (images := ceilings.images_per_minute) is not None:
        limits.append(ImagesPerMinute.of(scope, images, outage.get("images_per_minute", default)))
    if (tpm := ceilings.tpm) is not None:
        limits.append(TokensPerMinute.of(scope, tpm, outage.get("tpm", default)))
    smallest: dict[Window, Allowance] = {}
    for budget in ceilings.budgets:
        if budget.per not in smallest or budget.nanousd < smallest[budget.per].nanousd:
            smallest[budget.per] = budget
    limits += [Budget.of(scope, budget.nanousd, per, budget.on_outage or default) for per, budget in smallest.items()]
    return tuple(limits)


def claims(limits: Sequence[Limit], worst: Consumption) -> tuple[Claim, ...]:
    """What to hold for a call that takes ``worst``, one claim a limit."""
    return tuple([limit.claim(worst) for limit in limits])


def amounts(limits: Sequence[Limit], truth: Consumption) -> tuple[int, ...]:
    """What to settle those claims to, in their order."""
    return tuple([limit.amount(truth) for limit in limits])
