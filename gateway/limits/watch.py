"""How limits and budgets stand, read every few seconds for metrics, alerts and the console."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Literal

import msgspec

from gateway.core.ceilings import Ceilings, Measure, Window
from gateway.core.clock import Clock, Sleep
from gateway.core.errors import StoreUnavailable
from gateway.core.types import Outcome
from gateway.limits.base import Consumption, Limit
from gateway.limits.book import Book
from gateway.limits.busiest import Busiest
from gateway.state.base import Claim, Level, Spend, Store

EVERY_S = 5.0
MOST_TEAMS = 500
MOST_KEYS = 100
MOST_LIMITS = 2_000
"""Of all scopes together; as many as a reading has room for on a page of metrics."""

GLOBAL = "global"
Kind = Literal["global", "team", "key", "model", "provider"]

_MEASURES: Mapping[str, Measure] = {
    "requests": "rpm",
    "tokens": "tpm",
    "images": "images_per_minute",
    "concurrency": "concurrency",
}
_RANKED = 10
"""How many times as many keys are ranked as shown: most of them may have no limits."""
_NOTHING = Consumption()
_log = logging.getLogger("sluice.limits")


class Standing(msgspec.Struct, frozen=True, gc=False):
    """One limit or budget of one scope, and how it stood."""

    kind: Kind
    scope: str
    """The scope's name: the team's, the key's; ``global`` for the whole gateway."""
    limit: Measure | Literal["budget"]
    window: Window | None
    """Of a budget: the window that it is for."""
    level: Level
    """Of a budget in nano-dollars."""

    @property
    def used_ratio(self) -> float:
        """What is used of it, held amounts too. Above 1 after a bill that was larger than what was held for it."""
        # Nothing may pass where the limit is 0: it is used up from the start.
        return self.level.used / self.level.limit if self.level.limit > 0 else 1.0


Listener = Callable[[Sequence[Standing]], None]
"""Called on the event loop after each round; returns at once."""


class Watch:
    """Reads how the limits of the configuration in force stand, by one question to the store each ``every_s``.

    It reads those of the whole gateway, of providers, of teams (at most 500: the busiest, then by name), of the 100
    keys that called and spent most lately, and of models; 2,000 limits at most, in this order. A key is known from its
    first call under a configuration on, for with it come its limits. End users' limits are not watched: nobody bounds
    how many there are.

    An Observer. It belongs to the event loop; ``standings`` may be read in any thread.
    """

    def __init__(
        self,
        store: Store,
        teams: Callable[[], Mapping[str, Ceilings]],
        *,
        clock: Clock,
        sleep: Sleep,
        every_s: float = EVERY_S,
    ) -> None:
        """``teams`` gives the ceilings of every team there is, by its name."""
        self.listeners: list[Listener] = []
        self.standings: tuple[Standing, ...] = ()
        """As of ``read_at``."""
        self.read_at: float | None = None
        """When the last round was; seconds since the epoch. None before the first."""
        self.is_stale = False
        """The store did not answer in the last round: ``standings`` are those of an earlier one."""
        self._store = store
        self._teams = teams
        self._clock = clock
        self._sleep = sleep
        self._every_s = every_s
        self._book = Book({})
        self._of_team: dict[str, tuple[Ceilings, tuple[Limit, ...]]] = {}
        self._busy_teams = Busiest(MOST_TEAMS)
        self._busy_keys = Busiest(_RANKED * MOST_KEYS)

    def keep_to(self, book: Book) -> None:
        """Read the limits of ``book`` from now on, of the configuration that comes into force."""
        self._book = book
        self._of_team.clear()

    def observe(self, outcome: Outcome) -> None:
        if outcome.key:
            self._busy_keys.add(outcome.key, outcome.cost_nanousd)
        if outcome.team is not None:
            self._busy_teams.add(outcome.team, outcome.cost_nanousd)

    async def run(self) -> None:
        """A round at once, and then each ``every_s``; until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:  # noqa: BLE001  whatever it is, the next round may go better
                _log.exception("how limits stand could not be read")
            await self._sleep(self._every_s)
            self._busy_keys.fade(self._every_s)
            self._busy_teams.fade(self._every_s)

    async def look(self) -> None:
        """One round. Where the store is out of reach all stays as it was, and is stale."""
        limits = tuple(islice(self._limits(), MOST_LIMITS))
        levels = await levels_in(self._store, [limit.claim(_NOTHING) for limit in limits])
        if levels is None:
            self.is_stale = True
            return
        self.standings = tuple(_standing(limit, level) for limit, level in zip(limits, levels, strict=True))
        self.read_at = self._clock.time()
        self.is_stale = False
        self._tell()

    def _tell(self) -> None:
        for listener in self.listeners:
            try:
                listener(self.standings)
            except Exception:  # noqa: BLE001  one listener's fault is not the others'
                _log.exception("a listener of the limits failed")

    def _limits(self) -> Iterator[Limit]:
        of_models: list[Limit] = []
        for limit in self._book.limits:
            if limit.scope.startswith("model "):
                of_models.append(limit)
            else:
                yield limit
        yield from self._of_teams()
        yield from self._of_keys()
        yield from of_models

    def _of_teams(self) -> Iterator[Limit]:
        ceilings = {name: each for name, each in self._teams().items() if each}
        busy = (name for name in self._busy_teams.names() if name in ceilings)
        for name in islice(dict.fromkeys([*busy, *sorted(ceilings)]), MOST_TEAMS):
            yield from self._of_team_named(name, ceilings[name])

    def _of_team_named(self, name: str, ceilings: Ceilings) -> tuple[Limit, ...]:
        known = self._of_team.get(name)
        if known is None or known[0] is not ceilings:
            # Of teams that there were some are gone.
            if len(self._of_team) >= 2 * MOST_TEAMS:
                self._of_team.clear()
            known = self._of_team[name] = ceilings, self._book.of_scopes([(f"team {name}", ceilings)])
        return known[1]

    def _of_keys(self) -> Iterator[Limit]:
        limited = (limits for name in self._busy_keys.names() if (limits := self._book.of_key(name)))
        for limits in islice(limited, MOST_KEYS):
            yield from limits

    def __repr__(self) -> str:
        return f"<Watch of {len(self.standings)} limits{', stale' if self.is_stale else ''}>"


async def levels_in(store: Store, claims: Sequence[Claim]) -> tuple[Level, ...] | None:
    """How these counters stand in ``store``; None while it is out of reach, or where it did not answer in time."""
    # A shared store answers then with what this replica knows: its own share, which is no budget that anyone set.
    failures = store.status.failures
    try:
        levels = await store.levels(claims) if claims else ()
    except StoreUnavailable:
        return None
    status = store.status
    return levels if status.is_reachable and status.failures == failures else None


def _standing(limit: Limit, level: Level) -> Standing:
    kind, _, name = limit.scope.partition(" ")
    rule = limit.rule
    return Standing(
        kind,  # type: ignore[arg-type]  # a scope begins with its kind
        name or GLOBAL,
        _MEASURES.get(limit.measure, "budget"),
        rule.per if isinstance(rule, Spend) else None,
        level,
    )
