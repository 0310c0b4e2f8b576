"""Which target is next, for every kind of failure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import NOTHING_SENT, Reason
from gateway.core.types import Route
from gateway.resilience.course import Course
from gateway.resilience.verdict import VERDICTS, Verdict
from tests.resilience.targets import course, error, target

A, B, C = target("a"), target("b"), target("c")


def test_targets_come_in_their_order():
    way = course(A, B, C)

    assert [way.next(), way.next(), way.next(), way.next()] == [A, B, C, None]


def test_every_reason_has_a_verdict():
    assert set(VERDICTS) == set(Reason)


def test_a_target_that_failed_comes_again_only_after_all_others():
    way = course(A, B)
    for expected in (A, B, A, B):
        assert way.next() is expected
        way.failed(expected, error())


@pytest.mark.parametrize("reason", [reason for reason, verdict in VERDICTS.items() if verdict is Verdict.ELSEWHERE])
def test_some_failures_take_a_target_out_for_good(reason):
    way = course(A, B)
    way.failed(way.next(), error(reason))
    way.failed(way.next(), error())

    assert [way.next(), way.next()] == [B, None]


@pytest.mark.parametrize("reason", [reason for reason, verdict in VERDICTS.items() if verdict is Verdict.STOP])
def test_some_failures_end_the_call(reason):
    way = course(A, B)
    way.failed(way.next(), error(reason))

    assert way.next() is None


def test_the_ceiling_counts_every_attempt():
    way = course(A, B, max_attempts=3)
    for _ in range(3):
        way.failed(way.next(), error())

    assert way.next() is None


@pytest.mark.parametrize("reason", sorted(NOTHING_SENT))
def test_what_was_never_sent_is_no_attempt(reason):
    way = course(A, B, max_attempts=1)
    way.failed(way.next(), error(reason))

    assert way.next() is B


def test_a_prompt_too_long_goes_on_only_to_a_larger_context():
    small, same, large, unknown = (target(n, context=c) for n, c in zip("abcd", (8, 8, 32, None), strict=True))
    way = course(small, same, unknown, large)
    way.failed(way.next(), error(Reason.CONTEXT_LENGTH))

    assert [way.next(), way.next()] == [large, None]


def test_a_prompt_too_long_for_a_context_that_nobody_knows_goes_to_one_that_is_known():
    unknown, large = target("a"), target("b", context=32)
    way = course(unknown, target("c"), large)
    way.failed(way.next(), error(Reason.CONTEXT_LENGTH))

    assert [way.next(), way.next()] == [large, None]


@pytest.mark.parametrize(("may", "then"), [(True, B), (False, None)])
def test_a_content_filters_refusal_goes_on_only_where_the_configuration_says_so(may, then):
    way = course(A, B, fallback_on_content_filter=may)
    way.failed(way.next(), error(Reason.CONTENT_FILTER))

    assert way.next() is then


def test_a_postponed_target_stands_behind_all_others():
    way = course(A, B)
    assert way.next() is A
    assert not way.is_last_resort
    way.postpone(A)

    assert way.next() is B
    way.failed(B, error())
    assert way.next() is A
    assert way.is_last_resort


def test_the_last_fresh_target_is_a_last_resort():
    way = course(A)
    way.next()

    assert way.is_last_resort


def test_all_are_last_resorts_where_all_are_out():
    way = Course([A, B], max_attempts=6, route=Route(), are_last_resorts=True)
    way.next()

    assert way.is_last_resort


@given(st.lists(st.sampled_from(list(Reason)), max_size=30), st.integers(1, 8), st.integers(1, 5))
def test_whatever_fails_the_call_ends_and_fresh_targets_come_first(reasons, ceiling, count):
    targets = [target(name) for name in "abcdefgh"[:count]]
    way = course(*targets, max_attempts=ceiling)
    asked = []
    for reason in reasons:
        found = way.next()
        if found is None:
            break
        if found in asked:
            assert set(asked) == set(targets) or len(asked) >= count, "no target twice before all were asked once"
        asked.append(found)
        way.failed(found, error(reason))

    assert sum(failure.error.reason not in NOTHING_SENT for failure in way.failures) <= ceiling
