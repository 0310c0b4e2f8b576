import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.health.vitals import Vitals
from tests.clock import FrozenClock

ID = "openai/gpt"


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def vitals(clock):
    return Vitals(clock)


def attempt(vitals, *, ok=True, streamed=True, ttft_s=0.2, duration_s=1.2, output_tokens=101):
    vitals.began(ID, streamed)
    vitals.ended(ID, streamed, ok=ok, ttft_s=ttft_s, duration_s=duration_s, output_tokens=output_tokens)


def expected_s(reading):
    return reading.ttft_s + reading.output_tokens * reading.per_token_s


def test_a_target_never_seen_is_trusted_and_otherwise_unknown(vitals):
    reading = vitals.reading(ID, True)

    assert reading.success_rate == 1.0
    assert (reading.ttft_s, reading.per_token_s, reading.output_tokens, reading.idle_s) == (None, None, None, None)
    assert reading.in_flight == 0


def test_a_stream_tells_its_first_word_and_its_pace_apart(vitals):
    attempt(vitals, ttft_s=0.2, duration_s=1.2, output_tokens=101)

    reading = vitals.reading(ID, True)

    assert reading.ttft_s == pytest.approx(0.2)
    assert reading.per_token_s == pytest.approx(0.01)


def test_a_stream_of_one_token_tells_no_pace(vitals):
    attempt(vitals, output_tokens=1)

    assert vitals.reading(ID, True).per_token_s is None


def test_a_whole_reply_is_expected_to_take_what_it_took(vitals):
    attempt(vitals, streamed=False, ttft_s=None, duration_s=3.0, output_tokens=100)

    assert expected_s(vitals.reading(ID, False)) == pytest.approx(3.0)


def test_a_whole_reply_without_tokens_is_expected_to_take_what_it_took(vitals):
    attempt(vitals, streamed=False, ttft_s=None, duration_s=8.0, output_tokens=0)

    assert expected_s(vitals.reading(ID, False)) == pytest.approx(8.0)


def test_long_answers_do_not_make_a_target_look_slow(vitals):
    attempt(vitals, streamed=False, ttft_s=None, duration_s=10.5, output_tokens=1000)
    reading = vitals.reading(ID, False)

    assert reading.ttft_s + 50 * reading.per_token_s < 1.1


def test_streamed_and_whole_latency_are_kept_apart(vitals, clock):
    attempt(vitals, streamed=True)
    clock.advance(5)

    assert vitals.reading(ID, False).ttft_s is None
    assert vitals.reading(ID, False).idle_s is None
    assert vitals.reading(ID, True).idle_s == 5


def test_success_load_and_expected_tokens_are_shared_by_both_modes(vitals):
    attempt(vitals, streamed=True, output_tokens=40)
    attempt(vitals, streamed=True, ok=False)
    vitals.began(ID, True)

    whole = vitals.reading(ID, False)

    assert whole.success_rate < 1
    assert whole.output_tokens == 40
    assert whole.in_flight == 1


def test_a_slower_reply_counts_at_once(vitals, clock):
    attempt(vitals, ttft_s=0.2)
    clock.advance(0.1)
    attempt(vitals, ttft_s=2.0, duration_s=3.0)

    assert vitals.reading(ID, True).ttft_s == 2.0


def test_faster_replies_win_a_peak_back_slowly(vitals, clock):
    attempt(vitals, ttft_s=2.0, duration_s=3.0)
    clock.advance(1)
    attempt(vitals, ttft_s=0.2)
    soon = vitals.reading(ID, True).ttft_s
    for _ in range(40):
        clock.advance(1)
        attempt(vitals, ttft_s=0.2)

    assert 1.5 < soon < 2.0
    assert vitals.reading(ID, True).ttft_s == pytest.approx(0.2, abs=0.05)


