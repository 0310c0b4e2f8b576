"""SLO: what is promised, how fast the allowed failures are used up, and how many are left.

Windows and burn rates are those of Google's Site Reliability Workbook, chapter 5, "Alerting on SLOs":
https://sre.google/workbook/alerting-on-slos/. The objectives stand in deploy/prometheus/rules/objectives.yml.
"""

from __future__ import annotations

from deploy.grafana.source.boards import Board, Row
from deploy.grafana.source.panels import Panel, Query

JOB = 'job=~"$job"'
PAIRS = (("1h", "5m", 14.4), ("6h", "30m", 6.0), ("1d", "2h", 3.0), ("3d", "6h", 1.0))
"""Long window, short window, and the burn rate that must be exceeded in both."""
FAST = ((1, "orange"), (6, "red"))
LEFT = ((0, "orange"), (0.25, "yellow"), (0.5, "green"))


def burn(slo: str, window: str) -> str:
    """The worst of the gateways' jobs: 1 uses up the budget of 30 days in just 30 days."""
    return f'max(job_slo:sluice_error_budget_burn:rate{window}{{{JOB},slo="{slo}"}})'


def burns(slo: str, place: int) -> str:
    """Of all pairs, the long windows (0) or the short ones (1)."""
    rows = (
        f'label_replace(label_replace({burn(slo, pair[place])}, "pair", "{pair[0]} and {pair[1]}", "", ""),'
        f' "limit", "{pair[2]:g}", "", "")'
        for pair in PAIRS
    )
    return " or ".join(rows)


def row(slo: str, name: str, what: str, remedy: str) -> Row:
    """The same panels for each objective."""
    return Row(name, (*standing(slo, what, remedy), *burning(slo, remedy)))


def standing(slo: str, what: str, remedy: str) -> tuple[Panel, ...]:
    """What was promised, what was kept, and what is left."""
    good = f'1 - max by (slo) (job_slo:sluice_errors:ratio_rate30d{{{JOB},slo="{slo}"}})'
    return (
        Panel(
            title="Objective",
            description=f"The share of calls that is promised: {what}",
            kind="stat",
            unit="percentunit",
            has_line=False,
            width=4,
            height=6,
            queries=(Query(f'max(slo:sluice_objective:ratio{{slo="{slo}"}})'),),
        ),
        Panel(
            title="Kept in 30 days",
            description="The share that was kept, of all that Prometheus knows of the last 30 days. Below the "
            f"objective: {remedy}",
            kind="stat",
            unit="percentunit",
            base="text",
            width=4,
            height=6,
            queries=(Query(good),),
        ),
        Panel(
            title="Error budget left",
            description="Of the failures that the objective allows in 30 days. At 0 it is used up: stop risky "
            "changes until it has grown back.",
            kind="stat",
            unit="percentunit",
            base="red",
            steps=LEFT,
            width=4,
            height=6,
            queries=(Query(f"1 - {burn(slo, '30d')}"),),
        ),
    )


def burning(slo: str, remedy: str) -> tuple[Panel, ...]:
    """How fast it is used up, and by how many calls."""
    events = f'{{{JOB},slo="{slo}"}}'
    return (
        Panel(
            title="Burn rates",
            description="How many times faster than allowed. An alert needs both windows of a pair above its "
            "line: 14.4 in 1h and 5m, or 6 in 6h and 30m, wakes somebody; 3 in 1d and 2h, or 1 in 3d and 6h, is "
            "for the day.",
            kind="table",
            unit="none",
            width=12,
            height=6,
            queries=(
                Query(burns(slo, 0), "long window", "none", FAST),
                Query(burns(slo, 1), "short window", "none", FAST),
            ),
        ),
        Panel(
            title="Burn rate as it goes",
            description="1 is just what is allowed. A peak in 1h that 3d does not show is over; a 3d above 1 "
            f"for long: {remedy}",
            kind="lines",
            unit="none",
            steps=((1, "orange"), (14.4, "red")),
            width=12,
            queries=tuple(Query(burn(slo, window), window) for window in ("1h", "6h", "1d", "3d")),
        ),
        Panel(
            title="Calls that count, and those that broke it",
            description="A second. Few calls make large burn rates of single failures: then look at the calls "
            "themselves.",
            kind="lines",
            unit="reqps",
            width=12,
            colours={"broke it": "red", "count": "green"},
            queries=(
                Query(f"sum(job_slo:sluice_events:rate5m{events})", "count"),
                Query(f"sum(job_slo:sluice_bad_events:rate5m{events})", "broke it"),
            ),
        ),
    )


SLO = Board(
    name="slo",
    title="SLO",
    description="Objectives of availability and of the time to the first token, with multi-window burn rates.",
    rows=(
        row(
            "availability",
            "Availability",
            "of calls that were the gateway's to serve, those that ended neither in 5xx nor in a broken stream.",
            "see which provider fails on Providers, and give its models another target.",
        ),
        row(
            "ttft",
            "Time to first token",
            "of streamed calls, those whose first token came within 2.5 s of their arrival.",
            "see which provider is slow on Providers, and route by latency.",
        ),
    ),
    variables=("job",),
    since="now-24h",
)
