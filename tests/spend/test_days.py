"""Which day a moment is of."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.spend.days import Days, first_kept

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago"]


def at(text):
    return datetime.fromisoformat(text).timestamp()


@given(at=st.floats(0, 4e9), zone=st.sampled_from(ZONES))
def test_a_day_is_that_of_the_calendar(at, zone):
    days = Days(ZoneInfo(zone))

    assert days.day(at) == datetime.fromtimestamp(at, ZoneInfo(zone)).date().isoformat()
    assert days.day(at) == days.day(at)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        # Clocks go back at 03:00, so that this day lasts 25 hours.
        ("2026-10-24T21:59:59.999+00:00", "2026-10-24"),
        ("2026-10-24T22:00:00+00:00", "2026-10-25"),
        ("2026-10-25T22:59:59.999+00:00", "2026-10-25"),
        ("2026-10-25T23:00:00+00:00", "2026-10-26"),
        # And forward at 02:00: 23 hours.
        ("2026-03-28T22:59:59.999+00:00", "2026-03-28"),
        ("2026-03-28T23:00:00+00:00", "2026-03-29"),
        ("2026-03-29T22:00:00+00:00", "2026-03-30"),
    ],
)
def test_days_begin_at_local_midnight_when_clocks_change_too(moment, day):
    assert Days(ZoneInfo("Europe/Berlin")).day(at(moment)) == day


def test_a_day_that_begins_at_one_in_the_morning_has_no_other_beginning():
    # Chile's clocks jump from midnight to one.
    days = Days(ZoneInfo("America/Santiago"))

    assert days.day(at("2026-09-06T03:59:59+00:00")) == "2026-09-05"
    assert days.day(at("2026-09-06T04:00:00+00:00")) == "2026-09-06"


def test_few_days_are_remembered():
    days = Days(UTC)
    for quarter in range(10_000):
        days.day(quarter * 900.0)

    assert len(days._known) <= 64


def test_a_year_and_a_month_are_kept():
    assert first_kept(at("2026-11-20T12:00:00+00:00")) == "2025-10-16"