def test_a_failure_lowers_the_success_rate_and_time_heals_it(vitals, clock):
    for _ in range(10):
        attempt(vitals)
    attempt(vitals, ok=False, ttft_s=None)
    wounded = vitals.reading(ID, True).success_rate
    clock.advance(600)

    assert 0.85 < wounded < 0.95
    assert vitals.reading(ID, True).success_rate > 0.999


def test_a_fast_failure_is_not_fast(vitals):
    attempt(vitals, ttft_s=0.5)
    attempt(vitals, ok=False, ttft_s=None, duration_s=0.001)

    assert vitals.reading(ID, True).ttft_s == 0.5


def test_failures_alone_give_no_latency_but_count_as_seen(vitals, clock):
    attempt(vitals, ok=False, ttft_s=None, duration_s=0.001)
    clock.advance(2)

    assert vitals.reading(ID, True).ttft_s is None
    assert vitals.reading(ID, True).idle_s == 2


def test_a_timeout_raises_what_is_expected_to_the_wait(vitals):
    attempt(vitals, ttft_s=0.5)
    attempt(vitals, ok=False, ttft_s=None, duration_s=60.0)

    assert vitals.reading(ID, True).ttft_s == 60.0


@pytest.mark.parametrize("streamed", [False, True])
def test_a_hang_up_says_nothing_about_health_but_how_long_was_waited(vitals, streamed):
    attempt(vitals, ok=None, streamed=streamed, ttft_s=None, duration_s=9.0, output_tokens=0)

    reading = vitals.reading(ID, streamed)

    assert reading.success_rate == 1.0
    assert reading.ttft_s == 9.0
    assert reading.output_tokens is None
    assert reading.in_flight == 0


def test_a_hang_up_within_the_usual_time_changes_no_estimate(vitals):
    attempt(vitals, streamed=False, ttft_s=None, duration_s=10.0, output_tokens=200)
    attempt(vitals, ok=None, streamed=False, ttft_s=None, duration_s=6.0, output_tokens=0)

    assert expected_s(vitals.reading(ID, False)) == pytest.approx(10.0)


def test_a_whole_reply_given_up_on_late_raises_what_is_expected(vitals):
    attempt(vitals, streamed=False, ttft_s=None, duration_s=10.0, output_tokens=200)
    attempt(vitals, ok=None, streamed=False, ttft_s=None, duration_s=30.0, output_tokens=0)

    assert expected_s(vitals.reading(ID, False)) == pytest.approx(30.0)


def test_expected_tokens_follow_the_replies(vitals):
    attempt(vitals, output_tokens=100)
    for _ in range(60):
        attempt(vitals, output_tokens=500)

    assert vitals.reading(ID, True).output_tokens == pytest.approx(500, rel=0.02)


def test_targets_that_are_gone_are_forgotten(vitals):
    attempt(vitals)
    vitals.retain({"other/model"})

    assert vitals.reading(ID, True).idle_s is None
    assert repr(vitals) == "<Vitals of 0 targets>"


def test_an_end_without_a_beginning_leaves_the_load_at_nothing(vitals):
    vitals.ended(ID, True, ok=True, ttft_s=0.1, duration_s=0.2, output_tokens=5)

    assert vitals.reading(ID, True).in_flight == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from([True, False, None]),
            st.booleans(),
            st.none() | st.floats(0, 100),
            st.floats(0, 700),
            st.integers(0, 100_000),
            st.floats(0, 1000),
        )
    )
)
def test_readings_stay_within_their_ranges_whatever_happened(story):
    clock = FrozenClock()
    vitals = Vitals(clock)
    for ok, streamed, ttft_s, duration_s, tokens, pause in story:
        attempt(vitals, ok=ok, streamed=streamed, ttft_s=ttft_s, duration_s=duration_s, output_tokens=tokens)
        clock.advance(pause)
    for streamed in (False, True):
        reading = vitals.reading(ID, streamed)
        assert 0 < reading.success_rate <= 1
        assert reading.in_flight == 0
        for value in (reading.ttft_s, reading.per_token_s, reading.output_tokens, reading.idle_s):
            assert value is None or 0 <= value < float("inf")
