"""Money is whole nano-dollars from the configuration to the bill."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import FREE, PER_MILLION, Price, Term, Tier, nanousd, usd
from gateway.core.usage import Usage

TOKENS = st.integers(0, 10**7)
RATES = st.integers(0, 10**12)


@pytest.mark.parametrize(
    ("amount", "nano"),
    [
        ("5", 5_000_000_000),
        (0.1, 100_000_000),
        (Decimal("0.0375"), 37_500_000),
        ("1e-9", 1),
        ("0.0000000001", 1),
        (0, 0),
    ],
)
def test_dollars_become_whole_nano_dollars_rounded_up(amount, nano):
    assert nanousd(amount) == nano


@pytest.mark.parametrize("amount", ["five", "nan", "inf", ""])
def test_what_is_no_amount_is_refused(amount):
    with pytest.raises(ValueError, match=r"amount|finite"):
        nanousd(amount)


@given(st.integers(-(10**20), 10**20))
def test_an_amount_is_shown_exactly_and_read_back_the_same(nano):
    shown = usd(nano)

    assert "e" not in shown.lower()
    assert nanousd(shown) == nano


@given(st.tuples(TOKENS, TOKENS, TOKENS), st.tuples(RATES, RATES, RATES))
def test_a_bill_is_the_exact_sum_rounded_up_once(tokens, rates):
    (read, cached, written), (rate_in, rate_cached, rate_out) = tokens, rates
    price = Price(input=rate_in, cached_input=rate_cached, output=rate_out)

    cost = price.cost(Usage(input=read, cached_input=cached, output=written))

    exact = Decimal(read * rate_in + cached * rate_cached + written * rate_out) / PER_MILLION
    assert cost == int(exact.to_integral_value(ROUND_CEILING))


def test_a_bill_of_half_a_nano_dollar_is_a_whole_one():
    assert Price(input=500_000).cost(Usage(input=1)) == 1


def test_reasoning_costs_as_output_unless_it_has_a_rate_of_its_own():
    usage = Usage(output=1_000_000, reasoning=1_000_000)

    assert Price(output=7).cost(usage) == 14
    assert Price(output=7, reasoning=2).cost(usage) == 9


def test_images_are_billed_a_piece_by_quality_and_size():
    price = Price(per_image={"low/1024x1024": 5, "high/auto": 40, "default": 9})

    assert price.cost(Usage(images=2, image_line="low/1024x1024")) == 10
    assert price.cost(Usage(images=1, image_line="high/1536x1024")) == 40
    assert price.cost(Usage(images=1, image_line="medium/1024x1024")) == 9


def test_an_image_line_without_any_price_costs_the_dearest_never_nothing():
    assert Price(per_image={"low/a": 5, "high/a": 40}).image("medium/b") == 40


def test_images_with_a_token_rate_are_billed_by_their_tokens_and_a_piece_only_where_none_are_reported():
    price = Price(image_output=40_000_000, per_image={"default": 99})

    assert price.cost(Usage(images=1, image_output=100)) == 4_000
    assert price.cost(Usage(images=1)) == 99


def test_a_long_input_moves_the_whole_call_to_its_tier():
    price = Price(input=1_000_000, tiers=(Tier(200_000, Price(input=2_000_000)),))

    assert price.cost(Usage(input=200_000)) == 200_000
    assert price.cost(Usage(input=150_000, cached_input=50_001)) == 300_000


def test_a_price_of_the_hour_holds_within_its_hours():
    night = Price(input=1)
    price = Price(input=2, terms=(Term(night, start_s=22 * 3600, end_s=6 * 3600),))

    assert price.at(23 * 3600) is night
    assert price.at(5 * 3600) is night
    assert price.at(12 * 3600) is price


def test_free_is_free():
    assert FREE.cost(Usage(input=10**9, output=10**9, images=10)) == 0


def test_the_parts_of_a_usage_add_up():
    usage = Usage(
        input=1, cached_input=2, cache_write=4, image_input=8, cached_image_input=16, audio_input=32, cache_write_1h=64
    )

    assert usage.total_input == 127
    assert Usage(output=1, reasoning=2, image_output=4, audio_output=8).total == 15


def test_each_upstream_request_costs_what_a_request_costs():
    price = Price(per_request=500, per_image={"default": 7})

    assert price.cost(Usage(images=3, requests=3)) == 3 * 500 + 3 * 7
    assert price.cost(Usage(images=3)) == 500 + 3 * 7


def test_several_short_inputs_are_no_long_one():
    price = Price(input=1_000_000, tiers=(Tier(200_000, Price(input=2_000_000)),))

    assert price.cost(Usage(input=400_000, requests=2)) == 400_000
    assert price.cost(Usage(input=400_002, requests=2)) == 800_004


def test_the_usages_of_parts_add_up():
    line = "low/1024x1024"
    first = Usage(input=5, image_output=100, images=1, image_line=line, cost_nanousd=7)
    both = first.plus(Usage(input=5, output=2, images=2, image_line=line, cost_nanousd=8))

    assert both == Usage(input=10, output=2, image_output=100, images=3, image_line=line, requests=2, cost_nanousd=15)
    assert both.plus(both).requests == 4


def test_parts_that_have_little_in_common_claim_no_more_than_both_say():
    both = Usage(images=1, image_line="low/1024x1024", cost_nanousd=7).plus(Usage(images=1, image_line="high/auto"))

    assert both == Usage(images=2, image_line="", requests=2)
