"""Windows of the calendar, reckoned from the clock: nothing has to run for one to begin or end.

Days, weeks (ISO, from Monday) and months begin at local midnight of a time zone, so that one may last 23 or 25 hours.
Hours are always 3,600 s: the hour that comes twice in autumn is two windows. ``total`` never ends.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, tzinfo

import msgspec

from gateway.core.ceilings import Window

HOUR_S = 3_600
DAY_S = 86_400


class Span(msgspec.Struct, frozen=True):
    """One window: ``start_s`` <= its seconds < ``end_s``, both since the epoch."""

    id: str
    """Unique among windows of all lengths: ``2026-10-25T02:00+0200``, ``2026-10-25``, ``2026-W43``, ``2026-10``."""
    start_s: float
    end_s: float


TOTAL = Span(id="total", start_s=-math.inf, end_s=math.inf)


def window(now_s: float, per: Window, zone: tzinfo = UTC) -> Span:
    """The window of length ``per`` that holds the second ``now_s`` in ``zone``."""
    if per == "total":
        return TOTAL
    local = datetime.fromtimestamp(now_s, zone)
    if per == "hour":
        return _hour(now_s, local, zone)
    today = local.date()
    if per == "day":
        return _days(today.isoformat(), today, today + timedelta(days=1), zone)
    if per == "week":
        monday = today - timedelta(days=today.weekday())
        year, week, _ = today.isocalendar()
        return _days(f"{year}-W{week:02d}", monday, monday + timedelta(days=7), zone)
    first = today.replace(day=1)
    return _days(f"{today:%Y-%m}", first, (first + timedelta(days=31)).replace(day=1), zone)


def _hour(now_s: float, local: datetime, zone: tzinfo) -> Span:
    # The grid follows standard time: where summer time moves clocks by half an hour, hours would overlap otherwise.
    standard = (local.utcoffset() or timedelta()) - (local.dst() or timedelta())
    shift = standard.total_seconds() % HOUR_S
    start = (now_s + shift) // HOUR_S * HOUR_S - shift
    begins = datetime.fromtimestamp(start, zone)
    return Span(id=f"{begins:%Y-%m-%dT%H:%M%z}", start_s=start, end_s=start + HOUR_S)


def _days(id: str, first: date, after: date, zone: tzinfo) -> Span:
    return Span(id=id, start_s=_midnight(first, zone), end_s=_midnight(after, zone))


def _midnight(day: date, zone: tzinfo) -> float:
    # Where clocks jump over midnight, fold=0 reads it with the offset before the jump: the very instant of the jump.
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


class Calendar:
    """The windows of one zone, each kept until it ends: 0.1 µs where ``window`` takes 3."""

    def __init__(self, zone: tzinfo = UTC) -> None:
        self.zone = zone
        self._current: dict[Window, Span] = {}

    def window(self, now_s: float, per: Window) -> Span:
        """As the function of that name."""
        span = self._current.get(per)
        if span is None or not span.start_s <= now_s < span.end_s:
            span = self._current[per] = window(now_s, per, self.zone)
        return span
