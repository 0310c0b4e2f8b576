"""Budgets of keys that call now and then: those that are not among the busiest, which are watched anyway."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from gateway.core.errors import BudgetExhausted
from gateway.core.types import Outcome
from gateway.limits.base import Consumption
from gateway.limits.book import Book
from gateway.limits.watch import Standing, levels_in
from gateway.state.base import Claim, Spend, Store

MOST_KEYS = 5_000
"""That are noted between two rounds; the others are noted in the round after, if they call again."""
_AT_ONCE = 500
"""Counters that the store is asked for in one question: others must not wait for a long one."""
_NOTHING = Consumption()


class CallingKeys:
    """Notes which keys call, and says how their budgets stand. ``book`` knows a key's limits from its calls.

    An Observer.
    """

    def __init__(self, store: Store) -> None:
        self.book = Book({})
        """Of the configuration in force."""
        self._store = store
        self._called: set[str] = set()

    def observe(self, outcome: Outcome) -> None:
        # Whose budget is used up spends no more, but what is to be told of it may not have been told yet.
        if outcome.cost_nanousd or outcome.error == BudgetExhausted.code:
            self.note(outcome.key)

    def note(self, key: str) -> None:
        """Look at its budgets in the next round."""
        if len(self._called) < MOST_KEYS:
            self._called.add(key)

    async def look(self, watched: AbstractSet[str]) -> list[Standing]:
        """Budgets of the keys that were noted since the last look, without those that are ``watched``.

        Nothing while the store is out of reach: they are asked for again then.
        """
        called, self._called = self._called, set()
        found = await self._standings(tuple(self._budgets(called - watched)))
        if found is None:
            self._called |= called
        return found or []

    def _budgets(self, names: AbstractSet[str]) -> Iterator[tuple[str, Claim, Spend]]:
        for name in names:
            for limit in self.book.of_key(name):
                if isinstance(limit.rule, Spend):
                    yield name, limit.claim(_NOTHING), limit.rule

    async def _standings(self, budgets: tuple[tuple[str, Claim, Spend], ...]) -> list[Standing] | None:
        found: list[Standing] = []
        for start in range(0, len(budgets), _AT_ONCE):
            some = budgets[start : start + _AT_ONCE]
            levels = await levels_in(self._store, [claim for _, claim, _ in some])
            if levels is None:
                return None
            found += [
                Standing("key", name, "budget", rule.per, level)
                for (name, _, rule), level in zip(some, levels, strict=True)
            ]
        return found
