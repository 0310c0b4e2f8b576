"""A question about spend as people ask it, and the answer as they read it: JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, cast, get_args

import msgspec

from gateway.core.errors import InvalidRequest
from gateway.core.money import usd
from gateway.spend.base import AMOUNTS, Amounts, Dimension, Group, Query, Report

DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
USUAL_DAYS = 30
"""How far back a question goes that doesn't say."""
COLUMNS = ("cost_usd", *AMOUNTS)


def asked(
    by: str, first: date | None, last: date | None, *, today: date, where: Mapping[Dimension, str | None]
) -> Query:
    """The query for sums ``by`` a list like ``team,day``. Both days count; the usual ones are the last 30.

    Raises InvalidRequest, naming the field.
    """
    names = tuple(name for each in by.split(",") if (name := each.strip()))
    for name in names:
        if name not in DIMENSIONS:
            raise InvalidRequest(f"'by' is a list of {', '.join(DIMENSIONS)}, with commas", param="by")
    if len(set(names)) < len(names):
        raise InvalidRequest("'by' names something twice", param="by")
    last = last or max(first or today, today)
    first = first or last - timedelta(days=min(USUAL_DAYS, last.toordinal()) - 1)
    if first > last:
        raise InvalidRequest("'from' is after 'to'", param="from")
    return Query(
        by=cast("tuple[Dimension, ...]", names),
        first_day=first.isoformat(),
        last_day=last.isoformat(),
        where={name: value for name, value in where.items() if value is not None},
    )


def as_json(query: Query, report: Report, *, zone: str, limit: int) -> bytes:
    """One object: the rows, at most ``limit`` of them, and the total of all."""
    rows = [{"group": group, **figures(amounts)} for group, amounts in _named(query, report.groups[:limit])]
    return msgspec.json.encode(
        {
            "object": "list",
            "by": query.by,
            "from": query.first_day,
            "to": query.last_day,
            "timezone": zone,
            "data": rows,
            "left_out": max(0, len(report.groups) - limit),
            "total": figures(report.total),
        }
    )


def as_csv(query: Query, report: Report, *, limit: int) -> bytes:
    """RFC 4180, with a line of names and no total: rows for a spreadsheet."""
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow([*query.by, *COLUMNS])
    for group, amounts in report.groups[:limit]:
        lines.writerow([*group, *figures(amounts).values()])
    return text.getvalue().encode()


def figures(amounts: Amounts) -> dict[str, Any]:
    """What ``COLUMNS`` names."""
    return {"cost_usd": usd(amounts.cost_nanousd), **msgspec.structs.asdict(amounts)}


def _named(query: Query, groups: Sequence[Group]) -> Iterable[tuple[dict[str, str], Amounts]]:
    return ((dict(zip(query.by, values, strict=True)), amounts) for values, amounts in groups)
