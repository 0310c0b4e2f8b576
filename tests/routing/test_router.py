import pytest

from gateway.core.errors import Forbidden, ModelNotFound
from gateway.core.types import Caller, Capabilities, Feature, Needs
from gateway.core.wish import Wish
from gateway.health.breaker import State
from tests.routing.scene import Scene, call, model, target, usd_price

EU = frozenset({"eu"})


def test_a_wish_chooses_the_strategy_for_its_call_alone():
    scene = Scene(model(target("dear/x", price=usd_price("9")), target("cheap/x", price=usd_price("1"))))

    wished = scene.decide(call(wish=Wish(by="cost")))

    assert wished.by == "cost"
    assert wished.ranked[0].target.id == "cheap/x"
    assert scene.order() == ["dear/x", "cheap/x"]


def test_providers_named_first_come_first_in_that_order():
    scene = Scene(model(target("a/x"), target("b/x"), target("c/x"), target("c/y")))

    decision = scene.decide(call(wish=Wish(order=("c", "b", "nobody"))))

    assert [one.target.id for one in decision.ranked] == ["c/x", "c/y", "b/x", "a/x"]
    assert decision.ranked[0].why.startswith("named first, ")
    assert not decision.ranked[3].why.startswith("named first")


def test_those_left_out_are_told_with_their_reason():
    blind = target("blind/x", capabilities=Capabilities(features=frozenset()))
    scene = Scene(model(blind, target("seeing/x")))

    decision = scene.decide(call(needs=Needs(features=frozenset({Feature.VISION}))))

    assert [one.target.id for one in decision.ranked] == ["seeing/x"]
    assert [(one.target.id, one.reason) for one in decision.left_out] == [("blind/x", "can't do vision")]


def test_a_budget_leaves_targets_without_a_price_to_calls_without_one():
    scene = Scene(model(target("a/x"), target("b/x", price=usd_price())))

    assert scene.order(under_budget=True) == ["b/x"]
    assert scene.order() == ["a/x", "b/x"]


def test_a_providers_own_budget_leaves_out_its_targets_without_a_price_for_every_call():
    spare = model(target("a/z"), target("c/z"), name="spare")
    scene = Scene(model(target("a/x"), target("a/y", price=usd_price()), fallbacks=("spare",)), spare, budgeted={"a"})

    decision = scene.decide()

    assert [one.target.id for one in decision.ranked] == ["a/y", "c/z"]
    assert {one.reason for one in decision.left_out} == {"its price is not known, and provider a is under a budget"}


def test_fallbacks_come_after_the_models_own_targets_each_by_its_own_policy():
    scene = Scene(
        model(target("a/x"), target("b/x"), fallbacks=("spare", "last")),
        model(target("c/y", price=usd_price("9")), target("d/y", price=usd_price("1")), name="spare", by="cost"),
        model(target("e/z"), name="last"),
    )

    decision = scene.decide()

    assert [one.target.id for one in decision.ranked] == ["a/x", "b/x", "d/y", "c/y", "e/z"]
    assert [one.model for one in decision.ranked] == ["m", "m", "spare", "spare", "last"]
    assert "until it succeeds" in decision.ranked[2].why


def test_fallbacks_of_a_fallback_are_not_asked():
    scene = Scene(
        model(target("a/x"), fallbacks=("spare",)),
        model(target("b/x"), name="spare", fallbacks=("m", "far")),
        model(target("c/x"), name="far"),
    )

    assert scene.order() == ["a/x", "b/x"]


def test_no_target_comes_twice_though_models_share_it():
    scene = Scene(
        model(target("a/x"), target("b/x"), fallbacks=("spare", "m", "missing")),
        model(target("b/x"), target("c/x"), name="spare"),
    )

    assert scene.order() == ["a/x", "b/x", "c/x"]


@pytest.mark.parametrize(
    ("route", "wish"),
    [({"allow_fallbacks": False}, Wish(allow_fallbacks=True)), ({}, Wish(allow_fallbacks=False))],
)
def test_fallbacks_need_both_the_model_and_the_client_to_allow_them(route, wish):
    scene = Scene(model(target("a/x"), fallbacks=("spare",), **route), model(target("b/x"), name="spare"))

    assert scene.order(call(wish=wish)) == ["a/x"]


def test_a_fallback_that_the_key_may_not_use_is_left_out():
    scene = Scene(model(target("a/x"), fallbacks=("secret",)), model(target("b/x"), name="secret"))

    decision = scene.decide(call(caller=Caller(key="ci", models=("m",))))

    assert [one.target.id for one in decision.ranked] == ["a/x"]
    assert decision.left_out[0].lack.rule == "caller"


