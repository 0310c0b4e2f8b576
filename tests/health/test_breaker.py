import logging
from random import Random

import pytest

from gateway.core.errors import Reason, UpstreamError
from gateway.health.breaker import NOT_ITS_FAULT, OPENS_AT_ONCE_S, BreakerPolicy, Breakers, Change, State
from tests.clock import FrozenClock

ID = "openai/gpt"
EVEN = BreakerPolicy(jitter=0.0)


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def breakers(clock):
    return Breakers(clock, Random(1), EVEN)


def error(reason=Reason.SERVER_ERROR, retry_after_s=None):
    return UpstreamError(reason, "no", retry_after_s=retry_after_s)


def fail(breakers, times=1, reason=Reason.SERVER_ERROR, retry_after_s=None):
    for _ in range(times):
        breakers.record(ID, error(reason, retry_after_s))


def half_open(breakers, clock):
    fail(breakers, 5)
    clock.advance(5)


def test_an_unknown_target_is_closed(breakers):
    assert breakers.state(ID) is State.CLOSED
    assert breakers.may_try(ID)
    assert breakers.try_acquire(ID)
    assert breakers.reopens_in_s(ID) == 0


def test_four_failures_in_a_row_leave_it_closed_and_the_fifth_opens_it(breakers):
    fail(breakers, 4)
    assert breakers.state(ID) is State.CLOSED
    fail(breakers)
    assert breakers.state(ID) is State.OPEN
    assert not breakers.may_try(ID)
    assert not breakers.try_acquire(ID)
    assert breakers.reopens_in_s(ID) == 5
    assert breakers.reason(ID) is Reason.SERVER_ERROR


def test_a_success_between_starts_the_row_anew(breakers):
    fail(breakers, 4)
    breakers.record(ID, None)
    fail(breakers, 4)

    assert breakers.state(ID) is State.CLOSED


def test_half_of_twenty_failing_opens_it_though_never_five_in_a_row(breakers):
    for _ in range(9):
        breakers.record(ID, None)
        fail(breakers)
    breakers.record(ID, None)
    assert breakers.state(ID) is State.CLOSED
    fail(breakers)

    assert breakers.state(ID) is State.OPEN


def test_old_failures_do_not_count_towards_the_ratio(breakers, clock):
    for _ in range(9):
        breakers.record(ID, None)
        fail(breakers)
    clock.advance(31)
    breakers.record(ID, None)
    fail(breakers)

    assert breakers.state(ID) is State.CLOSED


@pytest.mark.parametrize("reason", sorted(NOT_ITS_FAULT))
def test_the_clients_own_faults_never_open_it(breakers, reason):
    fail(breakers, 100, reason)

    assert breakers.state(ID) is State.CLOSED


@pytest.mark.parametrize("reason", sorted(set(Reason) - NOT_ITS_FAULT))
def test_every_other_reason_opens_it_in_the_end(breakers, reason):
    fail(breakers, 5, reason)

    assert breakers.state(ID) is State.OPEN


@pytest.mark.parametrize("reason", sorted(OPENS_AT_ONCE_S))
def test_a_refused_credential_or_an_empty_account_opens_at_once_and_for_longer(breakers, clock, reason):
    fail(breakers, 1, reason)
    assert breakers.reopens_in_s(ID) == OPENS_AT_ONCE_S[reason]
    clock.advance(OPENS_AT_ONCE_S[reason])

    assert breakers.state(ID) is State.HALF_OPEN


def test_half_open_lets_exactly_one_probe_through(breakers, clock):
    half_open(breakers, clock)

    assert breakers.state(ID) is State.HALF_OPEN
    assert [breakers.try_acquire(ID) for _ in range(3)] == [True, False, False]
    assert not breakers.may_try(ID)


def test_looking_claims_nothing(breakers, clock):
    half_open(breakers, clock)

    assert [breakers.may_try(ID) for _ in range(3)] == [True, True, True]
    assert breakers.try_acquire(ID)


def test_a_good_probe_closes_it(breakers, clock):
    half_open(breakers, clock)
    breakers.try_acquire(ID)
    breakers.record(ID, None)

    assert breakers.state(ID) is State.CLOSED
    assert breakers.reason(ID) is None
    fail(breakers, 4)
    assert breakers.state(ID) is State.CLOSED


