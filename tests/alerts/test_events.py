"""Which thresholds budgets have crossed, and which targets are down."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts.events import crossings, outages
from gateway.core.errors import Reason
from gateway.state.base import Level
from gateway.state.windows import Calendar
from tests.alerts.parts import THRESHOLDS, crossed, standing

NOW = 1_700_000_000.0


def percents(*standings):
    return [event.percent for event in crossings(standings, THRESHOLDS, NOW, Calendar())]


def test_the_highest_threshold_that_is_reached_is_told():
    assert percents(standing(79)) == []
    assert percents(standing(80)) == [80]
    assert percents(standing(94)) == [80]
    assert percents(standing(95)) == [95]
    assert percents(standing(250)) == [100]


def test_what_calls_hold_is_not_spent():
    assert percents(standing(10, held=90)) == []


def test_a_rate_and_a_budget_of_nothing_have_nothing_to_cross():
    assert percents(standing(100, limit=0), standing(100, window=None)) == []


def test_a_threshold_is_reached_to_the_nano_dollar():
    limit = 3 * 10**9 + 1
    assert percents(standing(2_400_000_000, limit)) == []
    assert percents(standing(2_400_000_001, limit)) == [80]


@given(spent=st.integers(0, 2**63), limit=st.integers(1, 2**63), at=st.sets(st.integers(1, 1_000), min_size=1))
def test_of_any_budget_the_highest_reached_is_told_or_none_is(spent, limit, at):
    told = [each.percent for each in crossings([standing(spent, limit)], sorted(at), NOW, Calendar())]

    reached = {percent for percent in at if spent * 100 >= percent * limit}
    assert told == ([max(reached)] if reached else [])


def test_a_level_that_was_read_before_its_window_ended_belongs_to_that_window():
    # Read 0.2 s before the end of November in Berlin, looked at 0.1 s after it.
    calendar, end = Calendar(ZoneInfo("Europe/Berlin")), 1_701_385_200.0
    late = next(iter(crossings([standing(100, reset_s=0.2)], THRESHOLDS, end + 0.1, calendar)))
    fresh = next(iter(crossings([standing(100, reset_s=2_678_399.0)], THRESHOLDS, end + 0.1, calendar)))

    assert (late.window_id, fresh.window_id) == ("2023-11", "2023-12")
    assert late.crossing != fresh.crossing


@pytest.mark.parametrize("late_s", [1.5, 30.0, 600.0])
def test_an_answer_that_comes_late_or_a_clock_that_is_fast_spends_no_alert_of_the_next_window(late_s):
    # Read at the last moment of an hour and of a month; looked at, by this clock, well into the next ones.
    calendar, end = Calendar(ZoneInfo("Europe/Berlin")), 1_701_385_200.0
    last = [standing(100, reset_s=0.1, window=window) for window in ("hour", "day", "month")]
    ids = [event.window_id for event in crossings(last, THRESHOLDS, end + late_s, calendar)]

    assert ids == ["2023-11-30T23:00+0100", "2023-11-30", "2023-11"]


def test_a_budget_for_all_time_never_resets():
    event = next(iter(crossings([standing(100, window="total", reset_s=None)], THRESHOLDS, NOW, Calendar())))
    assert (event.window_id, event.resets_at) == ("total", None)


def test_a_limit_that_was_changed_is_crossed_anew():
    assert crossed(100).covers(crossed(80))
    assert not crossed(80).covers(crossed(95))
    assert not crossed(100).covers(crossed(80, limit_nanousd=200 * 10**9))
    assert not crossed(100).covers(crossed(80, window_id="2023-12"))


PROVIDERS = {"a": frozenset({"a/1", "a/2"}), "b": frozenset({"b/1"})}


@pytest.mark.parametrize(
    ("reports", "whole"),
    [
        ({"a/1": Reason.CONNECT}, {"a/1": False}),
        ({"a/1": Reason.CONNECT, "a/2": None}, {"a/1": False}),
        ({"a/1": Reason.CONNECT, "a/2": Reason.SERVER_ERROR}, {"a/1": True, "a/2": True}),
        ({"b/1": Reason.CONNECT}, {"b/1": False}),
        ({"gone/1": Reason.CONNECT}, {"gone/1": False}),
    ],
)
def test_a_provider_is_down_whole_where_all_of_its_several_targets_are(reports, whole):
    found = outages(reports, PROVIDERS, NOW)
    assert {target: event.is_whole_provider for target, event in found.items()} == whole


def test_a_level_without_held_amounts_is_what_was_spent():
    assert standing(5).level == Level(100, 5, 0, 3_600.0)
