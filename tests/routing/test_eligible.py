import msgspec
import pytest

from gateway.core.types import Capabilities, Endpoint, Feature, Needs, Route
from gateway.routing.eligible import FIELD_OF, RULES, breaker_lack, lack_of
from tests.routing.scene import Scene, call, target, usd_price

CAPABLE = Capabilities(
    endpoints=frozenset({Endpoint.CHAT}),
    features=frozenset({Feature.TOOLS, Feature.STREAMING}),
    context_tokens=10_000,
    max_output_tokens=2_000,
    image_sizes=frozenset({"1024x1024"}),
    image_qualities=frozenset({"low", "high"}),
    image_formats=frozenset({"png"}),
    max_images=4,
)


def lack(call_, target_, route=None, **options):
    return lack_of(Scene().ask(call_, route, **options), target_)


def test_a_target_whose_capabilities_are_unknown_is_taken_to_be_able():
    needs = Needs(
        features=frozenset(Feature), input_tokens=10**9, output_tokens_max=10**9, images=99, image_size="9x9", choices=9
    )

    assert lack(call(needs=needs, stream=True), target()) is None


def test_each_capability_that_is_unknown_is_taken_for_yes_though_others_are_known():
    known = Capabilities(max_images=1)
    needs = Needs(features=frozenset(Feature), input_tokens=10**9, output_tokens_max=10**9, image_format="webp")

    assert lack(call(needs=needs, stream=True), target(capabilities=known)) is None


def test_a_target_that_can_do_all_that_is_needed_lacks_nothing():
    needs = Needs(features=frozenset({Feature.TOOLS}), input_tokens=5_000, output_tokens_max=2_000)

    assert lack(call(needs=needs, stream=True), target(capabilities=CAPABLE)) is None


@pytest.mark.parametrize(
    ("asked", "rule", "param", "words"),
    [
        (call(endpoint=Endpoint.EMBEDDINGS), "endpoint", "model", "does not serve /v1/embeddings"),
        (call(needs=Needs(features=frozenset({Feature.VISION}))), "features", "messages", "can't do vision"),
        (call(needs=Needs(input_tokens=20_000)), "context", "messages", "its context of 10000"),
        (call(needs=Needs(output_tokens_max=2_001)), "output_ceiling", "max_completion_tokens", "at most 2000"),
        (call(needs=Needs(image_size="1x1")), "image_size", "image_config", "only 1024x1024"),
        (call(needs=Needs(image_format="webp")), "image_format", "image_config", "only png"),
        (call(needs=Needs(image_quality="hd")), "image_quality", "image_config", "'hd', only high, low"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_known_lack_names_its_rule_its_field_and_its_words(asked, rule, param, words):
    found = lack(asked, target(capabilities=CAPABLE))

    assert (found.rule, found.param) == (rule, param)
    assert words in found.why


@pytest.mark.parametrize("feature", list(Feature))
def test_every_feature_that_is_lacking_names_the_field_that_asks_for_it(feature):
    none = Capabilities(features=frozenset())

    found = lack(call(needs=Needs(features=frozenset({feature}))), target(capabilities=none))

    assert found.param == ("image_config" if feature is Feature.TRANSPARENT else FIELD_OF[feature])
    assert feature in found.why


def test_a_stream_needs_a_target_that_streams():
    whole_only = Capabilities(features=frozenset({Feature.TOOLS}))

    assert lack(call(stream=True), target(capabilities=whole_only)).param == "stream"
    assert lack(call(stream=False), target(capabilities=whole_only)) is None


def test_the_output_ceiling_is_named_as_the_client_named_it():
    asked = call(needs=Needs(output_tokens_max=9_999), fields={"max_tokens": msgspec.Raw(b"9999")})

    assert lack(asked, target(capabilities=CAPABLE)).param == "max_tokens"


def test_the_clients_own_ceiling_must_fit_into_the_context_too():
    tight = target(capabilities=Capabilities(context_tokens=10_000))

    assert lack(call(needs=Needs(input_tokens=5_000, output_tokens_max=8_000)), tight).rule == "context"
    assert lack(call(needs=Needs(input_tokens=5_000, output_tokens_max=5_000)), tight) is None


def test_input_that_may_well_fit_is_left_to_the_providers_own_count():
    tight = target(capabilities=Capabilities(context_tokens=10_000))

    assert lack(call(needs=Needs(input_tokens=11_000)), tight) is None


def test_automatic_image_size_suits_every_target():
    assert lack(call(needs=Needs(images=1, image_size="auto")), target(capabilities=CAPABLE)) is None


def test_a_target_without_a_region_satisfies_no_bound_on_regions():
    eu = Route(regions=frozenset({"eu"}))

    assert lack(call(), target(region="eu"), eu) is None
    assert lack(call(), target(region="us"), eu).rule == "region"
    assert "unknown" in lack(call(), target(), eu).why
    assert lack(call(), target(region="eu"), Route(regions=frozenset())).rule == "region"


def test_a_provider_that_is_off_serves_nothing():
    assert lack(call(), target(), off={"openai"}).rule == "provider_off"


def test_only_and_ignore_choose_providers():
    assert lack(call(), target(), Route(only=frozenset({"groq"}))).rule == "provider_choice"
    assert lack(call(), target(), Route(ignore=frozenset({"openai"}))).rule == "provider_choice"
    assert lack(call(), target(), Route(only=frozenset({"openai"}), ignore=frozenset({"groq"}))) is None


def test_under_a_budget_a_target_without_a_price_is_left_out():
    assert lack(call(), target(), under_budget=True).rule == "priced"
    assert lack(call(), target(price=usd_price("0", "0")), under_budget=True) is None
    assert lack(call(), target()) is None


def test_a_cost_ceiling_leaves_out_what_costs_more_or_has_no_price():
    asked = call(needs=Needs(input_tokens=1_000_000, output_tokens_max=0))
    ceiling = Route(max_cost_nanousd=1_000_000_000)

    assert lack(asked, target(price=usd_price("1")), ceiling) is None
    assert "about $2, over $1" in lack(asked, target(price=usd_price("2")), ceiling).why
    assert "not known" in lack(asked, target(), ceiling).why


def test_a_quality_floor_leaves_out_what_is_below_or_has_no_score():
    floor = Route(min_quality=60, task="code")

    assert lack(call(), target(quality={"code": 60, "default": 10}), floor) is None
    assert lack(call(), target(quality={"default": 70}), floor) is None
    assert lack(call(), target(quality={"code": 50, "default": 70}), floor).rule == "quality_floor"
    assert lack(call(), target(), floor).rule == "quality_floor"


def test_a_latency_ceiling_leaves_out_what_is_slow_but_not_what_is_new():
    scene = Scene()
    scene.reply("slow/a", duration_s=5.0)
    scene.reply("fast/a", duration_s=1.0)
    ask = scene.ask(call(), Route(max_latency_s=2.0))

    assert lack_of(ask, target("slow/a")).rule == "latency_ceiling"
    assert lack_of(ask, target("fast/a")) is None
    assert lack_of(ask, target("new/a")) is None


def test_a_breaker_that_is_open_is_told_with_its_reason_and_its_time():
    scene = Scene()
    scene.open_breaker("openai/gpt")

    assert breaker_lack(scene.ask(call()), target()).why == "circuit open after server_error, tried again in 5.0 s"


def test_regions_are_asked_before_anything_else():
    assert RULES[0].__name__ == "region"