def test_each_bad_probe_doubles_the_period_up_to_a_bound(breakers, clock):
    fail(breakers, 5)
    periods = []
    for _ in range(6):
        periods.append(breakers.reopens_in_s(ID))
        clock.advance(periods[-1])
        assert breakers.try_acquire(ID)
        fail(breakers)

    assert periods == [5, 10, 20, 40, 60, 60]


def test_who_breaks_again_soon_after_closing_stays_out_longer(breakers, clock):
    half_open(breakers, clock)
    breakers.try_acquire(ID)
    breakers.record(ID, None)
    fail(breakers, 5)

    assert breakers.reopens_in_s(ID) == 10


def test_who_held_for_long_is_trusted_anew(breakers, clock):
    half_open(breakers, clock)
    breakers.try_acquire(ID)
    breakers.record(ID, None)
    clock.advance(61)
    fail(breakers, 5)

    assert breakers.reopens_in_s(ID) == 5


def test_periods_are_jittered_within_their_share(clock):
    breakers = Breakers(clock, Random(7))
    periods = set()
    for number in range(50):
        for _ in range(5):
            breakers.record(f"p/{number}", error())
        periods.add(breakers.reopens_in_s(f"p/{number}"))

    assert len(periods) > 40
    assert min(periods) >= 4
    assert max(periods) <= 6


def test_a_cancelled_probe_gives_its_place_back(breakers, clock):
    half_open(breakers, clock)
    breakers.try_acquire(ID)
    breakers.release(ID)

    assert breakers.try_acquire(ID)


def test_a_probe_with_a_faulty_request_decides_nothing(breakers, clock):
    half_open(breakers, clock)
    breakers.try_acquire(ID)
    fail(breakers, 1, Reason.INVALID_REQUEST)

    assert breakers.state(ID) is State.HALF_OPEN
    assert breakers.try_acquire(ID)


def test_a_probe_that_was_lost_does_not_keep_the_target_out_for_ever(breakers, clock):
    half_open(breakers, clock)
    breakers.try_acquire(ID)
    clock.advance(EVEN.probe_lease_s)

    assert breakers.try_acquire(ID)
    assert not breakers.try_acquire(ID)


def test_a_rate_limit_with_a_time_pauses_for_just_that_long_without_a_probe(breakers, clock):
    fail(breakers, 1, Reason.RATE_LIMITED, 7.0)
    assert breakers.state(ID) is State.OPEN
    assert breakers.reopens_in_s(ID) == 7
    clock.advance(7)

    assert breakers.state(ID) is State.CLOSED
    assert [breakers.try_acquire(ID) for _ in range(3)] == [True, True, True]


def test_any_number_of_pauses_is_not_a_breakdown(breakers, clock):
    for _ in range(20):
        fail(breakers, 1, Reason.RATE_LIMITED, 1.0)
        clock.advance(1)

    assert breakers.state(ID) is State.CLOSED
    fail(breakers, 4)
    assert breakers.state(ID) is State.CLOSED


def test_an_absurd_retry_after_is_bounded(breakers):
    fail(breakers, 1, Reason.RATE_LIMITED, 1e12)

    assert breakers.reopens_in_s(ID) == 3600


@pytest.mark.parametrize("retry_after_s", [None, 0.0, -5.0, float("nan")])
def test_a_rate_limit_without_a_time_counts_as_a_failure(breakers, retry_after_s):
    fail(breakers, 5, Reason.RATE_LIMITED, retry_after_s)

    assert breakers.reopens_in_s(ID) == 5


def test_a_later_pause_never_shortens_an_earlier_one(breakers):
    fail(breakers, 1, Reason.RATE_LIMITED, 30.0)
    fail(breakers, 1, Reason.RATE_LIMITED, 2.0)

    assert breakers.reopens_in_s(ID) == 30


def test_an_overloaded_target_is_left_alone_for_as_long_as_it_asks(breakers, clock):
    fail(breakers, 1, Reason.OVERLOADED, 9.0)
    assert breakers.reopens_in_s(ID) == 9
    clock.advance(9)
    assert breakers.state(ID) is State.CLOSED
    fail(breakers, 4, Reason.OVERLOADED)

    assert breakers.state(ID) is State.OPEN


