"""Who may serve a call for images: image models, chat models that draw, and either in the other's place."""

import pytest

from gateway.core.types import Capabilities, Endpoint, Feature, Needs
from gateway.routing.eligible import lack_of
from tests.routing.scene import Scene, call, target, usd_price

GENERATIONS, EDITS, VARIATIONS = Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS, Endpoint.IMAGE_VARIATIONS
DRAWS = Feature.IMAGE_OUTPUT


def image_model(*features, endpoints=(GENERATIONS, EDITS), **rest):
    able = Capabilities(endpoints=frozenset(endpoints), features=frozenset(features), **rest)
    return target("openai/gpt-image", capabilities=able)


def chat_model(*features, **rest):
    able = Capabilities(endpoints=frozenset({Endpoint.CHAT}), features=frozenset(features), **rest)
    return target("openai/gpt-5-image", capabilities=able)


def asked(endpoint=GENERATIONS, *features, stream=False, **needs):
    needs.setdefault("images", 0 if endpoint is Endpoint.CHAT else 1)
    return call(needs=Needs(features=frozenset(features), **needs), endpoint=endpoint, stream=stream)


def lack(call_, target_, *, links_are_kept=False):
    ask = Scene().ask(call_)
    ask.links_are_kept = links_are_kept
    return lack_of(ask, target_)


def test_a_chat_that_asks_for_an_image_is_served_by_an_image_model():
    assert lack(asked(Endpoint.CHAT, DRAWS), image_model()) is None


def test_a_chat_without_images_learns_how_it_would_be_served():
    found = lack(asked(Endpoint.CHAT), image_model())

    assert (found.rule, found.param) == ("endpoint", "modalities")
    assert 'modalities: ["image", "text"] would be served' in found.why


@pytest.mark.parametrize("feature", [Feature.VISION, Feature.CHOICES, Feature.STREAMING])
def test_what_the_translation_serves_an_image_model_need_not_be_able_to(feature):
    asks = asked(Endpoint.CHAT, DRAWS, feature, stream=True, input_images=1, choices=2)

    assert lack(asks, image_model()) is None


@pytest.mark.parametrize(
    ("feature", "param"),
    [
        (Feature.TOOLS, "tools"),
        (Feature.JSON_SCHEMA, "response_format"),
        (Feature.AUDIO, "messages"),
        (Feature.FILES, "messages"),
        (Feature.LOGPROBS, "logprobs"),
    ],
)
def test_what_an_image_model_cannot_be_told_it_is_not_asked(feature, param):
    all_known = image_model(*Feature)
    none_known = target(capabilities=Capabilities(endpoints=frozenset({GENERATIONS})))

    for one in (all_known, none_known):
        found = lack(asked(Endpoint.CHAT, DRAWS, feature), one)
        assert (found.rule, found.param) == ("features", param)
        assert feature in found.why


def test_images_attached_to_a_chat_need_a_model_that_edits():
    draws_only = image_model(endpoints=(GENERATIONS,))
    found = lack(asked(Endpoint.CHAT, DRAWS, Feature.VISION, input_images=1), draws_only)

    assert (found.rule, found.param) == ("endpoint", "messages")
    assert "it edits none" in found.why


def test_a_chat_without_an_image_needs_a_model_that_does_more_than_edit():
    found = lack(asked(Endpoint.CHAT, DRAWS), image_model(endpoints=(EDITS,)))

    assert "without an image to edit" in found.why


def test_an_images_request_is_served_by_a_chat_model_that_draws_streamed_or_not():
    assert lack(asked(GENERATIONS), chat_model(DRAWS)) is None
    assert lack(asked(GENERATIONS, Feature.STREAMING, stream=True), chat_model(DRAWS)) is None


def test_an_images_request_is_not_served_by_a_chat_model_that_writes_only():
    found = lack(asked(GENERATIONS), chat_model(Feature.VISION))

    assert (found.rule, found.param) == ("endpoint", "model")


