"""What a dashboard is, as data, and how it is told to Grafana."""

from __future__ import annotations

from typing import Any

import msgspec
from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.source.panels import SOURCE, Panel, build


class Row(msgspec.Struct, frozen=True):
    """Panels under one heading, from the left; a row's panels are 24 wide, or several times that."""

    title: str
    panels: tuple[Panel, ...]


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard. ``variables`` are names out of ``VARIABLES``."""

    name: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[str, ...] = ("job", "instance", "model", "provider")
    since: str = "now-1h"


VARIABLES = {
    "job": "label_values(sluice_build_info, job)",
    "instance": 'label_values(sluice_build_info{job=~"$job"}, instance)',
    "model": 'label_values(sluice_requests_total{job=~"$job"}, model)',
    "provider": 'label_values(sluice_requests_total{job=~"$job"}, provider)',
}
"""The names that can be chosen, and where Grafana finds what there is to choose."""

_HASHES = 'sluice_config_info{job=~"$job"}'
CHANGED = f"count by (hash) ({_HASHES}) unless count by (hash) ({_HASHES} offset 1m)"
"""A configuration that was not in force a minute before."""


def encoded(board: Board) -> str:
    """The dashboard's JSON as Grafana loads it."""
    return JSONEncoder(sort_keys=True, indent=2).encode(built(board)) + "\n"


def built(board: Board) -> models.Dashboard:
    """Grafana's dashboard for ours. Panels are numbered in their order."""
    made = dashboard.Dashboard(f"Sluice / {board.title}").uid(f"sluice-{board.name}").description(board.description)
    made.tags(["sluice"]).time(board.since, "now").refresh("30s").timezone("browser")
    made.tooltip(models.DashboardCursorSync.CROSSHAIR).link(_others())
    made.with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    for name in board.variables:
        made.with_variable(_variable(name))
    made.annotation(_changes())
    number = 0
    for row in board.rows:
        number += 1
        made.with_row(dashboard.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            made.with_panel(build(panel).id(number))
    return made.build()


def _variable(name: str) -> Any:
    everything = models.VariableOption(selected=True, text="All", value="$__all")
    made = dashboard.QueryVariable(name).label(name).query({"query": VARIABLES[name], "refId": name})
    made.datasource(SOURCE).refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    made.sort(models.VariableSort.ALPHABETICAL_ASC)
    return made.multi(True).include_all(True).all_value(".*").current(everything)


def _others() -> Any:
    link = dashboard.DashboardLink("Sluice").type(models.DashboardLinkType.DASHBOARDS).tags(["sluice"])
    return link.as_dropdown(False).include_vars(True).keep_time(True)


def _changes() -> Any:
    annotation = dashboard.AnnotationQuery().name("Configurations put in force").datasource(SOURCE).enable(True)
    return annotation.expr(CHANGED).icon_color("purple")
