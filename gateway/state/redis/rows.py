"""What the scripts are told of claims, and what their figures mean: one row a claim, ``[kind, key, amount, limit, x]``.

Counters are named so that an operator finds them: ``sluice:{key:ci}:rpm:rate``, ``sluice:{key:ci}:concurrency:slots``,
``sluice:{key:ci}:usd:day:spend:2026-11-20``. What stands in braces decides the slot in a cluster: the claim's key up to
its second colon.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo

import msgspec

from gateway.state.base import Claim, Level, Rate, Refusal, Rule, Slots
from gateway.state.windows import DAY_S, Calendar, Span

RATE, SLOTS, SPEND = 1, 2, 3

LARGEST = 2**53 - 1
"""The scripts count in doubles, which are exact up to here: $9,007,199 in a window. A higher limit is taken as this,
which refuses early and never late. What is spent is added up in 64 bits, and never wrong."""

KEPT_S = 9 * DAY_S
"""How long a window is kept after its end: settlements may come 7 days after the lease, which may end an hour later."""

MAX_YOUNG = 50_000
"""Counters in one generation of those that are known, about 200 bytes each; to reckon one anew takes 1 µs."""
MAX_LAWS = 10_000

Packed = tuple[int, str, int, int, int]


class Law(msgspec.Struct, frozen=True, gc=False):
    """A rule in the current window: what its counters have in common."""

    kind: int
    what: str
    """How the names of its counters end."""
    limit: int
    x: int
    """Milliseconds: a Rate's period, the lease of Slots, when a window of Spend is forgotten (0: never)."""
    end_s: float | None


class Counter(msgspec.Struct, frozen=True, gc=False):
    """A claim's counter under its rule, in the current window: all of its row but the amount."""

    rule: Rule
    law: Law
    key: str
    """Redis 7's msgpack knows no bytes."""

    def row(self, amount: int) -> Packed:
        law = self.law
        # What is beyond every limit is refused as such; there are numbers that can't be sent at all.
        return law.kind, self.key, amount if amount <= LARGEST else LARGEST + 1, law.limit, law.x

    def level(self, figures: Iterator[int], now_s: float) -> Level:
        """How it stands, by what a script said."""
        limit, law = self.rule.limit, self.law
        if law.kind == RATE:
            level = next(figures)
            if level <= 0:
                return Level(limit, 0, 0, 0.0)
            return Level(limit, -(-level // law.x), 0, level / (law.limit * 1_000) if law.limit else None)
        if law.kind == SLOTS:
            taken = next(figures)
            return Level(limit, taken, taken, None)
        spent, held = next(figures), next(figures)
        return Level(limit, spent + held, held, None if law.end_s is None else max(0.0, law.end_s - now_s))

    def wait_s(self, level: int, wanted: int, reset_s: float | None) -> float | None:
        """Seconds until ``wanted`` would fit; None for never, or where it is not known. ``level`` is a Rate's."""
        law = self.law
        if wanted > law.limit or not law.limit or law.kind == SLOTS:
            return None
        if law.kind == SPEND:
            return reset_s
        over = level + (wanted - law.limit) * law.x
        return max(0, -(-over // law.limit)) / 1_000


class Rows:
    """The counters of claims, each reckoned once and known until a window ends or 50,000 others were asked for."""

    def __init__(self, zone: tzinfo) -> None:
        self._calendar = Calendar(zone)
        self._young: dict[str, Counter] = {}
        self._old: dict[str, Counter] = {}
        self._laws: dict[Rule, Law] = {}
        self.from_ms = 0
        self.until_ms = LARGEST
        """All windows that are known are current between these two."""

    def at(self, now_s: float) -> None:
        """What is asked from now on is meant for this time."""
        if not self.from_ms <= now_s * 1_000 < self.until_ms:
            for known in (self._young, self._old, self._laws):
                known.clear()
            self.from_ms, self.until_ms = 0, LARGEST
        self._now_s = now_s

    def of(self, claim: Claim) -> Counter:
        counter = self._young.get(claim.key)
        return counter if counter is not None and counter.rule is claim.rule else self._recall(claim)

    def in_window(self, claim: Claim, span: Span) -> Counter:
        """A counter of Spend in a window that need not be the current one."""
        return _counter(claim, _law_of_spend(claim.rule, span))

    def _recall(self, claim: Claim) -> Counter:
        counter = self._old.get(claim.key)
        if counter is None or counter.rule is not claim.rule:
            counter = _counter(claim, self._laws.get(claim.rule) or self._learn(claim.rule))
        if len(self._young) >= MAX_YOUNG:
            self._old, self._young = self._young, {}
        self._young[claim.key] = counter
        return counter

    def _learn(self, rule: Rule) -> Law:
        if isinstance(rule, Rate):
            period_ms = max(1, round(rule.period_s * 1_000))
            law = Law(RATE, "rate", min(rule.limit, LARGEST // period_ms), period_ms, None)
        elif isinstance(rule, Slots):
            law = Law(SLOTS, "slots", min(rule.limit, LARGEST), int(rule.lease_s * 1_000), None)
        else:
            span = self._calendar.window(self._now_s, rule.per)
            law = _law_of_spend(rule, span)
            if law.end_s is not None:
                self.from_ms = max(self.from_ms, int(span.start_s * 1_000))
                self.until_ms = min(self.until_ms, int(span.end_s * 1_000))
        if len(self._laws) >= MAX_LAWS:
            self._laws.clear()
        self._laws[rule] = law
        return law


def tag_of(key: str) -> str:
    """What decides where a counter is kept in a cluster."""
    kind, _, rest = key.partition(":")
    return f"{kind}:{name}" if (name := rest.partition(":")[0]) or rest else kind


def refusal(
    claims: Sequence[Claim], counters: Sequence[Counter], number: int, figures: list[int], now_s: float
) -> Refusal:
    """Of a hold whose claim ``number`` (from 0) did not fit."""
    claim, counter = claims[number], counters[number]
    level = counter.level(iter(figures), now_s)
    # What the hold itself takes from the same counter before must fit together with the claim.
    wanted = sum(claims[i].amount for i in range(number + 1) if counters[i].key == counter.key)
    return Refusal(claim, level, counter.wait_s(figures[0], wanted, level.reset_s))


def _law_of_spend(rule: Rule, span: Span) -> Law:
    end_s = None if span.id == "total" else span.end_s
    gone_ms = 0 if end_s is None else int((end_s + KEPT_S) * 1_000)
    return Law(SPEND, f"spend:{span.id}", min(rule.limit, LARGEST), gone_ms, end_s)


def _counter(claim: Claim, law: Law) -> Counter:
    tag = tag_of(claim.key)
    return Counter(claim.rule, law, f"sluice:{{{tag}}}:{claim.key[len(tag) + 1 :]}:{law.what}")