@pytest.mark.parametrize("bound_by", ["route", "wish", "caller", "fallback"])
def test_regions_bind_fallbacks_whoever_set_the_bound(bound_by):
    scene = Scene(
        model(target("a/x", region="eu"), fallbacks=("spare",), regions=EU if bound_by == "route" else None),
        model(
            target("b/x", region="us"),
            target("c/x"),
            target("d/x", region="eu"),
            name="spare",
            regions=EU if bound_by == "fallback" else None,
        ),
    )
    asked = call(
        wish=Wish(regions=EU if bound_by == "wish" else None),
        caller=Caller(key="ci", regions=EU if bound_by == "caller" else None),
    )

    assert scene.order(asked) == ["a/x", "d/x"]


def test_a_target_that_one_models_policy_forbids_may_still_come_by_a_fallbacks():
    scene = Scene(
        model(target("a/x"), target("b/x"), fallbacks=("spare",), ignore=frozenset({"b"})),
        model(target("b/x"), name="spare"),
    )

    assert [(one.target.id, one.model) for one in scene.decide().ranked] == [("a/x", "m"), ("b/x", "spare")]


def test_a_target_whose_breaker_is_open_is_left_out():
    scene = Scene(model(target("a/x"), target("b/x")))
    scene.open_breaker("a/x")

    decision = scene.decide()

    assert [one.target.id for one in decision.ranked] == ["b/x"]
    assert decision.left_out[0].lack.rule == "breaker"


def test_a_target_comes_back_when_its_breaker_is_half_open_and_goes_while_the_probe_is_out():
    scene = Scene(model(target("a/x"), target("b/x")))
    scene.open_breaker("a/x")
    scene.clock.advance(5)
    assert scene.order() == ["a/x", "b/x"]
    scene.breakers.try_acquire("a/x")

    assert scene.order() == ["b/x"]


def test_fallbacks_are_asked_before_targets_whose_breaker_is_open():
    scene = Scene(model(target("a/x"), fallbacks=("spare",)), model(target("b/x"), name="spare"))
    scene.open_breaker("a/x")

    assert scene.order() == ["b/x"]


def test_when_every_breaker_is_open_the_soonest_to_reopen_is_tried_first():
    scene = Scene(
        model(target("a/x"), target("b/x"), fallbacks=("spare",)),
        model(target("a/x"), target("c/x"), name="spare"),
    )
    scene.open_breaker("a/x", retry_after_s=30)
    scene.open_breaker("b/x")
    scene.open_breaker("c/x", retry_after_s=3)

    decision = scene.decide()

    assert [one.target.id for one in decision.ranked] == ["c/x", "b/x", "a/x"]
    assert all(one.is_last_resort for one in decision.ranked)
    assert decision.left_out == ()
    assert decision.ranked[0].why == "last resort: every target is out, this one for 3.0 s more"
    assert all(scene.breakers.try_acquire(one.target.id, is_last_resort=True) for one in decision.ranked)


def test_a_last_resort_is_still_bound_by_the_rules():
    scene = Scene(model(target("a/x", region="us"), target("b/x", region="eu"), regions=EU))
    scene.open_breaker("a/x")
    scene.open_breaker("b/x")

    assert scene.order() == ["b/x"]


def test_deciding_claims_no_probe():
    scene = Scene(model(target("a/x")))
    scene.open_breaker("a/x")
    scene.clock.advance(5)
    scene.decide()
    scene.decide()

    assert scene.breakers.state("a/x") is State.HALF_OPEN
    assert scene.breakers.try_acquire("a/x")


def test_an_unknown_model_is_told_with_its_near_misses():
    scene = Scene(model(target(), name="gpt-5-mini"), model(target(), name="claude-sonnet"))

    with pytest.raises(ModelNotFound) as raised:
        scene.decide(call("gpt-5-mimi"))

    assert raised.value.status == 404
    assert raised.value.message == "The model 'gpt-5-mimi' does not exist. Did you mean 'gpt-5-mini'?"


def test_near_misses_are_only_what_the_key_may_use():
    scene = Scene(model(target(), name="gpt-5-mini"))

    with pytest.raises(ModelNotFound) as raised:
        scene.decide(call("gpt-5-mimi", caller=Caller(key="ci", models=("claude-*",))))

    assert "gpt-5-mini" not in raised.value.message


def test_an_endless_model_name_is_not_repeated_whole():
    with pytest.raises(ModelNotFound) as raised:
        Scene().decide(call("x" * 100_000))

    assert len(raised.value.message) < 200


def test_a_model_that_the_key_may_not_use_is_forbidden():
    scene = Scene(model(target()))

    with pytest.raises(Forbidden) as raised:
        scene.decide(call(caller=Caller(key="ci", models=("gpt-*",))))

    assert (raised.value.status, raised.value.code) == (403, "model_not_allowed")


def test_a_provider_that_is_off_is_left_out():
    scene = Scene(model(target("a/x"), target("b/x")), off={"a"})

    assert scene.order() == ["b/x"]


def test_its_repr_counts_its_models():
    assert repr(Scene(model(target())).router) == "<Router of 1 models>"
