from collections import Counter
from math import inf
from random import Random

import pytest

from gateway.core.types import Needs, Route
from gateway.routing.strategies import EXPLORED, STRATEGIES
from tests.routing.scene import Scene, call, model, target, usd_price


def firsts(scene, calls, asked=None):
    return Counter(scene.order(asked)[0] for _ in range(calls))


def test_ordered_keeps_the_order_of_the_configuration():
    scene = Scene(model(target("b/x"), target("a/x"), target("c/x")))

    assert [scene.order() for _ in range(5)] == [["b/x", "a/x", "c/x"]] * 5


def test_weighted_gives_each_target_its_share_of_first_places():
    scene = Scene(model(target("a/x", weight=6), target("b/x", weight=3), target("c/x", weight=1), by="weighted"))

    found = firsts(scene, 5_000)

    assert found["a/x"] == pytest.approx(3_000, rel=0.08)
    assert found["b/x"] == pytest.approx(1_500, rel=0.12)
    assert found["c/x"] == pytest.approx(500, rel=0.25)


def test_weighted_draws_the_second_place_by_weight_among_those_left():
    scene = Scene(model(target("a/x", weight=6), target("b/x", weight=3), target("c/x", weight=1), by="weighted"))

    orders = [scene.order() for _ in range(5_000)]
    seconds = Counter(order[1] for order in orders if order[0] == "a/x")

    assert seconds["b/x"] / sum(seconds.values()) == pytest.approx(0.75, abs=0.04)


def test_a_weight_of_nothing_is_only_there_to_fall_back_on():
    scene = Scene(model(target("a/x", weight=0), target("b/x", weight=0.001), by="weighted"))

    assert firsts(scene, 200) == {"b/x": 200}


def test_cost_puts_the_cheapest_first():
    scene = Scene(model(target("a/x", price=usd_price("3")), target("b/x", price=usd_price("1")), by="cost"))

    assert scene.order() == ["b/x", "a/x"]


def test_a_cheap_target_that_must_be_asked_twice_is_not_cheap():
    scene = Scene(model(target("good/x", price=usd_price("1")), target("shaky/x", price=usd_price("0.7")), by="cost"))
    assert scene.order() == ["shaky/x", "good/x"]
    scene.reply("shaky/x", ok=True, times=20, output_tokens=256)
    scene.reply("shaky/x", ok=False, times=20)

    assert scene.order() == ["good/x", "shaky/x"]


def test_a_talkative_target_costs_more_than_its_rates_say():
    scene = Scene(
        model(target("terse/x", price=usd_price("1", "3")), target("wordy/x", price=usd_price("1", "2")), by="cost")
    )
    scene.reply("terse/x", output_tokens=100)
    scene.reply("wordy/x", output_tokens=900)

    assert scene.order() == ["terse/x", "wordy/x"]


def test_among_free_targets_the_more_reliable_comes_first():
    free = usd_price("0", "0")
    scene = Scene(model(target("shaky/x", price=free), target("good/x", price=free), by="cost"))
    scene.reply("shaky/x", ok=False)

    assert {scene.order()[0] for _ in range(20)} == {"good/x"}


def test_a_price_that_is_not_known_comes_last():
    scene = Scene(model(target("unknown/x"), target("dear/x", price=usd_price("1000")), by="cost"))

    assert scene.order() == ["dear/x", "unknown/x"]
    assert scene.decide().ranked[1].why == "price not known"


@pytest.mark.parametrize("by", ["cost", "quality", "latency", "balanced"])
def test_ties_are_broken_evenly(by):
    same = {"price": usd_price("1"), "quality": {"default": 50}}
    scene = Scene(model(target("a/x", **same), target("b/x", **same), target("c/x", **same), by=by))

    found = firsts(scene, 3_000)

    assert all(found[id] == pytest.approx(1_000, rel=0.12) for id in ("a/x", "b/x", "c/x"))


def test_latency_puts_the_fastest_first():
    scene = Scene(model(target("slow/x"), target("fast/x"), by="latency"))
    scene.reply("slow/x", duration_s=3.0)
    scene.reply("fast/x", duration_s=1.0)

    assert scene.order() == ["fast/x", "slow/x"]


def test_latency_counts_the_attempts_under_way():
    scene = Scene(model(target("slow/x"), target("fast/x"), by="latency"))
    scene.reply("slow/x", duration_s=3.0)
    scene.reply("fast/x", duration_s=1.2)
    scene.vitals.began("fast/x", False)
    assert scene.order() == ["fast/x", "slow/x"]
    scene.vitals.began("fast/x", False)

    assert scene.order() == ["slow/x", "fast/x"]


def test_a_long_answer_goes_to_the_faster_pace_and_a_short_one_to_the_faster_first_word():
    scene = Scene(model(target("pace/x"), target("start/x"), by="latency"))
    scene.reply("pace/x", streamed=True, ttft_s=1.0, duration_s=2.0, output_tokens=1_001)
    scene.reply("start/x", streamed=True, ttft_s=0.1, duration_s=10.1, output_tokens=1_001)

    assert scene.order(call(stream=True, needs=Needs(output_tokens_max=10)))[0] == "start/x"
    assert scene.order(call(stream=True, needs=Needs(output_tokens_max=900)))[0] == "pace/x"


def test_what_was_learnt_from_streams_does_not_order_whole_replies():
    scene = Scene(model(target("a/x"), target("b/x"), by="latency"))
    scene.reply("a/x", streamed=True, ttft_s=0.1, duration_s=0.2)
    scene.reply("b/x", streamed=True, ttft_s=5.0, duration_s=9.0)
    scene.reply("a/x", duration_s=9.0)
    scene.reply("b/x", duration_s=1.0)

    assert scene.order(call(stream=True))[0] == "a/x"
    assert scene.order(call(stream=False))[0] == "b/x"


