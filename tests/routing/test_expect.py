import pytest

from gateway.core.money import Price
from gateway.core.types import Capabilities, Endpoint, Feature, Needs
from gateway.health.vitals import Reading
from gateway.routing import expect
from tests.routing.scene import call, target, usd_price

DRAW = Endpoint.IMAGE_GENERATIONS
NEW = Reading()
SEEN = Reading(ttft_s=0.5, per_token_s=0.01, output_tokens=100.0)


def test_a_chat_on_a_new_target_is_expected_to_say_a_usual_amount_a_choice():
    assert expect.output_tokens(call(), NEW) == 256
    assert expect.output_tokens(call(needs=Needs(choices=3)), NEW) == 768


def test_the_clients_ceiling_bounds_what_is_expected():
    assert expect.output_tokens(call(needs=Needs(output_tokens_max=10, choices=2)), NEW) == 20
    assert expect.output_tokens(call(needs=Needs(output_tokens_max=10)), SEEN) == 10
    assert expect.output_tokens(call(needs=Needs(output_tokens_max=1_000)), SEEN) == 100


def test_embeddings_are_expected_to_say_nothing():
    assert expect.output_tokens(call(endpoint=Endpoint.EMBEDDINGS), NEW) == 0


def test_a_chat_costs_its_likely_input_and_what_the_target_usually_says():
    asked = call(needs=Needs(input_tokens=1_000))

    # 1000 x $1/M + 100 x $5/M
    assert expect.cost_nanousd(asked, target(price=usd_price("1", "5")), SEEN) == 1_500_000


def test_input_images_are_reckoned_by_their_tokens():
    seeing = target(price=usd_price("1", "0", image_input="2"), capabilities=Capabilities(image_input_tokens=500))

    assert expect.cost_nanousd(call(needs=Needs(input_images=2)), seeing, NEW) == 2_000_000


def test_images_cost_by_their_line_and_number():
    price = Price(per_image={"high/1024x1024": 50, "default": 7}, per_request=1)
    high = Needs(images=3, image_quality="high", image_size="1024x1024")

    assert expect.cost_nanousd(call(needs=high, endpoint=DRAW), target(price=price), NEW) == 151
    assert expect.cost_nanousd(call(needs=Needs(images=2), endpoint=DRAW), target(price=price), NEW) == 15


def test_images_priced_by_tokens_cost_what_the_target_usually_takes():
    price = usd_price("5", "0", image_output="40")
    asked = call(needs=Needs(images=2), endpoint=DRAW)

    assert expect.cost_nanousd(asked, target(price=price), Reading(output_tokens=500.0)) == 20_000_000
    assert expect.cost_nanousd(asked, target(price=price), NEW) == 2 * 1_056 * 40_000


def test_each_request_of_a_fan_out_is_expected_to_be_billed_its_input():
    price = usd_price("1", "0", per_request="0.000001")
    two_at_once = target(price=price, capabilities=Capabilities(max_images=2))
    asked = call(needs=Needs(images=5, input_tokens=100), endpoint=DRAW)

    assert expect.cost_nanousd(asked, two_at_once, NEW) == 3 * (1_000 + 100 * 1_000)


def test_a_chat_that_an_image_model_serves_is_expected_to_cost_what_its_images_do():
    drawing = target(
        price=Price(per_image={"default": 7}, output=10**9),
        capabilities=Capabilities(endpoints=frozenset({DRAW})),
    )
    asked = call(needs=Needs(features=frozenset({Feature.IMAGE_OUTPUT}), choices=2))

    assert expect.cost_nanousd(asked, drawing, NEW) == 14


def test_a_chat_that_draws_by_itself_is_expected_to_cost_its_words_and_its_images():
    asked = call(needs=Needs(features=frozenset({Feature.IMAGE_OUTPUT}), choices=2, output_tokens_max=10))
    chats = Capabilities(endpoints=frozenset({Endpoint.CHAT}))
    by_line = target(price=Price(per_image={"default": 7}, output=10**9), capabilities=chats)
    by_tokens = target(price=Price(output=10**9, image_output=4 * 10**9), capabilities=chats)

    assert expect.cost_nanousd(asked, by_line, NEW) == 2 * (10 * 1_000 + 7)
    assert expect.cost_nanousd(asked, by_tokens, NEW) == 2 * (10 * 1_000 + 1_056 * 4_000)


def test_a_price_that_is_not_known_is_not_nothing():
    assert expect.cost_nanousd(call(), target(), NEW) is None


def test_latency_is_the_first_word_and_then_the_pace():
    assert expect.latency_s(call(), SEEN) == pytest.approx(1.5)
    assert expect.latency_s(call(needs=Needs(output_tokens_max=10)), SEEN) == pytest.approx(0.6)
    assert expect.latency_s(call(), NEW) is None