def test_stragglers_do_not_change_an_open_breaker(breakers):
    fail(breakers, 5)
    fail(breakers, 50)
    breakers.record(ID, None)

    assert breakers.state(ID) is State.OPEN
    assert breakers.reopens_in_s(ID) == 5


def test_a_last_resort_is_let_through_an_open_breaker(breakers):
    fail(breakers, 5)

    assert breakers.try_acquire(ID, is_last_resort=True)
    assert not breakers.try_acquire(ID)


def test_a_last_resort_that_fails_makes_nothing_worse(breakers):
    fail(breakers, 5)
    breakers.try_acquire(ID, is_last_resort=True)
    fail(breakers)

    assert breakers.reopens_in_s(ID) == 5


def test_a_last_resort_that_succeeds_earns_a_probe(breakers):
    fail(breakers, 5)
    breakers.try_acquire(ID, is_last_resort=True)
    breakers.record(ID, None)
    assert breakers.state(ID) is State.HALF_OPEN
    assert [breakers.try_acquire(ID) for _ in range(2)] == [True, False]
    breakers.record(ID, None)

    assert breakers.state(ID) is State.CLOSED


def test_a_last_resort_that_succeeds_ends_a_pause(breakers):
    fail(breakers, 1, Reason.RATE_LIMITED, 30.0)
    breakers.try_acquire(ID, is_last_resort=True)
    breakers.record(ID, None)

    assert breakers.state(ID) is State.CLOSED


def test_targets_do_not_know_each_other(breakers):
    fail(breakers, 5)

    assert breakers.may_try("groq/llama")


def test_listeners_hear_every_change_once(breakers, clock):
    heard = []
    breakers.listeners.append(heard.append)
    half_open(breakers, clock)
    breakers.try_acquire(ID)
    breakers.record(ID, None)

    assert heard == [
        Change(ID, State.CLOSED, State.OPEN, Reason.SERVER_ERROR, 5.0),
        Change(ID, State.OPEN, State.HALF_OPEN, Reason.SERVER_ERROR),
        Change(ID, State.HALF_OPEN, State.CLOSED, Reason.SERVER_ERROR),
    ]


def test_a_listener_that_fails_is_logged_and_hurts_nothing(breakers, caplog):
    heard = []

    def broken(change):
        raise RuntimeError("reader's fault")

    breakers.listeners += [broken, heard.append]
    with caplog.at_level(logging.ERROR):
        fail(breakers, 5)

    assert breakers.state(ID) is State.OPEN
    assert len(heard) == 1
    assert "listener failed" in caplog.text


def test_targets_that_are_gone_are_forgotten(breakers):
    fail(breakers, 5)
    breakers.retain(set())

    assert breakers.state(ID) is State.CLOSED


def test_its_repr_names_who_is_out(breakers):
    breakers.record("groq/llama", None)
    fail(breakers, 5)

    assert repr(breakers) == "<Breakers of 2 targets, out: openai/gpt>"


def test_a_target_is_reported_out_from_its_opening_to_its_closing_and_as_working_then(breakers, clock):
    fail(breakers, 4)
    assert breakers.reports() == {}
    fail(breakers)
    assert breakers.reports() == {ID: Reason.SERVER_ERROR}
    clock.advance(5)
    assert breakers.try_acquire(ID)
    assert breakers.reports() == {ID: Reason.SERVER_ERROR}
    breakers.record(ID, None)
    assert breakers.reports() == {ID: None}


def test_a_target_is_known_to_work_by_a_call_that_went_well_and_not_by_being_there(breakers):
    breakers.record(ID, error(Reason.INVALID_REQUEST))
    assert breakers.reports() == {}
    breakers.record(ID, None)
    assert breakers.reports() == {ID: None}


def test_a_pause_is_reported_neither_as_out_nor_as_working(breakers, clock):
    fail(breakers, reason=Reason.RATE_LIMITED, retry_after_s=30)
    assert breakers.state(ID) is State.OPEN
    assert breakers.reports() == {}
    clock.advance(30)
    assert breakers.try_acquire(ID)
    assert breakers.reports() == {}


def test_a_paused_target_that_breaks_is_reported_out(breakers):
    fail(breakers, reason=Reason.RATE_LIMITED, retry_after_s=30)
    fail(breakers, 5)
    assert breakers.reports() == {ID: Reason.SERVER_ERROR}