def test_a_target_never_seen_is_tried_first_but_not_by_a_whole_burst():
    scene = Scene(model(target("known/x"), target("new/x"), by="latency"))
    scene.reply("known/x", duration_s=1.5)
    assert scene.order() == ["new/x", "known/x"]
    scene.vitals.began("new/x", False)

    assert scene.order() == ["known/x", "new/x"]


def test_a_target_that_only_ever_failed_comes_last():
    scene = Scene(model(target("dead/x"), target("slow/x"), by="latency"))
    scene.reply("dead/x", ok=False, duration_s=0.001)
    scene.reply("slow/x", duration_s=30.0)

    assert scene.order() == ["slow/x", "dead/x"]


@pytest.mark.parametrize("by", ["latency", "balanced"])
def test_a_target_not_seen_lately_is_explored_by_a_small_share(by):
    same = {"price": usd_price("1"), "quality": {"default": 50}}
    scene = Scene(model(target("fast/x", **same), target("stale/x", **same), by=by))
    scene.reply("stale/x", duration_s=60.0)
    scene.clock.advance(61)
    scene.reply("fast/x", duration_s=1.0)

    found = firsts(scene, 3_000)

    assert 30 <= found["stale/x"] <= 95


def test_a_target_seen_lately_is_not_explored():
    scene = Scene(model(target("fast/x"), target("slow/x"), by="latency"))
    scene.reply("slow/x", duration_s=60.0)
    scene.clock.advance(59)
    scene.reply("fast/x", duration_s=1.0)

    assert firsts(scene, 500) == {"fast/x": 500}


def test_quality_goes_by_the_score_for_the_task():
    scene = Scene(
        model(target("a/x", quality={"code": 90, "default": 40}), target("b/x", quality={"default": 70}), by="quality")
    )

    assert scene.order() == ["b/x", "a/x"]
    code = Scene(model(*scene.models["m"].targets, by="quality", task="code"))
    assert code.order() == ["a/x", "b/x"]


def test_quality_puts_targets_without_a_score_last():
    scene = Scene(model(target("none/x"), target("poor/x", quality={"default": 1}), by="quality"))

    assert scene.order() == ["poor/x", "none/x"]
    assert scene.decide().ranked[1].why == "no quality score for default"


def two_for_balance(**weights):
    scene = Scene(
        model(
            target("cheap/x", price=usd_price("1"), quality={"default": 40}),
            target("good/x", price=usd_price("4"), quality={"default": 90}),
            by="balanced",
            weights=weights,
        )
    )
    scene.reply("cheap/x", duration_s=2.0)
    scene.reply("good/x", duration_s=1.0)
    return scene


@pytest.mark.parametrize(
    ("weights", "first"),
    [
        ({"cost": 1.0}, "cheap/x"),
        ({"quality": 1.0}, "good/x"),
        ({"latency": 1.0}, "good/x"),
        ({"cost": 0.9, "quality": 0.1}, "cheap/x"),
        ({"cost": 0.1, "quality": 0.9}, "good/x"),
        ({}, "good/x"),
    ],
)
def test_balanced_follows_its_weights(weights, first):
    assert two_for_balance(**weights).order()[0] == first


def test_balanced_scores_lie_between_nought_and_one():
    for one in two_for_balance(cost=5.0, latency=3.0, quality=2.0).decide().ranked:
        assert 0 <= one.score <= 1


def test_balanced_takes_what_is_not_known_for_the_worst():
    scene = Scene(
        model(target("unknown/x"), target("known/x", price=usd_price("9"), quality={"default": 20}), by="balanced")
    )
    scene.reply("unknown/x")
    scene.reply("known/x")

    assert scene.order() == ["known/x", "unknown/x"]


@pytest.mark.parametrize("by", list(STRATEGIES))
@pytest.mark.parametrize("count", [1, 2, 7])
def test_every_strategy_scores_every_target_and_can_say_so(by, count):
    scene = Scene()
    targets = [target(f"p{number}/x") for number in range(count)]
    ask = scene.ask(call(), Route(by=by))

    scores = STRATEGIES[by].score(ask, targets, Random(5))

    assert len(scores) == count
    assert all(STRATEGIES[by].say(score, "default") for score in scores)


def test_scores_that_are_no_plain_figures_are_told_in_words():
    assert STRATEGIES["latency"].say(inf, "default") == "only failures seen"
    assert STRATEGIES["latency"].say(0.0, "default") == "never seen: tried first"
    assert STRATEGIES["latency"].say(EXPLORED, "default") == "not seen lately: explored"
    assert STRATEGIES["balanced"].say(EXPLORED, "default") == "not seen lately: explored"
    assert STRATEGIES["cost"].say(1_500_000.0, "default") == "about $0.0015 until it succeeds"


def test_strategies_leave_vitals_and_breakers_as_they_are():
    scene = Scene(*(model(target("a/x"), target("b/x"), by=by, name=by) for by in STRATEGIES))
    scene.reply("a/x")
    scene.open_breaker("b/x")
    before = scene.vitals.reading("a/x", False), scene.breakers.state("b/x"), repr(scene.vitals)
    for by in STRATEGIES:
        scene.decide(call(by))

    assert (scene.vitals.reading("a/x", False), scene.breakers.state("b/x"), repr(scene.vitals)) == before
