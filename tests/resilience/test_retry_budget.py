"""Retries stay a share of the traffic."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.resilience.backoff import BASE_S, CEILING_S, LONGEST_RETRY_AFTER_S, backoff_s
from gateway.resilience.retry_budget import RetryBudget
from tests.clock import FrozenClock


def drain(budget: RetryBudget) -> int:
    count = 0
    while budget.withdraw():
        count += 1
    return count


def test_a_quiet_gateway_may_retry_out_of_its_reserve():
    assert drain(RetryBudget(FrozenClock(), reserve_per_s=2, ttl_s=10)) == 20


def test_five_calls_pay_for_a_retry():
    budget = RetryBudget(FrozenClock(), share=0.2)
    drain(budget)
    for _ in range(50):
        budget.deposit()

    assert drain(budget) == pytest.approx(10, abs=1)


def test_the_reserve_fills_again_with_time():
    clock = FrozenClock()
    budget = RetryBudget(clock, reserve_per_s=2, ttl_s=10)
    drain(budget)
    clock.advance(3)

    assert 6 <= drain(budget) <= 7


def test_deposits_fade():
    clock = FrozenClock()
    budget = RetryBudget(clock, share=0.2, reserve_per_s=0, ttl_s=10)
    for _ in range(100):
        budget.deposit()
    clock.advance(10)

    assert drain(budget) == 0


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5)), max_size=60))
def test_it_never_gives_more_than_was_put_in(steps):
    clock = FrozenClock()
    budget = RetryBudget(clock, share=0.2, reserve_per_s=2, ttl_s=10)
    calls = taken = 0
    passed = 0.0
    for is_call, seconds in steps:
        clock.advance(seconds)
        passed += seconds
        if is_call:
            budget.deposit()
            calls += 1
        else:
            taken += budget.withdraw()

    assert taken <= 20 + 0.2 * calls + 4 * passed + 1e-6


@given(st.integers(1, 100), st.integers(0, 2**32))
def test_the_wait_is_spread_from_nothing_to_a_ceiling_that_doubles(tries, seed):
    assert 0 <= backoff_s(tries, None, Random(seed)) <= min(CEILING_S, BASE_S * 2 ** (tries - 1))


@given(st.floats(0.001, LONGEST_RETRY_AFTER_S), st.integers(1, 20))
def test_retry_after_is_kept_to_and_spread_a_little(asked_s, tries):
    assert asked_s <= backoff_s(tries, asked_s, Random(tries)) <= asked_s + BASE_S


def test_a_long_retry_after_is_not_waited_for():
    assert backoff_s(1, LONGEST_RETRY_AFTER_S + 1, Random(1)) is None
