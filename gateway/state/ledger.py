"""How Spend is counted: a ledger with one page a window. A hold stays on the page that it was written on."""

from __future__ import annotations

from collections.abc import Callable

from gateway.core.ceilings import Window
from gateway.state.base import Claim, Level, Spend
from gateway.state.windows import DAY_S, Calendar, Span


class Page:
    """What is spent and held in one window of one counter. ``changed`` is where it says so, if anyone wants to know."""

    __slots__ = ("changed", "end_s", "held", "id", "key", "less", "open", "per", "spent", "start_s")

    def __init__(self, key: str, per: Window, span: Span, spent: int, changed: set[Page] | None) -> None:
        self.key = key
        self.id = span.id
        self.per = per
        self.start_s = span.start_s
        self.end_s = span.end_s
        self.spent = spent
        self.held = 0
        self.open = 0
        """Claims that are to be settled here, those of 0 among them, or to be corrected."""
        self.less = 0
        """How much less is spent than was once said, by corrections: for those who keep the largest sum."""
        self.changed = changed

    def settle(self, id: str, held: int, amount: int, now_us: int) -> None:  # noqa: ARG002  one shape for all
        self.open -= 1
        self.held -= held
        self.spent += amount
        if self.changed is not None:
            self.changed.add(self)

    def expire(self, held: int) -> None:
        """Nobody came to settle: the worst case is taken for the truth, until it is corrected or forgotten."""
        self.settle("", held, held, 0)
        self.open += 1

    def correct(self, held: int, amount: int) -> None:
        """The truth of what expired came after all."""
        self.less += max(0, held - amount)
        self.settle("", 0, amount - held, 0)

    def forget(self) -> None:
        """No truth will come of something that expired."""
        self.open -= 1

    def level(self, claim: Claim, now_us: int, now_s: float) -> Level:  # noqa: ARG002  one shape for all
        reset_s = None if self.per == "total" else max(0.0, self.end_s - now_s)
        return Level(claim.rule.limit, self.spent + self.held, self.held, reset_s)


class Ledger:
    """One Spend counter: the page of the current window, and the one before it, in case the clock is set back.

    ``opening`` tells what was spent in a window before this process began.
    """

    __slots__ = ("_before", "_calendar", "_changed", "_key", "_opening", "_page")

    def __init__(
        self,
        claim: Claim,
        now_s: float,
        calendar: Calendar,
        opening: Callable[[str, str], int],
        changed: set[Page] | None,
    ) -> None:
        self._key = claim.key
        self._calendar = calendar
        self._opening = opening
        self._changed = changed
        self._before: Page | None = None
        rule: Spend = claim.rule  # type: ignore[assignment]  # only Spend is counted in ledgers
        self._page = self._open(rule.per, now_s)

    def take(self, claim: Claim, now_us: int, now_s: float, id: str) -> Page | None:  # noqa: ARG002  one shape for all
        rule: Spend = claim.rule  # type: ignore[assignment]  # the table that found this counter is for Spend alone
        page = self._page
        if not page.start_s <= now_s < page.end_s or page.per != rule.per:
            page = self._turn(rule.per, now_s)
        amount = claim.amount
        if amount:
            held = page.held + amount
            if page.spent + held > rule.limit:
                return None
            page.held = held
            if page.changed is not None:
                page.changed.add(page)
        page.open += 1
        return page

    def level(self, claim: Claim, now_us: int, now_s: float) -> Level:
        page = self._page
        rule: Spend = claim.rule  # type: ignore[assignment]  # as above
        if not page.start_s <= now_s < page.end_s or page.per != rule.per:
            page = self._turn(rule.per, now_s)
        return page.level(claim, now_us, now_s)

    def wait_s(self, claim: Claim, amount: int, now_us: int, now_s: float) -> float | None:
        """Seconds until ``amount`` would fit: in the next window, or never."""
        return None if amount > claim.rule.limit else self.level(claim, now_us, now_s).reset_s

    def is_idle(self, now_us: int, now_s: float) -> bool:  # noqa: ARG002  one shape for all
        """A new counter would stand the same, and nobody will come to settle with this one.

        A past window is kept for a day more, for clocks that are set back: it must not begin again at nothing.
        """
        page = self._page
        return not page.open and (page.end_s + DAY_S <= now_s or not page.spent)

    def _turn(self, per: Window, now_s: float) -> Page:
        page, before = self._page, self._before
        if before is not None and before.per == per and before.start_s <= now_s < before.end_s:
            self._page = before
        else:
            self._page = self._open(per, now_s)
        self._before = page
        return self._page

    def _open(self, per: Window, now_s: float) -> Page:
        span = self._calendar.window(now_s, per)
        return Page(self._key, per, span, self._opening(self._key, span.id), self._changed)
