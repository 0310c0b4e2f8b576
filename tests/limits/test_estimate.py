"""The worst case: money never less than any bill, tokens as many as are likely."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import FREE, NANOUSD, Price, Term, Tier
from gateway.core.types import Capabilities, Endpoint, Feature
from gateway.core.usage import Usage
from gateway.limits.estimate import is_priced, worst_case
from tests.limits.calls import call, target

USD = NANOUSD
MINI = Price(input=USD // 4, cached_input=USD // 40, cache_write=USD // 4, output=2 * USD, image_input=USD // 4)
LINES = {
    "low/1024x1024": 11_000_000,
    "low/1024x1536": 16_000_000,
    "high/1024x1024": 167_000_000,
    "high/1024x1536": 250_000_000,
}
BY_IMAGE = Price(per_image=LINES)
BY_TOKENS = Price(input=5 * USD, image_input=10 * USD, image_output=40 * USD, per_image=LINES)


def cost(call, *prices: Price | None, capabilities=None) -> int:
    targets = [target(price, *([capabilities] if capabilities else [])) for price in prices]
    return worst_case(call, targets).cost_nanousd


def test_a_chat_costs_its_largest_input_and_the_clients_own_ceiling():
    chat = call(input_tokens=300, input_tokens_max=1_000, output_tokens_max=500)

    assert cost(chat, MINI) == 1_000 * 250 + 500 * 2_000


def test_each_choice_is_written_anew():
    chat = call(input_tokens_max=1_000, output_tokens_max=500, choices=3)

    assert cost(chat, MINI) == 1_000 * 250 + 3 * 500 * 2_000


@pytest.mark.parametrize(
    ("capabilities", "tokens"),
    [
        (Capabilities(max_output_tokens=16_000, context_tokens=128_000), 16_000),
        (Capabilities(context_tokens=128_000), 128_000),
        (Capabilities(), 131_072),
    ],
)
def test_without_the_clients_ceiling_the_models_own_is_taken(capabilities, tokens):
    assert cost(call(), MINI, capabilities=capabilities) == tokens * 2_000


def test_the_dearest_target_counts():
    chat = call(input_tokens_max=1_000, output_tokens_max=10)
    dear = Price(input=10 * USD, output=USD)

    assert cost(chat, MINI, dear, FREE) == cost(chat, dear)


def test_the_dearest_tier_and_the_dearest_hour_count():
    chat = call(input_tokens_max=1_000, output_tokens_max=10)
    long = Price(input=USD, output=9 * USD)
    peak = Price(input=3 * USD, output=USD)
    price = Price(
        input=USD,
        output=USD,
        tiers=(Tier(above_input_tokens=200_000, price=long),),
        terms=(Term(price=peak, start_s=0),),
    )

    assert cost(chat, price) == 1_000 * 3_000 + 10 * 9_000


def test_input_images_count_with_the_most_tokens_that_one_can_have():
    chat = call(input_images=2, output_tokens_max=0)

    assert cost(chat, Price(image_input=USD), capabilities=Capabilities(image_input_tokens=1_000)) == 2_000 * 1_000


def test_input_images_that_a_provider_counts_as_text_are_covered():
    assert cost(call(input_images=1, output_tokens_max=0), Price(input=USD)) == 1_600 * 1_000


def test_a_call_with_audio_pays_for_its_input_as_audio():
    price = Price(input=USD, audio_input=40 * USD)
    needs = {"input_tokens_max": 100, "output_tokens_max": 0}

    assert cost(call(features=frozenset({Feature.AUDIO}), **needs), price) == 100 * 40_000
    assert cost(call(**needs), price) == 100 * 1_000


def test_a_price_for_each_request_is_added():
    assert cost(call(output_tokens_max=0), Price(per_request=5_000_000)) == 5_000_000


def test_embeddings_write_nothing():
    embeddings = call(Endpoint.EMBEDDINGS, input_tokens=900, input_tokens_max=1_000)

    worst = worst_case(embeddings, [target(MINI)])
    assert worst.cost_nanousd == 1_000 * 250
    assert worst.tokens == 900


def test_a_fraction_of_a_nanodollar_is_rounded_up():
    assert cost(call(input_tokens_max=1, output_tokens_max=0), Price(input=1)) == 1


@pytest.mark.parametrize(
    ("quality", "size", "each"),
    [
        ("low", "1024x1024", 11_000_000),
        ("high", "1024x1536", 250_000_000),
        ("auto", "auto", 250_000_000),
        ("low", "auto", 16_000_000),
        ("auto", "1024x1024", 167_000_000),
        ("ultra", "4096x4096", 250_000_000),
        ("ultra", "auto", 250_000_000),
    ],
)
def test_images_cost_their_line_and_what_is_left_open_the_dearest(quality, size, each):
    images = call(Endpoint.IMAGE_GENERATIONS, images=3, image_quality=quality, image_size=size)

    worst = worst_case(images, [target(BY_IMAGE)])
    assert worst.cost_nanousd == 3 * each
    assert worst.images == 3


def test_a_line_for_every_other_size_stands_for_it():
    price = Price(per_image={"low/auto": 5, "high/1024x1024": 9, "default": 7})

    assert cost(call(Endpoint.IMAGE_GENERATIONS, images=1, image_quality="low", image_size="1x1"), price) == 5
    assert cost(call(Endpoint.IMAGE_GENERATIONS, images=1, image_quality="auto", image_size="1x1"), price) == 7


def test_images_billed_by_tokens_get_a_tenth_more_and_their_input():
    edit = call(
        Endpoint.IMAGE_EDITS,
        images=1,
        image_quality="low",
        image_size="1024x1024",
        input_tokens=80,
        input_tokens_max=100,
        input_images=1,
    )

    worst = worst_case(edit, [target(BY_TOKENS)])
    assert worst.cost_nanousd == 12_100_000 + 100 * 5_000 + 1_600 * 10_000
    assert worst.tokens == 80 + 1_600 + 302


def test_previews_are_billed_where_images_are_billed_by_tokens():
    needs = {"images": 2, "image_quality": "low", "image_size": "1024x1024"}
    without = call(Endpoint.IMAGE_GENERATIONS, **needs)
    streamed = call(Endpoint.IMAGE_GENERATIONS, partial_images=3, **needs)

    assert cost(streamed, BY_TOKENS) - cost(without, BY_TOKENS) == 2 * 3 * 100 * 40_000
    assert cost(streamed, BY_IMAGE) == cost(without, BY_IMAGE)


def test_images_billed_by_tokens_without_lines_are_never_free():
    images = call(Endpoint.IMAGE_GENERATIONS, images=1)

    assert cost(images, Price(image_output=30 * USD)) >= 13_400 * 30_000


def test_a_price_that_is_not_known_is_not_priced_and_never_taken_for_free():
    assert not is_priced(target(None), Endpoint.CHAT)
    assert is_priced(target(FREE), Endpoint.CHAT)
    assert is_priced(target(FREE), Endpoint.IMAGE_GENERATIONS)
    assert is_priced(target(MINI), Endpoint.CHAT)
    assert not is_priced(target(MINI), Endpoint.IMAGE_GENERATIONS)
    assert is_priced(target(BY_IMAGE), Endpoint.IMAGE_GENERATIONS)
    assert not is_priced(target(BY_IMAGE), Endpoint.CHAT)
    assert is_priced(target(Price(image_output=1)), Endpoint.IMAGE_EDITS)


@pytest.mark.parametrize(
    ("needs", "capabilities", "tokens"),
    [
        ({"input_tokens": 300, "input_tokens_max": 9_000, "output_tokens_max": 500}, Capabilities(), 800),
        ({"input_tokens": 300}, Capabilities(), 300 + 4_096),
        ({"input_tokens": 300}, Capabilities(max_output_tokens=1_000), 1_300),
        ({"input_tokens": 300}, Capabilities(max_output_tokens=100_000), 300 + 4_096),
        ({"input_tokens": 300, "choices": 2, "output_tokens_max": 10}, Capabilities(), 320),
        ({"input_images": 2, "output_tokens_max": 0}, Capabilities(image_input_tokens=700), 1_400),
    ],
)
def test_rates_hold_likely_tokens(needs, capabilities, tokens):
    assert worst_case(call(**needs), [target(MINI, capabilities)]).tokens == tokens


rates = st.integers(0, 100 * USD)
prices = st.builds(
    Price,
    input=rates,
    cached_input=rates,
    cache_write=rates,
    cache_write_1h=rates,
    output=rates,
    reasoning=st.none() | rates,
    image_input=rates,
    cached_image_input=rates,
    image_output=rates,
    audio_output=rates,
    per_request=rates,
)
counts = st.integers(0, 5_000)


@given(prices, prices, st.data())
def test_no_bill_within_the_calls_bounds_is_more_than_the_worst_case(first, second, data):
    draw = data.draw
    parts = {name: draw(counts) for name in ("input", "cached_input", "cache_write", "cache_write_1h")}
    written = {name: draw(counts) for name in ("output", "reasoning", "image_output", "audio_output")}
    pictures = draw(st.integers(0, 3))
    usage = Usage(**parts, **written, image_input=draw(st.integers(0, pictures * 1_600)))
    price = Price(
        **{f: getattr(first, f) for f in first.__struct_fields__ if f != "tiers"}, tiers=(Tier(2_000, second),)
    )
    chat = call(
        input_tokens_max=sum(parts.values()), output_tokens_max=sum(written.values()), input_images=pictures, choices=1
    )

    assert price.cost(usage) <= cost(chat, price)


@given(st.sampled_from([BY_IMAGE, BY_TOKENS]), st.sampled_from(sorted(LINES)), st.integers(1, 10))
def test_no_published_image_line_costs_more_than_the_worst_case(price, line, count):
    quality, size = line.split("/")
    usage = Usage(images=count, image_line=line)
    asked = {"images": count}

    for open_quality in (quality, "auto"):
        for open_size in (size, "auto"):
            images = call(Endpoint.IMAGE_GENERATIONS, image_quality=open_quality, image_size=open_size, **asked)
            assert price.cost(usage) <= cost(images, price)
