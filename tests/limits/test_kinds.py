"""Each kind of limit: what it claims of a call, and what it settles."""

from __future__ import annotations

import pytest

from gateway.core.money import NANOUSD
from gateway.limits.base import Consumption
from gateway.limits.book import amounts, claims
from gateway.limits.budget import Budget
from gateway.limits.concurrency import Concurrency
from gateway.limits.images import ImagesPerMinute
from gateway.limits.requests import RequestsPerMinute
from gateway.limits.tokens import TokensPerMinute
from gateway.state.base import Claim, Rate, Slots, Spend
from tests.ceilings import limits_of

WORST = Consumption(tokens=900, images=2, cost_nanousd=5_000)


@pytest.mark.parametrize(
    ("limit", "name", "claim"),
    [
        (RequestsPerMinute.of("key ci", 60), "rpm of key ci", Claim("key:ci:rpm", Rate(60), 1)),
        (
            TokensPerMinute.of("team research", 1_000),
            "tpm of team research",
            Claim("team:research:tpm", Rate(1_000), 900),
        ),
        (
            ImagesPerMinute.of("global", 10),
            "images_per_minute of the whole gateway",
            Claim("global::images", Rate(10), 2),
        ),
        (Concurrency.of("model m", 8), "concurrency of model m", Claim("model:m:concurrency", Slots(8), 1)),
        (
            Budget.of("key ci", 5 * NANOUSD, "day"),
            "the $5 per day budget of key ci",
            Claim("key:ci:usd:day", Spend(5 * NANOUSD, "day"), 5_000),
        ),
        (
            Budget.of("provider openai", 500_000_000, "total"),
            "the $0.5 total budget of provider openai",
            Claim("provider:openai:usd:total", Spend(500_000_000, "total"), 5_000),
        ),
    ],
)
def test_a_limit_has_a_name_for_people_and_a_claim_for_the_store(limit, name, claim):
    assert limit.name == name
    assert limit.claim(WORST) == claim


@pytest.mark.parametrize("kind", [TokensPerMinute, ImagesPerMinute])
def test_a_call_larger_than_a_rate_is_held_whole_and_settled_to_its_truth(kind):
    limit = kind.of("key ci", 100)
    large = Consumption(tokens=500, images=500)

    assert limit.claim(large).amount == 100
    assert limit.amount(large) == 500


@pytest.mark.parametrize("kind", [TokensPerMinute, ImagesPerMinute])
def test_a_rate_of_nothing_still_asks_for_something(kind):
    assert kind.of("key ci", 0).claim(Consumption(tokens=5, images=5)).amount == 5


def test_each_request_to_a_provider_counts_and_more_than_its_rate_leave_a_debt():
    limit = RequestsPerMinute.of("provider openai", 5)
    four, ten = Consumption(requests=4), Consumption(requests=10)

    assert (limit.claim(four).amount, limit.amount(four)) == (4, 4)
    assert (limit.claim(ten).amount, limit.amount(ten)) == (5, 10)


def test_a_budget_is_never_clamped():
    assert Budget.of("key ci", 100, "day").claim(Consumption(cost_nanousd=500)).amount == 500


def test_a_changed_budget_goes_on_with_the_same_counter():
    assert Budget.of("key ci", 100, "day").key == Budget.of("key ci", 200, "day").key


def test_scopes_never_share_a_counter_whatever_their_names():
    scopes = ["global", "key a", "key a b", "key a:b", "team a", "team global", "model a", "provider a"]

    assert len({RequestsPerMinute.of(scope, 1).key for scope in scopes}) == len(scopes)


def test_a_key_that_never_sends_images_is_claimed_none():
    assert ImagesPerMinute.of("key ci", 5).claim(Consumption(tokens=5)).amount == 0


def test_all_figures_of_a_scope_become_limits_once():
    limits = limits_of(
        "key ci",
        rpm=60,
        tpm=1_000,
        images_per_minute=5,
        concurrency=8,
        budgets=[(NANOUSD, "day"), (9 * NANOUSD, "month")],
    )

    assert [limit.name for limit in limits] == [
        "concurrency of key ci",
        "rpm of key ci",
        "images_per_minute of key ci",
        "tpm of key ci",
        "the $1 per day budget of key ci",
        "the $9 per month budget of key ci",
    ]
    assert limits_of("key ci") == ()


def test_a_figure_of_0_is_a_limit():
    assert [limit.rule.limit for limit in limits_of("key ci", rpm=0, budgets=[(0, "day")])] == [0, 0]


def test_of_two_budgets_for_one_window_the_smaller_holds():
    limits = limits_of("key ci", budgets=[(5, "day"), (3, "day"), (7, "week")])

    assert [(limit.rule.limit, limit.rule.per) for limit in limits] == [(3, "day"), (7, "week")]


def test_claims_and_amounts_stand_in_the_limits_order():
    limits = limits_of("key ci", rpm=60, tpm=1_000, concurrency=8, budgets=[(NANOUSD, "day")])

    assert [claim.amount for claim in claims(limits, WORST)] == [1, 1, 900, 5_000]
    assert amounts(limits, Consumption(tokens=30, cost_nanousd=70)) == (1, 1, 30, 70)
