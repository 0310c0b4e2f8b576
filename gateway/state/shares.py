"""What one replica may let in by itself during an outage: its share of what was left when the engine was last heard of.

Of a Rate and of Slots: the limit, divided by the replicas. Of a Spend: what was left of the window when the engine last
answered, divided by the replicas, less all that this replica let in by itself since that answer; where it never
answered, the limit stands for what was left.

The bound. Let S be the largest share that a replica ever had of a counter in a window, at most limit // replicas. Once
every charge is delivered, the window has at most limit + the sum of S over all replicas in it, and what settlements
were above their holds. Why: the engine itself lets nothing in past the limit. Look at the last moment when it was not
past the limit. What a replica delivers later, it let in on an answer from before that moment, since one from after it
leaves a share of nothing; and on one answer it lets in no more than its share, whatever outages, restarts and crashes
come between, as what it let in is taken off until an answer is known to have counted it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from itertools import islice

import msgspec

from gateway.state.base import Claim, Level, Rule, Spend
from gateway.state.outbox_journal import Found, Known
from gateway.state.remote import Charge
from gateway.state.windows import DAY_S, Calendar, Span

MAX_KNOWN = 50_000
FINENESS = 128
"""What moved by less than this part of its limit is not written down anew: with many budgets that are spent slowly,
that would be a row a call. An older answer makes no share larger than its bound.
"""

Heard = tuple[Spend, Level, float]
"""A rule, how its counter stood under it, and when (seconds since the epoch)."""
Place = tuple[str, str]
"""A counter and the id of a window."""


class Tab(msgspec.Struct):
    """What this replica let in by itself, of one counter in one window."""

    ends_s: float
    rule: Spend | None = None
    """None until this process charges it."""
    opening: int = 0
    """Let in by earlier processes."""
    delivered: int = 0
    """Of all that was let in, the engine has."""
    counted: int = 0
    """Of what was delivered, the answer that is remembered has counted."""
    delivered_at: int = 0
    """The number of the last delivery."""


class Shares:
    """Remembers the engine's answers, of up to 50,000 counters, and reckons shares from them."""

    def __init__(self, zone: tzinfo, replicas: int) -> None:
        self._calendar = Calendar(zone)
        self._least = replicas
        self._heard: dict[str, Heard] = {}
        self._recent: dict[str, Heard] = {}
        """Those since what is worth it was last written down."""
        self._local: set[str] = set()
        """The counters that have a tab."""
        self._moved: set[str] = set()
        """Of those, the ones that are worth it."""
        self._written: dict[str, int] = {}
        """What was last written down as used."""
        self._found: dict[Place, Known] = {}
        self._tabs: dict[Place, Tab] = {}
        self._divided: dict[Rule, Rule] = {}
        self.replicas = replicas
        self.deliveries = 0
        """Of charges. Who asks the engine reads it before, and hands it to ``remember``."""

    def __repr__(self) -> str:
        return f"<Shares of {self.replicas}, {len(self._heard) + len(self._recent)} counters known>"

    def learn_replicas(self, live: int) -> None:
        """So many replicas live, says the engine."""
        self.replicas = max(self._least, live)
        self._divided.clear()

    def restore(self, found: Found) -> None:
        """Go on from what an earlier process knew."""
        self.learn_replicas(found.replicas)
        for known in found.known:
            place = known.counter, known.period
            self._found[place] = known
            if known.spent:
                ends_s = math.inf if known.ends_s is None else known.ends_s
                self._tabs[place] = Tab(ends_s, opening=known.spent, delivered=known.spent)
                self._local.add(known.counter)
        for delivery in found.waiting:
            if isinstance(delivery, Charge):
                for tab, amount in self._charged(delivery):
                    tab.opening += amount

    def remember(self, claims: Sequence[Claim], levels: Sequence[Level], now_s: float, seen: int) -> None:
        """The engine answered; ``seen``: ``deliveries`` as it was when it was asked."""
        recent, local = self._recent, self._local
        for claim, level in zip(claims, levels, strict=True):
            rule = claim.rule
            if rule.__class__ is not Spend:
                continue
            key = claim.key
            has_tab = key in local
            if has_tab and self._is_older(claim, now_s, seen):
                continue
            recent[key] = (rule, level, now_s)
            if has_tab or abs(level.used - self._written.get(key, 0)) * FINENESS >= rule.limit:
                self._moved.add(key)

    def deliver(self, charge: Charge) -> None:
        """The engine has it."""
        self.deliveries += 1
        for tab, amount in self._charged(charge):
            tab.delivered += amount
            tab.delivered_at = self.deliveries

    def of(self, claim: Claim) -> Rule:
        """The rule of a claim for Rate or Slots, cut to this replica's share."""
        rule = claim.rule
        share = self._divided.get(rule)
        if share is None:
            limit = max(min(rule.limit, 1), rule.limit // self.replicas)
            share = self._divided[rule] = msgspec.structs.replace(rule, limit=limit)
        return share

    def of_money(self, key: str, rule: Spend, span: Span) -> Spend:
        """The rule of a claim for Spend, cut to this replica's share of the window."""
        share = max(0, rule.limit - self.used(key, rule, span)) // self.replicas
        # All that was ever let in here stays in the standby's count; what the answer has counted is no burden twice.
        return msgspec.structs.replace(rule, limit=share + self.counted(key, span))

    def used(self, key: str, rule: Spend, span: Span) -> int:
        """As the engine said when it was last heard of; 0 if it never was."""
        level = self._level(key, rule, span)
        if level is not None:
            return level.used
        known = self._found.get((key, span.id))
        return known.used if known is not None else 0

    def held(self, key: str, rule: Spend, span: Span) -> int:
        """The part of ``used`` that was held then, and may have been given back since."""
        level = self._level(key, rule, span)
        return level.held if level is not None else 0

    def counted(self, key: str, span: Span) -> int:
        """How much of what was let in here ``used`` contains."""
        tab = self._tabs.get((key, span.id))
        return tab.counted if tab is not None else 0

    def opening(self, key: str, period: str) -> int:
        """What earlier processes let in by themselves: the standby's count begins with it."""
        tab = self._tabs.get((key, period))
        return tab.opening if tab is not None else 0

    def uncounted(self, now_s: float) -> tuple[Claim, ...]:
        """The counters of windows that run, of which this replica has delivered what no answer has counted yet."""
        return tuple(
            Claim(key, tab.rule, 0)
            for (key, _), tab in self._tabs.items()
            if tab.rule is not None and tab.delivered > tab.counted and now_s < tab.ends_s
        )

    def changes(self, now_s: float) -> list[Known]:
        """What is to be written down since the last time."""
        recent, self._recent = self._recent, {}
        self._heard |= recent
        for key in tuple(islice(self._heard, max(0, len(self._heard) - MAX_KNOWN))):
            del self._heard[key]
            self._written.pop(key, None)
        moved, self._moved = self._moved, set()
        self._tabs = {place: tab for place, tab in self._tabs.items() if now_s < tab.ends_s + DAY_S}
        self._local = {key for key, _ in self._tabs}
        found = {}
        for key in moved:
            heard = self._heard.get(key)
            if heard is None:
                continue
            rule, level, at_s = heard
            self._written[key] = level.used
            span = self._calendar.window(at_s, rule.per)
            found[key, span.id] = Known(key, span.id, level.used, 0, _ends_s(span.end_s))
        for place, tab in self._tabs.items():
            if tab.delivered > tab.counted:
                known = found.get(place) or self._last(place, tab)
                found[place] = msgspec.structs.replace(known, spent=tab.delivered - tab.counted)
        return list(found.values())

    def _level(self, key: str, rule: Spend, span: Span) -> Level | None:
        heard = self._recent.get(key) or self._heard.get(key)
        if heard is not None and heard[0].per == rule.per and span.start_s <= heard[2] < span.end_s:
            return heard[1]
        return None

    def _last(self, place: Place, tab: Tab) -> Known:
        key, period = place
        if tab.rule is None:
            return self._found.get(place) or Known(key, period, 0, 0, _ends_s(tab.ends_s))
        heard = self._heard.get(key)
        if heard is not None and self._calendar.window(heard[2], tab.rule.per).id == period:
            return Known(key, period, heard[1].used, 0, _ends_s(tab.ends_s))
        return self._found.get(place) or Known(key, period, 0, 0, _ends_s(tab.ends_s))

    def _is_older(self, claim: Claim, now_s: float, seen: int) -> bool:
        """The answer may lack what was delivered since it was asked for; if it doesn't, it has counted it all."""
        rule: Spend = claim.rule  # type: ignore[assignment]  # asked of Spend alone
        tab = self._tabs.get((claim.key, self._calendar.window(now_s, rule.per).id))
        if tab is None:
            return False
        if tab.delivered_at > seen:
            return True
        tab.counted = tab.delivered
        return False

    def _charged(self, charge: Charge) -> Iterator[tuple[Tab, int]]:
        """Only what a share was spent on: what passed uncounted is no part of the standby's count."""
        for claim, amount, span in zip(charge.claims, charge.amounts, charge.windows, strict=True):
            rule = claim.rule
            if isinstance(rule, Spend) and rule.on_outage == "local":
                tab = self._tabs.get((claim.key, span.id))
                if tab is None:
                    tab = self._tabs[claim.key, span.id] = Tab(span.end_s)
                    self._local.add(claim.key)
                tab.rule = rule
                yield tab, amount


def _ends_s(end_s: float) -> float | None:
    return None if math.isinf(end_s) else end_s
