"""A dashboard as one HTML page: its panels where its grid has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from deploy.grafana.pictures import charts
from deploy.grafana.pictures.answers import Ask, grid, series

WIDTH, CELL, GAP, TITLE = 1600, 34, 8, 26
"""Pixels: of the page, of a grid line's height, between panels, and of a panel's title."""

STYLE = """
body{margin:0;background:#111217;color:#ccccdc;font:12px Inter,'DejaVu Sans',sans-serif;position:relative}
h1{font-size:18px;font-weight:500;margin:0;padding:14px 16px 8px;height:24px}
h1 small{color:#8e8e99;font-size:12px;margin-left:14px}
.row{position:absolute;font-size:14px;font-weight:500;padding:8px 0 0 4px}
.panel{position:absolute;background:#181b1f;border:1px solid #26282e;border-radius:3px;
  overflow:hidden;box-sizing:border-box}
.panel>h2{font-size:12.5px;font-weight:500;margin:0;padding:6px 8px 0;height:20px;white-space:nowrap}
.panel>div.in{padding:0 8px}
.stat{text-align:center;font-weight:500;position:relative;padding-top:8px}
.stat svg{position:absolute;left:-8px;right:0;top:46px}
.stat small{display:block;font-size:11px;color:#ccccdc}
svg text{fill:#8e8e99;font-size:11px} svg .grid{stroke:#26282e} svg .limit{stroke-dasharray:5 4;fill:none}
svg{display:block;overflow:visible}
table{border-collapse:collapse} td,th{text-align:left;padding:5px 8px;border-bottom:1px solid #26282e;height:15px}
th{color:#6e9fff;font-weight:500}
.legend{width:100%} .legend td,.legend th{padding:0 4px;border:0;font-size:11px;height:17px;line-height:17px;
  text-align:right}
.legend td:first-child{text-align:left} .legend th{color:#8e8e99;height:14px}
.legend i{display:inline-block;width:14px;height:4px;border-radius:2px;margin-right:6px;vertical-align:middle}
.bar{display:flex;align-items:center;gap:8px} .bar u{text-decoration:none;width:38%;text-align:right;white-space:nowrap}
.bar i{flex:1;height:62%;background:#22252b}
.bar b{display:block;height:100%;opacity:.75} .bar em{width:72px;font-style:normal}
"""
_DRAWN: Mapping[str, Callable[..., str]] = {
    "stat": charts.stat,
    "timeseries": charts.timeseries,
    "bargauge": charts.bargauge,
    "state-timeline": charts.states,
}


def page(board: Mapping[str, Any], ask: Ask) -> tuple[str, int]:
    """The page, and its height in pixels."""
    parts, lowest = [], 0
    for panel in board["panels"]:
        at = panel["gridPos"]
        x, y = at["x"] * WIDTH // 24, 46 + at["y"] * CELL
        wide, high = at["w"] * WIDTH // 24 - GAP, at["h"] * CELL - GAP
        lowest = max(lowest, y + high + GAP)
        place = f"left:{x + GAP // 2}px;top:{y}px;width:{wide}px;height:{high}px"
        if panel["type"] == "row":
            parts.append(f'<div class="row" style="{place}">{escape(panel["title"])}</div>')
        else:
            inside = _inside(panel, ask, wide - 18, high - TITLE - 8)
            parts.append(f'<div class="panel" style="{place}"><h2>{escape(panel["title"])}</h2>{inside}</div>')
    head = f"<h1>{escape(board['title'])}<small>{escape(board['description'])}</small></h1>"
    body = f'<body style="width:{WIDTH}px;height:{lowest}px">{head}{"".join(parts)}</body>'
    return f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style>{body}', lowest


def _inside(panel: Mapping[str, Any], ask: Ask, width: float, height: float) -> str:
    if panel["type"] == "table":
        return f'<div class="in">{charts.table(panel, grid(panel, ask), width, height)}</div>'
    found = series(panel, ask)
    if not found:
        return '<div class="in">No data</div>'
    return f'<div class="in">{_DRAWN[panel["type"]](panel, found, width, height)}</div>'
