import pytest

from gateway.core.errors import Forbidden, InvalidRequest, NoTarget
from gateway.core.types import Caller, Capabilities, Endpoint, Feature, Needs
from gateway.core.wish import Wish
from tests.routing.scene import Scene, call, model, target, usd_price

EU = frozenset({"eu"})
BLIND = Capabilities(features=frozenset({Feature.TOOLS}))


def refusal(scene, call_=None, kind=Exception, **options):
    with pytest.raises(kind) as raised:
        scene.decide(call_ or call(), **options)
    return raised.value


def test_regions_alone_refuse_with_region_not_allowed():
    scene = Scene(model(target("a/x", region="us"), target("b/x")))

    error = refusal(scene, call(caller=Caller(key="ci", regions=EU)), Forbidden)

    assert (error.status, error.code) == (403, "region_not_allowed")
    assert "a/x: region us is not among eu" in error.message


def test_a_forbidden_fallback_does_not_hide_that_regions_refused():
    scene = Scene(model(target("a/x", region="us"), fallbacks=("spare",)), model(target("b/x"), name="spare"))

    error = refusal(scene, call(caller=Caller(key="ci", regions=EU, models=("m",))), Forbidden)

    assert error.code == "region_not_allowed"


@pytest.mark.parametrize(
    ("asked", "capabilities", "param"),
    [
        (call(needs=Needs(features=frozenset({Feature.VISION}))), BLIND, "messages"),
        (call(needs=Needs(features=frozenset({Feature.JSON_SCHEMA}))), BLIND, "response_format"),
        (call(stream=True), BLIND, "stream"),
        (
            call(needs=Needs(images=1, image_size="7x7"), endpoint=Endpoint.IMAGE_GENERATIONS),
            Capabilities(image_sizes=frozenset({"1024x1024"})),
            "size",
        ),
        (
            call(needs=Needs(images=1, image_quality="hd"), endpoint=Endpoint.IMAGE_GENERATIONS),
            Capabilities(image_qualities=frozenset({"low"})),
            "quality",
        ),
        (
            call(endpoint=Endpoint.IMAGE_EDITS),
            Capabilities(endpoints=frozenset({Endpoint.CHAT})),
            "model",
        ),
    ],
)
def test_what_is_lacking_everywhere_is_a_fault_of_the_request_and_its_field_is_named(asked, capabilities, param):
    scene = Scene(
        model(target("a/x", capabilities=capabilities), fallbacks=("spare",)),
        model(target("b/x", capabilities=capabilities), name="spare"),
    )

    error = refusal(scene, asked, InvalidRequest)

    assert (error.status, error.param) == (400, param)
    assert "a/x: " in error.message
    assert "b/x: " in error.message


def test_too_much_input_for_every_context_has_openais_code():
    scene = Scene(model(target("a/x", capabilities=Capabilities(context_tokens=100))))

    error = refusal(scene, call(needs=Needs(input_tokens=1_000)), InvalidRequest)

    assert (error.param, error.code) == ("messages", "context_length_exceeded")


def test_what_every_target_in_an_allowed_region_lacks_is_a_fault_of_the_request():
    scene = Scene(model(target("a/x", region="us"), target("b/x", region="eu", capabilities=BLIND), regions=EU))

    error = refusal(scene, call(needs=Needs(features=frozenset({Feature.VISION}))), InvalidRequest)

    assert error.param == "messages"
    assert "a/x" not in error.message


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(only=frozenset({"groq"})), "provider a is not among groq"),
        (Wish(max_cost_nanousd=1), "over $0.000000001"),
        (Wish(min_quality=50), "no quality score"),
    ],
)
def test_bounds_that_leave_nothing_answer_503_with_each_reason_and_no_call_to_retry(wish, words):
    scene = Scene(model(target("a/x", price=usd_price())))

    error = refusal(scene, call(wish=wish), NoTarget)

    assert (error.status, error.code) == (503, "no_target_available")
    assert "a/x: " in error.message
    assert words in error.message
    assert ("x-should-retry", "false") in error.headers


def test_a_latency_bound_may_be_met_a_little_later():
    scene = Scene(model(target("a/x")))
    scene.reply("a/x", duration_s=9.0)

    assert refusal(scene, call(wish=Wish(max_latency_s=1.0)), NoTarget).headers == ()


def test_reasons_of_different_kinds_answer_503():
    scene = Scene(model(target("a/x", capabilities=BLIND), target("b/x")), off={"b"})

    error = refusal(scene, call(needs=Needs(features=frozenset({Feature.VISION}))), NoTarget)

    assert "can't do vision" in error.message
    assert "provider b is off" in error.message


def test_a_model_without_targets_says_so():
    assert "it has none" in refusal(Scene(model()), kind=NoTarget).message


def test_a_long_list_of_reasons_is_cut():
    scene = Scene(model(*(target(f"p{number}/x") for number in range(40))))

    error = refusal(scene, under_budget=True, kind=NoTarget)

    assert "and 32 more" in error.message
    assert len(error.message) < 1_000
