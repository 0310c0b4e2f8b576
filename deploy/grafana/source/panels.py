"""What a panel is, as data, and how it is told to Grafana."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import ascii_uppercase
from typing import Any, Literal

import msgspec
from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")

Kind = Literal["stat", "lines", "areas", "bars", "table", "states"]
"""``areas`` are stacked lines; ``bars``, a bar for each value now; ``states``, a coloured strip for each series."""

Steps = tuple[tuple[float, str], ...]
"""From which value on which colour; below the first it is green."""

Builder = Any
"""A builder of any kind of panel: they have these methods in common, and no type."""


class Query(msgspec.Struct, frozen=True):
    """A question in PromQL; in a table, a column."""

    expr: str
    legend: str = ""
    """``{{label}}`` stands for a label's value."""
    unit: str = ""
    """The panel's, where empty."""
    steps: Steps = ()
    mapping: Mapping[str, tuple[str, str]] | None = None


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One panel. ``description`` says what is shown, and what to do when it is bad."""

    title: str
    description: str
    kind: Kind
    queries: tuple[Query, ...]
    unit: str = "short"
    steps: Steps = ()
    base: str = "green"
    """The colour below the first step."""
    width: int = 8
    height: int = 8
    has_line: bool = True
    """Whether a stat is drawn over time as well."""
    top: float | None = None
    """Where its scale ends."""
    mapping: Mapping[str, tuple[str, str]] | None = None
    """Of a value to its text and colour."""
    colours: Mapping[str, str] | None = None
    """Of a legend."""


def build(panel: Panel) -> Builder:
    """Grafana's panel for ours."""
    built = _KINDS[panel.kind](panel)
    built.title(panel.title).description(panel.description).datasource(SOURCE)
    built.span(panel.width).height(panel.height).unit(panel.unit).targets(_targets(panel))
    built.thresholds(_thresholds(panel.steps, panel.base))
    if panel.top is not None:
        built.max(panel.top)
    if panel.mapping:
        built.mappings([_value_map(panel.mapping)])
    for legend, colour in (panel.colours or {}).items():
        built.override_by_name(legend, [_property("color", {"mode": "fixed", "fixedColor": colour})])
    return built


def _targets(panel: Panel) -> list[Builder]:
    return [_target(panel, query, ref) for query, ref in zip(panel.queries, ascii_uppercase, strict=False)]


def _target(panel: Panel, query: Query, ref: str) -> Builder:
    target = prometheus.Dataquery().expr(query.expr).ref_id(ref).datasource(SOURCE)
    if panel.kind == "table":
        return target.instant().format(PromQueryFormat.TABLE)
    target.legend_format(query.legend or "__auto").format(PromQueryFormat.TIME_SERIES)
    is_now = panel.kind == "bars" or (panel.kind == "stat" and not _has_line(panel))
    return target.instant() if is_now else target.range()


def _thresholds(steps: Steps, base: str) -> Builder:
    rows = [models.Threshold(value=None, color=base), *(models.Threshold(value=at, color=to) for at, to in steps)]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(rows)


def _value_map(mapping: Mapping[str, tuple[str, str]]) -> models.ValueMap:
    rows = enumerate(mapping.items())
    options = {
        value: models.ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in rows
    }
    return models.ValueMap(options=options)


def _property(name: str, value: object) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(id_val=name, value=value)


def _by_value() -> Builder:
    return dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)


def _now() -> Builder:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _stat(panel: Panel) -> Builder:
    mode = shapes.BigValueGraphMode.AREA if _has_line(panel) else shapes.BigValueGraphMode.NONE
    built = stat.Panel().graph_mode(mode).color_mode(shapes.BigValueColorMode.VALUE).reduce_options(_now())
    if any(query.legend for query in panel.queries):
        built.text_mode(shapes.BigValueTextMode.VALUE_AND_NAME)
    return built.color_scheme(_by_value())


def _has_line(panel: Panel) -> bool:
    """What happened in the whole of the time range has none."""
    return panel.has_line and not any("$__range" in query.expr for query in panel.queries)


def _lines(panel: Panel) -> Builder:
    calcs = ["lastNotNull", "max"]
    legend = common.VizLegendOptions().display_mode(shapes.LegendDisplayMode.TABLE).calcs(calcs)
    legend.placement(shapes.LegendPlacement.BOTTOM).show_legend(True)
    tooltip = common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING)
    built = timeseries.Panel().legend(legend).tooltip(tooltip).line_width(1).min(0)
    if panel.steps:
        style = common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.LINE)
        built.thresholds_style(style)
    return built.show_points(shapes.VisibilityMode.AUTO).fill_opacity(8)


def _areas(panel: Panel) -> Builder:
    stacking = common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A")
    return _lines(panel).stacking(stacking).fill_opacity(35)


def _bars(panel: Panel) -> Builder:
    built = bargauge.Panel().orientation(shapes.VizOrientation.HORIZONTAL).reduce_options(_now()).min(0)
    built.display_mode(shapes.BarGaugeDisplayMode.BASIC).value_mode(shapes.BarGaugeValueMode.COLOR)
    mode = models.FieldColorModeId.THRESHOLDS if panel.steps else models.FieldColorModeId.PALETTE_CLASSIC
    return built.show_unfilled(True).color_scheme(dashboard.FieldColor().mode(mode))


def _states(_panel: Panel) -> Builder:
    legend = common.VizLegendOptions().display_mode(shapes.LegendDisplayMode.LIST)
    legend.placement(shapes.LegendPlacement.BOTTOM).show_legend(True).calcs([])
    built = statetimeline.Panel().show_value(shapes.VisibilityMode.NEVER).legend(legend).merge_values(True)
    return built.row_height(0.8).line_width(0).fill_opacity(70).color_scheme(_by_value())


def _table(panel: Panel) -> Builder:
    """A row for each set of labels, a column for each query: Grafana calls them Value #A, and a single one Value."""
    built = table.Panel().show_header(True).cell_height(shapes.TableCellHeight.SM)
    built.align(shapes.FieldTextAlignment.AUTO).inspect(False)
    built.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    hidden = {"Time": True}
    built.with_transformation(models.DataTransformerConfig(id_val="organize", options={"excludeByName": hidden}))
    for query, ref in zip(panel.queries, ascii_uppercase, strict=False):
        properties = [_property("displayName", query.legend), _property("unit", query.unit or panel.unit)]
        if query.steps:
            properties.append(_property("thresholds", _thresholds(query.steps, "text").build()))
            properties.append(_property("custom.cellOptions", {"type": "color-text"}))
        if query.mapping:
            properties.append(_property("mappings", [_value_map(query.mapping)]))
            properties.append(_property("custom.cellOptions", {"type": "color-text"}))
        name = f"Value #{ref}" if len(panel.queries) > 1 else "Value"
        built.override_by_name(name, properties)
    return built


_KINDS: Mapping[Kind, Callable[[Panel], Builder]] = {
    "stat": _stat,
    "lines": _lines,
    "areas": _areas,
    "bars": _bars,
    "table": _table,
    "states": _states,
}
