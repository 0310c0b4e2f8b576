"""Settings as the nouns of the rooms above."""

from __future__ import annotations

from gateway.core import exchange, types
from gateway.settings import nouns
from gateway.settings.kinds import KINDS, Kind
from gateway.settings.model import Capabilities, Model, Route
from gateway.settings.terms import RATES, Timeouts


def test_the_narrower_time_out_goes_before_the_wider():
    merged = nouns.timeouts(Timeouts(idle=1), Timeouts(idle=2, total=2), Timeouts(total=3, connect=3))
    assert merged == exchange.Timeouts(connect=3, first_byte=60, idle=1, total=2)


def test_time_outs_that_say_nothing_are_the_defaults():
    assert nouns.timeouts() is nouns.timeouts(Timeouts(), Timeouts())
    assert nouns.timeouts() == exchange.Timeouts()


def test_what_the_configuration_says_of_a_target_goes_before_what_is_known():
    known = types.Capabilities(context_tokens=1000, features=frozenset({types.Feature.VISION}))
    override = Capabilities.model_validate({"features": ["tools"], "max_images": 2})
    assert nouns.capabilities(override, known) == types.Capabilities(
        context_tokens=1000, features=frozenset({types.Feature.TOOLS}), max_images=2
    )
    assert nouns.capabilities(Capabilities(), known) is known


def test_capabilities_can_all_be_overridden():
    assert set(Capabilities.model_fields) == set(types.Capabilities.__struct_fields__)


def test_a_route_has_the_units_of_the_core():
    route = nouns.route(
        Route.model_validate(
            {
                "by": "cost",
                "task": "code",
                "regions": ["eu"],
                "max_cost_usd": 0.01,
                "max_latency_ms": 1500,
                "min_quality": 50,
                "allow_fallbacks": False,
                "fallback_on_content_filter": True,
                "providers": {"only": ["a"], "ignore": ["b"], "order": ["c", "a"]},
            }
        )
    )
    assert route == types.Route(
        by="cost",
        task="code",
        regions=frozenset({"eu"}),
        max_cost_nanousd=10_000_000,
        max_latency_s=1.5,
        min_quality=50,
        allow_fallbacks=False,
        fallback_on_content_filter=True,
        only=frozenset({"a"}),
        ignore=frozenset({"b"}),
        order=("c", "a"),
    )


def test_a_route_that_says_nothing_is_the_core_s_default():
    model = Model.model_validate({"targets": ["a/b"]})
    assert nouns.route(model.route) == types.Route()


def test_balanced_without_weights_weighs_all_the_same():
    assert nouns.route(Route(by="balanced")).weights == {"cost": 1, "latency": 1, "quality": 1}


def test_balanced_takes_the_weights_given():
    route = Route.model_validate({"by": "balanced", "weights": {"cost": 3, "quality": 1}})
    assert nouns.route(route).weights == {"cost": 3, "latency": 0, "quality": 1}


def test_every_kind_has_its_row():
    assert list(KINDS) == list(Kind.__args__)


def test_every_kind_that_speaks_openai_is_a_kind_of_the_configuration():
    from gateway.providers.registry import OPENAI_LIKE  # noqa: PLC0415  (a room beside this one: here alone they meet)

    assert OPENAI_LIKE.keys() <= KINDS.keys()


def test_the_rates_are_those_of_a_price():
    from gateway.core.money import Price  # noqa: PLC0415  (beside its use)

    assert set(RATES) <= set(Price.__struct_fields__)
