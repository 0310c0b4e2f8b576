"""Prices are whole: what a list leaves out is filled in, what a configuration states wins, unknown is not free."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.listing import Clause, Period, Row
from gateway.catalog.prices import price_from_config, price_of_rates, price_of_row, with_auto
from gateway.core.money import FREE, NANOUSD, Price, Term, Tier
from gateway.core.usage import Usage

USD = NANOUSD
DAY = 86_400


def row(*periods):
    return Row("m", Clause("equals", "m"), None, periods)


def test_no_published_input_rate_is_no_price():
    assert price_of_rates({}) is None
    assert price_of_rates({"output": 5}) is None
    assert price_of_row(row(Period({})), now=0) is None


def test_unpublished_rates_are_those_of_text():
    price = price_of_rates({"input": 10, "output": 40})
    assert (price.cached_input, price.cache_write, price.image_input, price.cached_image_input) == (10, 10, 10, 10)
    assert (price.audio_input, price.audio_output, price.image_output) == (10, 40, 40)


def test_a_cache_write_for_an_hour_costs_double_where_writes_cost_anything():
    assert price_of_rates({"input": 1_000, "cache_write": 1_250}).cache_write_1h == 2_000
    assert price_of_rates({"input": 1_000, "cached_input": 100}).cache_write_1h == 1_000
    assert price_of_rates({"input": 1_000, "cache_write": 1_250, "cache_write_1h": 1_500}).cache_write_1h == 1_500


def test_cached_images_cost_as_images_where_images_have_a_rate_and_as_cached_text_elsewhere():
    assert price_of_rates({"input": 10, "cached_input": 1, "image_input": 20}).cached_image_input == 20
    assert price_of_rates({"input": 10, "cached_input": 1}).cached_image_input == 1


def test_a_tier_holds_for_the_whole_call_once_its_input_passes_the_bound():
    price = price_of_rates({"input": 1_250, "output": 10_000}, tiers=((200, {"input": 2_500, "output": 15_000}),))
    assert price.cost(Usage(input=100, cached_input=100, output=1_000)) == -(-(200 * 1_250 + 10_000_000) // 10**6)
    assert price.cost(Usage(input=101, cached_input=100, output=1_000)) == -(-(201 * 2_500 + 15_000_000) // 10**6)
    assert (price.dearest_input, price.dearest_output) == (2_500, 15_000)


@given(st.integers(0, 300_000), st.lists(st.integers(0, 300_000), unique=True, max_size=4))
def test_the_tier_of_a_length_is_the_last_one_passed(tokens, starts):
    tiers = tuple(Tier(start, Price(input=start + 1)) for start in sorted(starts))
    passed = [start for start in starts if tokens > start]
    assert Price(tiers=tiers).for_input(tokens).input == (max(passed) + 1 if passed else 0)


def test_reasoning_has_a_rate_of_its_own_where_a_list_says_so():
    assert (
        price_of_rates({"input": 0, "output": 8_000_000, "reasoning": 3_000_000}).cost(Usage(output=1, reasoning=2))
        == 14
    )
    assert price_of_rates({"input": 0, "output": 8_000_000}).cost(Usage(output=1, reasoning=2)) == 24


def test_a_price_announced_for_a_later_day_holds_from_that_day():
    price = price_of_row(row(Period({"input": 1}), Period({"input": 2}, since=10 * DAY)), now=9 * DAY)
    assert price.input == 1
    assert [price.at(day * DAY).input for day in (9, 9.99, 10, 11)] == [1, 1, 2, 2]
    assert price_of_row(row(Period({"input": 1}), Period({"input": 2}, since=10 * DAY)), now=10 * DAY).terms == ()


def test_an_hourly_price_is_the_dearest_to_whoever_does_not_ask_for_the_time():
    night = Period({"input": 4, "output": 9}, hours=(22 * 3600, 2 * 3600))
    price = price_of_row(row(Period({"input": 2, "output": 5}), night), now=0)
    assert price.input == 4
    assert [price.at(hour * 3600).input for hour in (0, 1, 2, 12, 21, 22, 23, 24, 30)] == [4, 4, 2, 2, 2, 4, 4, 4, 2]


def test_a_term_knows_its_hours_and_its_day():
    term = Term(Price(), since=DAY, start_s=3600, end_s=7200)
    assert [term.is_in_force(t) for t in (3600, DAY + 3599, DAY + 3600, DAY + 7199, DAY + 7200)] == [
        False,
        False,
        True,
        True,
        False,
    ]


def test_cached_tokens_are_billed_once():
    price = price_from_config({"input": 1, "cached_input": "0.1", "cache_write": 1.25, "output": 4})
    assert (
        price.cost(Usage(input=1_000, cached_input=2_000, cache_write=400, output=10))
        == 1_000_000 + 200_000 + (500_000) + 40_000
    )


def test_amounts_may_be_written_in_any_way_and_stay_exact():
    for amount in (Decimal("0.0375"), "0.0375", 0.0375):
        assert price_from_config({"input": amount, "output": 0}).input == 37_500_000


def test_free_is_said_not_guessed():
    assert price_from_config("free") is FREE
    assert price_from_config({"input": 0, "output": 0}).cost(Usage(input=10**9, output=10**9)) == 0


def test_an_amount_for_each_image_is_billed_by_the_piece():
    price = price_from_config({"per_image": {"low/1024x1024": 0.005, "high/1024x1536": "0.05", "default": 0.04}})
    assert price.is_by_image
    assert price.cost(Usage(images=3, image_line="low/1024x1024", input=10_000, image_output=999)) == 15_000_000
    assert price.image("medium/512x512") == 40_000_000
    assert price.image("auto/auto") == 50_000_000
    assert price.image("low/auto") == 40_000_000
    assert price_from_config({"per_image": 0.03}).image("any/thing") == 30_000_000


def test_a_price_a_piece_beside_token_rates_bills_images_by_the_piece_and_text_by_tokens():
    price = price_from_config({"input": 1, "output": 2, "per_image": {"default": 0.04}})
    assert price.is_by_image
    assert price.cost(Usage(input=1_000, images=1, image_output=1_290)) == 1_000_000 + 40_000_000


LISTED = Price(
    input=5 * USD,
    cached_input=USD,
    output=9 * USD,
    image_output=40 * USD,
    per_request=7,
    per_image={"low/1024x1024": 11},
    tiers=(Tier(10, Price(input=6 * USD, per_request=7)),),
)


def test_what_a_configuration_states_replaces_that_kind_of_figure_as_a_whole():
    tokens = price_from_config({"input": 1, "output": 2}, LISTED)
    assert (tokens.input, tokens.cached_input, tokens.image_output, tokens.tiers) == (USD, USD, 2 * USD, ())
    assert (tokens.per_image, tokens.per_request, tokens.source) == (LISTED.per_image, 7, "config")

    by_image = price_from_config({"per_image": {"default": 1}}, LISTED)
    assert (by_image.input, by_image.image_output, by_image.per_image["default"]) == (0, 0, USD)

    request = price_from_config({"per_request": "0.000000001"}, LISTED)
    assert (request.input, request.per_request, request.tiers[0].price.per_request) == (5 * USD, 1, 1)


def test_zero_for_tokens_is_zero_for_images_too():
    assert price_from_config({"input": 0, "output": 0}, LISTED).cost(Usage(images=2, image_output=9)) == 7


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("cheap", "free"),
        ({}, "empty"),
        ({"inputs": 1}, "did you mean input"),
        ({"input": -1, "output": 1}, "input: -1 is below zero"),
        ({"input": "much", "output": 1}, "input: 'much'"),
        ({"input": True, "output": 1}, "input: True"),
        ({"input": float("nan"), "output": 1}, "input: nan"),
        ({"output": 1}, "input: a price by tokens needs it"),
        ({"input": 1}, "output: a price by tokens needs it"),
        ({"per_image": {"1024x1024": 1}}, "quality/size"),
        ({"per_image": {"low/1024x1024": "x"}}, "per_image.low/1024x1024"),
    ],
)
def test_a_wrong_price_is_refused_by_name(setting, says):
    with pytest.raises(ValueError, match=says):
        price_from_config(setting)


def test_what_is_left_out_counts_as_not_said():
    assert price_from_config({"input": 1, "output": 2, "cached_input": None, "per_image": {}}).cached_input == USD


@given(st.dictionaries(st.sampled_from(["a/x", "a/y", "b/x", "default"]), st.integers(0, 99), min_size=1))
def test_auto_is_never_cheaper_than_a_line_that_it_may_come_to(lines):
    price = Price(per_image=with_auto(lines))
    for line in lines:
        quality, _, size = line.partition("/")
        if size:
            assert price.image(line) == lines[line]
            for left_open in (f"{quality}/auto", f"auto/{size}", "auto/auto"):
                assert price.image(left_open) >= lines[line]