def test_edits_in_a_chat_need_a_model_that_sees():
    edit = asked(EDITS, input_images=1)

    assert lack(edit, chat_model(DRAWS, Feature.VISION)) is None
    found = lack(edit, chat_model(DRAWS))
    assert (found.rule, found.param) == ("features", "image")


@pytest.mark.parametrize(("feature", "param"), [(Feature.MASK, "mask"), (Feature.TRANSPARENT, "background")])
def test_a_mask_and_a_transparent_background_need_a_chat_model_that_says_so(feature, param):
    edit = asked(EDITS, feature, input_images=1)

    assert lack(edit, chat_model(DRAWS, Feature.VISION)).param == param
    assert lack(edit, chat_model(DRAWS, Feature.VISION, feature)) is None


def test_variations_are_not_to_be_had_of_a_chat_model():
    assert lack(asked(VARIATIONS, input_images=1), chat_model(*Feature)).rule == "endpoint"


def test_links_need_a_model_that_gives_them_or_a_gateway_that_keeps_images():
    asks = asked(GENERATIONS, Feature.IMAGE_LINKS)
    found = lack(asks, image_model())

    assert (found.rule, found.param) == ("features", "response_format")
    assert "b64_json" in found.why
    assert "server.media" in found.why
    assert lack(asks, image_model(), links_are_kept=True) is None
    assert lack(asks, chat_model(DRAWS), links_are_kept=True) is None
    assert lack(asks, image_model(Feature.IMAGE_LINKS)) is None


def test_another_size_will_do_only_where_the_config_says_so():
    exact = image_model(image_sizes=frozenset({"1024x1024", "1536x1024"}))
    near = target(capabilities=exact.capabilities, nearest_image_size=True)

    assert lack(asked(image_size="1792x1024"), exact).rule == "image_size"
    assert lack(asked(image_size="1792x1024"), near) is None
    assert lack(asked(image_size="wide"), near).rule == "image_size", "what is no size has no nearest one"


def test_a_model_without_a_choice_of_sizes_or_qualities_takes_only_what_is_left_open():
    none = image_model(image_sizes=frozenset(), image_qualities=frozenset())

    assert lack(asked(), none) is None
    assert "can't be told a size" in lack(asked(image_size="1024x1024"), none).why
    assert "can't be told a quality" in lack(asked(image_quality="high"), none).why


@pytest.mark.parametrize(("quality", "rule"), [("auto", None), ("low", None), ("hd", "image_quality")])
def test_no_quality_stands_for_another(quality, rule):
    found = lack(asked(image_quality=quality), image_model(image_qualities=frozenset({"low", "medium", "high"})))

    assert (found and found.rule) == rule


def test_more_images_than_one_request_makes_are_asked_for_in_several():
    assert lack(asked(images=5), image_model(max_images=1)) is None
    assert lack(asked(images=5), chat_model(DRAWS, max_images=1)) is None
    assert lack(asked(Endpoint.CHAT, DRAWS, Feature.CHOICES, choices=2), image_model(max_images=1)) is None


def test_under_a_budget_what_a_target_charges_for_images_must_be_known_for_a_chat_too():
    text_only = target(price=usd_price("1"), capabilities=Capabilities(endpoints=frozenset({GENERATIONS})))
    ask = Scene().ask(asked(Endpoint.CHAT, DRAWS), under_budget=True)
    unknown = target(price=usd_price("1", image_output="0"), capabilities=text_only.capabilities)

    assert lack_of(ask, unknown).rule == "priced"


def test_a_chat_gets_as_many_images_of_an_image_model_as_an_images_request_does():
    most = asked(Endpoint.CHAT, DRAWS, Feature.CHOICES, choices=10)
    more = asked(Endpoint.CHAT, DRAWS, Feature.CHOICES, choices=11)

    assert lack(most, image_model(max_images=1)) is None
    found = lack(more, image_model(max_images=1))
    assert (found.rule, found.param) == ("features", "n")
    assert "at most 10 images" in found.why
