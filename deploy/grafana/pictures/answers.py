"""What Prometheus answers to a panel's queries, as series and as the rows of a table."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Labels = Mapping[str, str]
Answer = list[dict[str, Any]]


class Ask(msgspec.Struct, frozen=True):
    """How Prometheus is asked: over a range, or at its end; variables are filled in."""

    now: Callable[[str], Answer]
    over: Callable[[str], Answer]


class Series(msgspec.Struct, frozen=True):
    """Numbers in time, or a single one."""

    name: str
    points: tuple[tuple[float, float], ...]

    @property
    def last(self) -> float:
        return self.points[-1][1]

    @property
    def top(self) -> float:
        return max((value for _, value in self.points if math.isfinite(value)), default=math.nan)


class Grid(msgspec.Struct, frozen=True):
    """A table: its labels' names, and of each row the labels and a number for each query that has one."""

    labels: tuple[str, ...]
    rows: tuple[tuple[Labels, Mapping[str, float]], ...]


def series(panel: Mapping[str, Any], ask: Ask) -> tuple[Series, ...]:
    """Those of all queries, in their order."""
    found = []
    for query in panel["targets"]:
        answer = (ask.now if query["instant"] else ask.over)(query["expr"])
        for each in answer:
            points = [each["value"]] if "value" in each else each["values"]
            found.append(Series(_name(query, each["metric"]), tuple((float(at), float(value)) for at, value in points)))
    return tuple(found)


def grid(panel: Mapping[str, Any], ask: Ask) -> Grid:
    """Rows of equal labels in one, as Grafana's transformation ``merge`` does it."""
    rows: dict[frozenset[tuple[str, str]], dict[str, float]] = {}
    names: dict[str, None] = {}
    for query in panel["targets"]:
        for each in ask.now(query["expr"]):
            names.update(dict.fromkeys(sorted(each["metric"])))
            row = rows.setdefault(frozenset(each["metric"].items()), {})
            row[query["refId"]] = float(each["value"][1])
    return Grid(tuple(names), tuple((dict(labels), numbers) for labels, numbers in rows.items()))


def _name(query: Mapping[str, Any], labels: Labels) -> str:
    legend = query.get("legendFormat", "__auto")
    if legend == "__auto":
        return ", ".join(labels.values())
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend)
