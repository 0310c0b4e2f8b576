"""How eligible targets are ordered: a function each, and a line in the table.

A strategy scores, lower is better; it sorts nothing, asks nobody and keeps nothing. Ties are broken evenly by whoever
sorts. To add one: write the function, add the line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf, log
from random import Random

import msgspec

from gateway.core.money import usd
from gateway.core.types import Target
from gateway.routing import expect
from gateway.routing.ask import Ask
from gateway.routing.eligible import quality_of

Scores = list[float]

EXPLORED = -1.0
"""Below every true score: first, to learn how it does now."""
EXPLORATION_SHARE = 0.02
EXPLORE_AFTER_S = 60.0
"""What was learnt of a target is stale after this long without news of it."""


def ordered(_ask: Ask, targets: Sequence[Target], _random: Random) -> Scores:
    """As the configuration has them."""
    return [float(place) for place in range(len(targets))]


def weighted(_ask: Ask, targets: Sequence[Target], random: Random) -> Scores:
    """A random order in which each next target is drawn by its weight among those left.

    Exponential keys: Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006), algorithm A-ES.
    """
    return [-log(1.0 - random.random()) / target.weight if target.weight > 0 else inf for target in targets]


def cost(ask: Ask, targets: Sequence[Target], _random: Random) -> Scores:
    """Expected nano-dollars until it succeeds: a cheap target that must be asked twice is not cheap."""
    scores = []
    for target in targets:
        reading = ask.reading(target)
        nanousd = expect.cost_nanousd(ask.call, target, reading)
        # A free one counts as the smallest coin, so that among free ones the more reliable comes first.
        scores.append(inf if nanousd is None else max(nanousd, 1) / reading.success_rate)
    return scores


def latency(ask: Ask, targets: Sequence[Target], random: Random) -> Scores:
    """Expected seconds until it succeeds, times one more than the attempts under way (peak-EWMA load).

    A target never seen comes first until it is being tried; now and then one not seen lately does.
    """
    return _with_exploration(ask, targets, _latencies(ask, targets), random)


def quality(ask: Ask, targets: Sequence[Target], _random: Random) -> Scores:
    """The best score for the task first, as its distance from 100; targets without a score last."""
    scores = [quality_of(target, ask.route.task) for target in targets]
    return [inf if score is None else 100.0 - score for score in scores]


def balanced(ask: Ask, targets: Sequence[Target], random: Random) -> Scores:
    """Shares of cost, latency and quality, each from 0 to 1: cost and latency as parts of the worst target's.

    Parts of the worst, not places between best and worst: a difference of one percent stays one.
    """
    weights = ask.route.weights
    shares = [weights.get(name, 0.0) for name in ("cost", "latency", "quality")] if weights else [1.0, 1.0, 1.0]
    whole = sum(shares) or 1.0
    by_cost = _as_parts(cost(ask, targets, random)) if shares[0] else [0.0] * len(targets)
    by_latency = _as_parts(_latencies(ask, targets)) if shares[1] else [0.0] * len(targets)
    scores = [
        (shares[0] * spent + shares[1] * waited + shares[2] * min(worse / 100.0, 1.0)) / whole
        for spent, waited, worse in zip(by_cost, by_latency, quality(ask, targets, random), strict=True)
    ]
    return _with_exploration(ask, targets, scores, random) if shares[1] else scores


def _latencies(ask: Ask, targets: Sequence[Target]) -> Scores:
    scores = []
    for target in targets:
        reading = ask.reading(target)
        seconds = expect.latency_s(ask.call, reading)
        if seconds is not None:
            scores.append(seconds * (reading.in_flight + 1) / reading.success_rate)
        elif reading.idle_s is not None:
            scores.append(inf)  # tried, and nothing but failures came
        else:
            scores.append(expect.UNSEEN_LATENCY_S * (reading.in_flight + 1) if reading.in_flight else 0.0)
    return scores


def _with_exploration(ask: Ask, targets: Sequence[Target], scores: Scores, random: Random) -> Scores:
    if len(targets) < 2 or random.random() >= EXPLORATION_SHARE:
        return scores
    stale = [place for place, target in enumerate(targets) if (ask.reading(target).idle_s or 0.0) > EXPLORE_AFTER_S]
    if stale:
        scores[random.choice(stale)] = EXPLORED
    return scores


def _as_parts(scores: Scores) -> Scores:
    worst = max((score for score in scores if score < inf), default=0.0) or 1.0
    return [min(score / worst, 1.0) for score in scores]


def _say_ordered(score: float, _task: str) -> str:
    return f"number {score + 1:.0f} in the configuration"


def _say_weighted(score: float, _task: str) -> str:
    return f"drawn by weight ({score:.3g})"


def _say_cost(score: float, _task: str) -> str:
    return "price not known" if score == inf else f"about ${usd(round(score))} until it succeeds"


def _say_latency(score: float, _task: str) -> str:
    if score in (0.0, EXPLORED):
        return "never seen: tried first" if score == 0.0 else "not seen lately: explored"
    return "only failures seen" if score == inf else f"about {score:.2f} s, load and failures reckoned in"


def _say_quality(score: float, task: str) -> str:
    return f"no quality score for {task}" if score == inf else f"quality {100.0 - score:g} for {task}"


def _say_balanced(score: float, _task: str) -> str:
    return "not seen lately: explored" if score == EXPLORED else f"balanced score {score:.3f}"


class Strategy(msgspec.Struct, frozen=True):
    """``score`` gives a score a target, lower is better; ``say`` puts one into words, given the task."""

    score: Callable[[Ask, Sequence[Target], Random], Scores]
    say: Callable[[float, str], str]


STRATEGIES: Mapping[str, Strategy] = {
    "ordered": Strategy(ordered, _say_ordered),
    "weighted": Strategy(weighted, _say_weighted),
    "cost": Strategy(cost, _say_cost),
    "latency": Strategy(latency, _say_latency),
    "quality": Strategy(quality, _say_quality),
    "balanced": Strategy(balanced, _say_balanced),
}
