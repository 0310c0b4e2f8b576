"""Windows of the calendar."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.state.windows import Calendar, window

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
LENGTHS = ("hour", "day", "week", "month", "total")


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("per", "id", "start", "end"),
    [
        ("hour", "2026-11-20T16:00+0000", "2026-11-20T16:00+00:00", "2026-11-20T17:00+00:00"),
        ("day", "2026-11-20", "2026-11-20T00:00+00:00", "2026-11-21T00:00+00:00"),
        ("week", "2026-W47", "2026-11-16T00:00+00:00", "2026-11-23T00:00+00:00"),
        ("month", "2026-11", "2026-11-01T00:00+00:00", "2026-12-01T00:00+00:00"),
    ],
)
def test_windows_are_utc_unless_told_otherwise(per, id, start, end):
    span = window(at("2026-11-20T16:24:23+00:00"), per)

    assert (span.id, span.start_s, span.end_s) == (id, at(start), at(end))


def test_a_total_has_neither_start_nor_end():
    span = window(0.0, "total", BERLIN)

    assert (span.id, span.start_s, span.end_s) == ("total", -math.inf, math.inf)


def test_a_day_begins_at_local_midnight():
    assert window(at("2026-11-20T04:59:59+00:00"), "day", NEW_YORK).id == "2026-11-19"
    assert window(at("2026-11-20T05:00:00+00:00"), "day", NEW_YORK).id == "2026-11-20"


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_is_as_long_as_summer_time_makes_it(day, hours):
    span = window(at(f"{day}T12:00+01:00"), "day", BERLIN)

    assert span.end_s - span.start_s == hours * 3_600


def test_the_hour_that_comes_twice_is_two_windows():
    first = window(at("2026-10-25T02:30+02:00"), "hour", BERLIN)
    second = window(at("2026-10-25T02:30+01:00"), "hour", BERLIN)

    assert (first.id, second.id) == ("2026-10-25T02:00+0200", "2026-10-25T02:00+0100")
    assert first.end_s == second.start_s


def test_the_first_days_of_january_may_belong_to_last_years_week():
    assert window(at("2027-01-03T12:00+00:00"), "week").id == "2026-W53"
    assert window(at("2027-01-04T12:00+00:00"), "week").id == "2027-W01"


def test_december_ends_with_the_year():
    assert window(at("2026-12-31T23:59:59+00:00"), "month").end_s == at("2027-01-01T00:00+00:00")


def test_a_midnight_that_summer_time_skips_begins_the_day_at_the_jump():
    # Cairo goes from 00:00 to 01:00 on the last Friday of April.
    span = window(at("2026-04-24T12:00+03:00"), "day", ZoneInfo("Africa/Cairo"))

    assert span.start_s == at("2026-04-23T22:00+00:00")
    assert span.end_s - span.start_s == 23 * 3_600


seconds = st.integers(int(at("2024-01-01T00:00+00:00")), int(at("2037-01-01T00:00+00:00")))
zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)


@given(seconds, zones, st.sampled_from(LENGTHS[:-1]))
def test_windows_hold_their_second_and_lie_end_to_end_in_every_zone(now_s, zone, per):
    span = window(now_s, per, zone)

    assert span.start_s <= now_s < span.end_s
    assert window(span.start_s, per, zone) == span
    assert window(span.end_s - 1, per, zone) == span
    following = window(span.end_s, per, zone)
    assert following.start_s == span.end_s
    assert following.id != span.id


@given(st.lists(seconds, min_size=1, max_size=20), zones)
def test_a_calendar_answers_as_the_function_whichever_way_time_goes(moments, zone):
    calendar = Calendar(zone)

    for moment in moments:
        for per in LENGTHS:
            assert calendar.window(moment, per) == window(moment, per, zone)


def test_a_calendar_without_a_zone_is_utc():
    assert Calendar().zone is UTC
