"""SVG and HTML of the kinds of panels that the dashboards have.

Each takes a panel's JSON, what was answered, and its width and height in pixels.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from deploy.grafana.pictures.answers import Grid, Series
from deploy.grafana.pictures.units import shown

PALETTE = (
    *("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0", "#37872d"),
    *("#fade2a", "#447ebc", "#c15c17", "#890f02", "#0a437c", "#6d1f62", "#584477"),
)
COLOURS = {
    "green": "#73bf69",
    "yellow": "#fade2a",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
    "text": "#ccccdc",
}
LEFT, BOTTOM, ROW = 62, 20, 17
"""Pixels beside and below a plot, and of a line of its legend."""
MOST_NAMED = 5


def defaults(panel: Mapping[str, Any]) -> Mapping[str, Any]:
    return panel["fieldConfig"]["defaults"]


def colour(steps: Sequence[Mapping[str, Any]], value: float) -> str:
    """Of the highest threshold that ``value`` has reached."""
    reached = [step["color"] for step in steps if step.get("value") is None or value >= step["value"]]
    return COLOURS.get(reached[-1], reached[-1])


def stat(panel: Mapping[str, Any], found: Sequence[Series], width: float, height: float) -> str:
    """The last number large, with its line below."""
    own = defaults(panel)
    cells = []
    for each in found:
        size = min(34.0, 1.7 * width / max(4, len(shown(each.last, own["unit"]))))
        name = f"<small>{escape(each.name)}</small>" if panel["options"].get("textMode") == "value_and_name" else ""
        text = escape(shown(each.last, own["unit"]))
        paint = colour(own["thresholds"]["steps"], each.last)
        line = spark(each, paint, width, height * 0.4) if len(each.points) > 2 else ""
        cells.append(f'<div class="stat" style="color:{paint};font-size:{size:.0f}px">{name}{text}{line}</div>')
    return "".join(cells)


def spark(one: Series, paint: str, width: float, height: float) -> str:
    numbers = [(at, max(0.0, value)) for at, value in one.points if math.isfinite(value)]
    top, first, last = max([value for _, value in numbers] + [1e-12]), numbers[0][0], numbers[-1][0]
    span = max(1e-9, last - first)
    path = " ".join(
        f"{(at - first) / span * width:.1f},{height - value / top * (height - 3):.1f}" for at, value in numbers
    )
    fill = f'<polygon points="0,{height:.0f} {path} {width:.0f},{height:.0f}" fill="{paint}" opacity=".18"/>'
    line = f'<polyline points="{path}" stroke="{paint}" fill="none"/>'
    return f'<svg width="{width:.0f}" height="{height:.0f}">{fill}{line}</svg>'


def timeseries(panel: Mapping[str, Any], found: Sequence[Series], width: float, height: float) -> str:
    """Lines, or areas on top of each other, over a legend with their last and highest numbers."""
    own = defaults(panel)
    is_stacked = own["custom"].get("stacking", {}).get("mode") == "normal"
    named = sorted(found, key=lambda each: -each.top if math.isfinite(each.top) else 0)
    paints = _paints(panel, found)
    inner = height - BOTTOM - ROW * (min(len(named), MOST_NAMED) + 1 + (len(named) > MOST_NAMED))
    drawn = _stacked(found) if is_stacked else [(each.name, each.points, ()) for each in found]
    numbers = [value for _, points, _ in drawn for _, value in points if math.isfinite(value)]
    limits = [step["value"] for step in own["thresholds"]["steps"] if step.get("value") is not None]
    top = own.get("max") or _round_up(max(numbers, default=0.0) or 1.0)
    first = min(points[0][0] for _, points, _ in drawn)
    last = max(points[-1][0] for _, points, _ in drawn)

    def place(at: float, value: float) -> str:
        x = LEFT + (at - first) / max(1e-9, last - first) * (width - LEFT - 8)
        return f"{x:.1f},{4 + (1 - min(value, top) / top) * (inner - 8):.1f}"

    parts = _axes(top, first, last, own["unit"], width=width, height=inner)
    for name, points, floor in drawn:
        path = " ".join(place(at, value) for at, value in points if math.isfinite(value))
        below = " ".join(place(at, value) for at, value in reversed(floor)) if floor else ""
        if is_stacked:
            parts.append(f'<polygon points="{path} {below}" fill="{paints[name]}" opacity=".4"/>')
        parts.append(f'<polyline points="{path}" fill="none" stroke="{paints[name]}" stroke-width="1.3"/>')
    for limit in limits:
        if panel["fieldConfig"]["defaults"]["custom"].get("thresholdsStyle") and limit <= top:
            line = f"{place(first, limit)} {place(last, limit)}"
            parts.append(
                f'<polyline points="{line}" stroke="{colour(own["thresholds"]["steps"], limit)}" class="limit"/>'
            )
    svg = f'<svg width="{width:.0f}" height="{inner + BOTTOM:.0f}">{"".join(parts)}</svg>'
    return svg + _legend(named, paints, own["unit"])


def bargauge(panel: Mapping[str, Any], found: Sequence[Series], _width: float, height: float) -> str:
    """A bar for each series, with its number."""
    own = defaults(panel)
    top = own.get("max") or max([each.last for each in found] + [1e-9])
    has_steps = len(own["thresholds"]["steps"]) > 1
    each_height = min(34.0, height / max(1, len(found)))
    rows = []
    for number, each in enumerate(found):
        paint = colour(own["thresholds"]["steps"], each.last) if has_steps else PALETTE[number % len(PALETTE)]
        share = min(1.0, max(0.0, each.last / top)) * 100
        bar = f'<i><b style="width:{share:.1f}%;background:{paint}"></b></i>'
        text = f'<em style="color:{paint}">{escape(shown(each.last, own["unit"]))}</em>'
        rows.append(f'<div class="bar" style="height:{each_height:.0f}px"><u>{escape(each.name)}</u>{bar}{text}</div>')
    return "".join(rows)


def states(panel: Mapping[str, Any], found: Sequence[Series], width: float, height: float) -> str:
    """A strip for each series, coloured by its state."""
    steps = defaults(panel)["thresholds"]["steps"]
    first, last = found[0].points[0][0], found[0].points[-1][0]
    name_width = 170.0
    each_height = min(40.0, (height - BOTTOM) / len(found))
    parts = []
    for number, each in enumerate(found):
        y = number * each_height
        label = f'x="{name_width - 8:.0f}" y="{y + each_height / 2 + 4:.0f}" text-anchor="end"'
        parts.append(f"<text {label}>{escape(each.name)}</text>")
        changes = [point for point, before in pairwise(each.points[::-1]) if point[1] != before[1]][::-1]
        changes = [each.points[0], *changes]
        for (at, value), (until, _) in zip(changes, [*changes[1:], (last, 0.0)], strict=True):
            x = name_width + (at - first) / (last - first) * (width - name_width)
            wide = (until - at) / (last - first) * (width - name_width)
            box = f'x="{x:.1f}" y="{y + 3:.0f}" width="{wide:.1f}" height="{each_height - 6:.0f}"'
            parts.append(f'<rect {box} fill="{colour(steps, value)}" opacity=".75"/>')
    return f'<svg width="{width:.0f}" height="{height:.0f}">{"".join(parts)}</svg>'


def table(panel: Mapping[str, Any], found: Grid, width: float, height: float) -> str:
    """A row for each set of labels."""
    overrides = {
        each["matcher"]["options"]: _properties(each["properties"]) for each in panel["fieldConfig"]["overrides"]
    }
    refs = [query["refId"] for query in panel["targets"]]
    columns = [overrides[f"Value #{ref}" if len(refs) > 1 else "Value"] for ref in refs]
    head = [*found.labels, *(column["displayName"] for column in columns)]
    rows = ["".join(f"<th>{escape(name)}</th>" for name in head)]
    for labels, numbers in found.rows[: int((height - 30) // 26)]:
        cells = [f"<td>{escape(labels.get(name, ''))}</td>" for name in found.labels]
        cells += [_cell(numbers.get(ref), column) for ref, column in zip(refs, columns, strict=True)]
        rows.append("".join(cells))
    return f'<table style="width:{width:.0f}px">{"".join(f"<tr>{row}</tr>" for row in rows)}</table>'


def _cell(number: float | None, column: Mapping[str, Any]) -> str:
    if number is None:
        return "<td></td>"
    for mapping in column.get("mappings", ()):
        meant = mapping["options"].get(f"{number:g}")
        if meant:
            return f'<td style="color:{COLOURS[meant["color"]]}">{escape(meant["text"])}</td>'
    steps = column.get("thresholds", {}).get("steps")
    paint = f' style="color:{colour(steps, number)}"' if steps else ""
    return f"<td{paint}>{escape(shown(number, column['unit']))}</td>"


def _properties(properties: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {each["id"]: each["value"] for each in properties}


def _paints(panel: Mapping[str, Any], found: Sequence[Series]) -> dict[str, str]:
    fixed = {
        each["matcher"]["options"]: COLOURS[_properties(each["properties"])["color"]["fixedColor"]]
        for each in panel["fieldConfig"]["overrides"]
    }
    return {each.name: fixed.get(each.name, PALETTE[number % len(PALETTE)]) for number, each in enumerate(found)}


def _stacked(
    found: Sequence[Series],
) -> list[tuple[str, tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]]:
    """Each series on top of those before it, with the line that it stands on."""
    floor: dict[float, float] = {}
    drawn = []
    for each in found:
        below = tuple((at, floor.get(at, 0.0)) for at, _ in each.points)
        for at, value in each.points:
            floor[at] = floor.get(at, 0.0) + (value if math.isfinite(value) else 0.0)
        drawn.append((each.name, tuple((at, floor[at]) for at, _ in each.points), below))
    return drawn


def _round_up(value: float) -> float:
    size = 10 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * size >= value * 0.999)


def _axes(top: float, first: float, last: float, unit: str, *, width: float, height: float) -> list[str]:
    parts = []
    for number in range(5):
        y = 4 + number / 4 * (height - 8)
        parts.append(f'<line x1="{LEFT}" x2="{width - 8:.0f}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        text = shown(top * (4 - number) / 4, unit)
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>')
    for number in range(4):
        at = first + (last - first) * number / 3
        x = LEFT + number / 3 * (width - LEFT - 8)
        anchor = ("start", "middle", "middle", "end")[number]
        text = time.strftime("%H:%M:%S", time.gmtime(at))
        parts.append(f'<text x="{x:.1f}" y="{height + 14:.0f}" text-anchor="{anchor}">{text}</text>')
    return parts


def _legend(named: Sequence[Series], paints: Mapping[str, str], unit: str) -> str:
    rows = ["<tr><th></th><th>last</th><th>max</th></tr>"]
    for each in named[:MOST_NAMED]:
        mark = f'<i style="background:{paints[each.name]}"></i>'
        last, top = shown(each.last, unit), shown(each.top, unit)
        rows.append(f"<tr><td>{mark}{escape(each.name)}</td><td>{last}</td><td>{top}</td></tr>")
    if len(named) > MOST_NAMED:
        rows.append(f"<tr><td>and {len(named) - MOST_NAMED} more</td><td></td><td></td></tr>")
    return f'<table class="legend">{"".join(rows)}</table>'
