"""What is told: a budget that has crossed a threshold, a target that is down or works again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from gateway.core.ceilings import Window
from gateway.core.errors import Reason
from gateway.limits.watch import Kind, Standing
from gateway.state.windows import Calendar

_WITHIN_S = 1_800.0
"""Half of the shortest window. A level belongs to the window in which it was read, though it is looked at after that
one's end: since the answer was slow, or since the store's clock is behind ours.
"""


class BudgetCrossed(msgspec.Struct, frozen=True, kw_only=True):
    """So much of a budget is spent that a threshold is reached: the highest of those that are."""

    kind: Kind
    scope: str
    """The team's name, the key's; ``global`` for the whole gateway."""
    window: Window
    window_id: str
    """Which one of them: ``2026-10``."""
    percent: int
    """The threshold."""
    spent_nanousd: int
    limit_nanousd: int
    at: float
    """When this was seen; seconds since the epoch."""
    resets_at: float | None
    """When the window ends; None for ``total``."""

    @property
    def subject(self) -> str:
        """What it is about, whatever became of it: a later event of the same takes the place of one that waits."""
        return f"budget {self.kind} {self.scope} {self.window}"

    @property
    def crossing(self) -> str:
        """The budget in this window, under this limit; with a threshold, what is told once."""
        # A limit that was changed begins anew: 80 % of $200 is news after 100 % of $100.
        return f"{self.subject} {self.window_id} {self.limit_nanousd}"

    def covers(self, other: BudgetCrossed) -> bool:
        """Who was told this needs not be told the other."""
        return self.crossing == other.crossing and self.percent >= other.percent

    def is_higher(self, than: BudgetCrossed) -> bool:
        """The other is no news beside it: bills are corrected downwards, and a threshold was crossed all the same."""
        return self.crossing == than.crossing and self.percent > than.percent


class TargetChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A target gets no calls since it failed (``is_down``), or works again."""

    target: str
    """``provider/upstream-model``"""
    provider: str
    is_down: bool
    reason: Reason | None = None
    """What put it out."""
    is_whole_provider: bool = False
    """The provider has several targets, and all are down."""
    at: float
    """When this was seen; seconds since the epoch."""

    @property
    def subject(self) -> str:
        return f"target {self.target}"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody tries whether alerts arrive."""

    at: float


Event = BudgetCrossed | TargetChanged | Trial


def crossings(
    standings: Iterable[Standing], thresholds: Sequence[int], at: float, calendar: Calendar
) -> Iterator[BudgetCrossed]:
    """Of each budget that has reached any of ``thresholds`` (per cent, ascending): the highest one.

    What calls hold at the moment is not spent: most of it is given back. A budget of nothing has nothing to cross.
    """
    for standing in standings:
        level, per = standing.level, standing.window
        if per is None or level.limit <= 0:
            continue
        spent = level.used - level.held
        crossed = [percent for percent in thresholds if spent * 100 >= percent * level.limit]
        if not crossed:
            continue
        resets_at = None if level.reset_s is None else at + level.reset_s
        yield BudgetCrossed(
            kind=standing.kind,
            scope=standing.scope,
            window=per,
            window_id=calendar.window(at if resets_at is None else resets_at - _WITHIN_S, per).id,
            percent=crossed[-1],
            spent_nanousd=spent,
            limit_nanousd=level.limit,
            at=at,
            resets_at=resets_at,
        )


def outages(
    reports: Mapping[str, Reason | None], providers: Mapping[str, frozenset[str]], at: float
) -> dict[str, TargetChanged]:
    """The targets that are down, by id. ``reports`` is what ``Breakers.reports`` says; ``providers`` has each
    provider's targets.
    """
    down = {target: reason for target, reason in reports.items() if reason is not None}
    return {
        target: TargetChanged(
            target=target,
            provider=provider,
            is_down=True,
            reason=reason,
            is_whole_provider=len(siblings := providers.get(provider, frozenset())) > 1 and siblings <= down.keys(),
            at=at,
        )
        for target, reason in down.items()
        if (provider := target.partition("/")[0])
    }
