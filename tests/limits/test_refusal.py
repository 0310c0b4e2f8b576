"""What clients are told about their limits."""

from __future__ import annotations

import pytest

from gateway.core.errors import BudgetExhausted, LimitExceeded
from gateway.core.money import NANOUSD
from gateway.limits.refusal import duration, ratelimit_headers, refused
from gateway.state.base import Claim, Level, Refusal
from tests.ceilings import limits_of

NOW_S = 1_700_000_000.0
(RPM,) = limits_of("key ci", rpm=60)
(SLOTS,) = limits_of("key ci", concurrency=8)
(BUDGET,) = limits_of("key ci", budgets=[(5 * NANOUSD, "day")])
(TOTAL,) = limits_of("key ci", budgets=[(5 * NANOUSD, "total")])


def refusal(limit, *, used: int, amount: int = 1, held: int = 0, reset_s=None, retry_after_s=None) -> Refusal:
    level = Level(limit=limit.rule.limit, used=used, held=held, reset_s=reset_s)
    return Refusal(Claim(limit.key, limit.rule, amount), level, retry_after_s)


def test_a_rate_is_named_with_its_figures_and_when_to_come_back():
    error = refused(RPM, refusal(RPM, used=60, reset_s=60.0, retry_after_s=1.2), NOW_S)

    assert isinstance(error, LimitExceeded)
    assert error.message == (
        "Rate limit reached: rpm of key ci. Limit 60, used 60, requested 1. Please try again in 2s."
    )
    assert error.headers == (("retry-after", "2"), ("retry-after-ms", "1200"))


@pytest.mark.parametrize(
    ("wait_s", "seconds", "milliseconds"),
    [(0.0, "1", "1"), (0.0001, "1", "1"), (1.0, "1", "1000"), (20.000000001, "20", "20000"), (60.0001, "61", "60001")],
)
def test_retry_after_is_rounded_up_and_never_nothing(wait_s, seconds, milliseconds):
    error = refused(RPM, refusal(RPM, used=60, retry_after_s=wait_s), NOW_S)

    assert dict(error.headers) == {"retry-after": seconds, "retry-after-ms": milliseconds}


def test_a_concurrency_asks_to_come_back_soon():
    error = refused(SLOTS, refusal(SLOTS, used=8, held=8), NOW_S)

    assert isinstance(error, LimitExceeded)
    assert "concurrency of key ci is 8, and all are in use" in error.message
    assert dict(error.headers)["retry-after"] == "1"


def test_a_limit_of_0_is_not_to_be_retried():
    (none,) = limits_of("key ci", rpm=0)
    error = refused(none, refusal(none, used=0), NOW_S)

    assert error.message == "rpm of key ci is 0: nothing may pass."
    assert error.headers == (("x-should-retry", "false"),)


def test_a_used_up_budget_is_named_with_its_reset_and_not_to_be_retried():
    error = refused(BUDGET, refusal(BUDGET, used=5 * NANOUSD, amount=1_000, reset_s=6_400.0), NOW_S)

    assert isinstance(error, BudgetExhausted)
    assert error.message == ("You have used $5 of the $5 per day budget of key ci. It resets at 2023-11-15T00:00:00Z.")
    assert error.headers == (("x-should-retry", "false"),)


def test_without_the_time_the_reset_is_told_as_a_duration():
    error = refused(BUDGET, refusal(BUDGET, used=5 * NANOUSD, amount=1_000, reset_s=6_400.0))

    assert "It resets in 1h46m40s." in error.message


def test_a_total_budget_does_not_reset():
    error = refused(TOTAL, refusal(TOTAL, used=5 * NANOUSD, amount=1_000), NOW_S)

    assert error.message == "You have used $5 of the $5 total budget of key ci. It does not reset."


def test_a_call_too_dear_for_what_is_left_is_told_how_to_fit():
    error = refused(BUDGET, refusal(BUDGET, used=4 * NANOUSD, amount=2 * NANOUSD, reset_s=6_400.0), NOW_S)

    assert isinstance(error, BudgetExhausted)
    assert "You have used $4 of the $5 per day budget of key ci." in error.message
    assert "This call could cost up to $2. Set max_completion_tokens" in error.message


def test_a_call_too_dear_for_the_whole_budget_is_told_what_it_could_cost():
    error = refused(BUDGET, refusal(BUDGET, used=0, amount=7_500_000_000, reset_s=6_400.0), NOW_S)

    assert isinstance(error, BudgetExhausted)
    assert error.message.startswith(
        "This call could cost up to $7.5, more than the $5 per day budget of key ci allows in all. Set max_"
    )
    assert error.headers == (("x-should-retry", "false"),)


def test_money_that_running_calls_only_hold_is_worth_a_short_wait():
    held = refusal(BUDGET, used=5 * NANOUSD, held=3 * NANOUSD, amount=NANOUSD, reset_s=6_400.0, retry_after_s=6_400.0)
    error = refused(BUDGET, held, NOW_S)

    assert isinstance(error, LimitExceeded)
    assert "held by calls that are still running" in error.message
    assert dict(error.headers)["retry-after"] == "1"


def test_headers_tell_of_the_tightest_scope():
    limits = limits_of("global", rpm=1_000, tpm=50_000) + limits_of("key ci", rpm=60, tpm=90_000, concurrency=3)
    left = {
        "global": {"requests": (990, 0.6), "tokens": (100, 59.9)},
        "key ci": {"requests": (1, 1.0), "tokens": (2, 0.006)},
    }
    levels = [
        Level(limit.rule.limit, *((left[limit.scope][limit.measure][0], 0, left[limit.scope][limit.measure][1])))
        if limit.measure in {"requests", "tokens"}
        else Level(3, 3, 3, None)
        for limit in limits
    ]

    assert ratelimit_headers(limits, levels) == [
        ("x-ratelimit-limit-requests", "1000"),
        ("x-ratelimit-remaining-requests", "10"),
        ("x-ratelimit-reset-requests", "600ms"),
        ("x-ratelimit-limit-tokens", "50000"),
        ("x-ratelimit-remaining-tokens", "49900"),
        ("x-ratelimit-reset-tokens", "1m0s"),
    ]


def test_a_debt_is_told_as_nothing_left():
    (tpm,) = limits_of("key ci", tpm=100)

    assert ("x-ratelimit-remaining-tokens", "0") in ratelimit_headers([tpm], [Level(100, 250, 0, 150.0)])


def test_without_rates_there_are_no_headers():
    assert ratelimit_headers([SLOTS, BUDGET], [Level(8, 1, 1, None), Level(5, 1, 0, 60.0)]) == []
    assert ratelimit_headers([RPM], []) == []


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0ms"),
        (0.0055, "6ms"),
        (0.9999, "1s"),
        (1, "1s"),
        (20.0000000001, "20s"),
        (59.2, "1m0s"),
        (90, "1m30s"),
        (3_600, "1h0m0s"),
        (90_061, "25h1m1s"),
    ],
)
def test_durations_are_written_as_openai_does(seconds, written):
    assert duration(seconds) == written
