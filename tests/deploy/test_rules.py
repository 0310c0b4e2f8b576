"""Prometheus takes our configuration and rules; alerts fire when they should and not otherwise; each is explained."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.grafana.source.__main__ import BOARDS
from deploy.grafana.source.slo import PAIRS
from tests.programs import needed

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy/prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
CASES = sorted((PROMETHEUS / "tests").glob("*.yml"))
GROUPS = [group for path in RULES for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule}
RECORDED = {rule["record"] for group in GROUPS for rule in group["rules"] if "record" in rule}
TESTS = [test for path in CASES for test in yaml.safe_load(path.read_text("utf-8"))["tests"]]

OURS = re.compile(r"(?<![\w:\"])((?:sluice|gen_ai|process)_\w+)(?=[\[{)\s]|$)")
RECORDINGS = re.compile(r"[\w]+:[\w]+:[\w]+")
PROMETHEUS_OWN = {"ALERTS", "up"}


def promtool(*arguments: object) -> str:
    done = subprocess.run(
        [needed("promtool", "prometheus"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def questions() -> list[str]:
    """Every query of rules and of dashboards."""
    of_rules = [rule["expr"] for group in GROUPS for rule in group["rules"]]
    panels = [panel for board in BOARDS for row in board.rows for panel in row.panels]
    return of_rules + [query.expr for panel in panels for query in panel.queries]


def test_prometheus_takes_the_configuration_and_finds_the_rules():
    said = promtool("check", "config", PROMETHEUS / "prometheus.yml")

    assert all(path.name in said for path in RULES)


def test_prometheus_takes_the_rules():
    promtool("check", "rules", *RULES)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_not_otherwise(path):
    promtool("test", "rules", path)


@pytest.mark.parametrize("alert", ALERTS)
def test_of_each_alert_both_is_tested(alert):
    expected = [
        bool(each.get("exp_alerts"))
        for test in TESTS
        for each in test.get("alert_rule_test", ())
        if each["alertname"] == alert
    ]

    assert True in expected, "that it fires"
    assert False in expected, "that it does not"


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_says_how_grave_it_is_and_where_to_read_on(alert):
    rule = ALERTS[alert]
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^## (\w+)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)

    assert rule["labels"]["severity"] in {"page", "ticket", "info"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    assert anchor in [heading.lower() for heading in headings]


def test_nothing_is_explained_that_is_no_alert():
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs/alerts.md").read_text("utf-8"), re.MULTILINE)

    assert sorted(headings) == sorted(ALERTS)


def test_windows_and_burn_rates_are_those_of_the_workbook_in_alerts_as_on_the_dashboard():
    burns = ALERTS["SluiceErrorBudgetBurnsFast"]["expr"] + " or " + ALERTS["SluiceErrorBudgetBurnsSlowly"]["expr"]
    found = re.findall(r"rate(\w+) > ([\d.]+) and \S+:rate(\w+) > ([\d.]+)", burns)

    assert [(long, short, float(limit)) for long, limit, short, same in found if limit == same] == list(PAIRS)


def test_every_metric_that_is_asked_for_is_there():
    """By the list of all metrics, which is made from the gateway's own."""
    listed = set(re.findall(r"`((?:sluice|gen_ai)_\w+)`", (ROOT / "docs/metrics.md").read_text("utf-8")))
    listed |= {"process_cpu_seconds_total", "process_resident_memory_bytes"}
    text = "\n".join(re.sub(RECORDINGS, "", question) for question in questions())
    asked = {re.sub(r"_(bucket|count|sum)$", "", name) for name in OURS.findall(text)}

    assert len(asked) > 30
    assert asked - listed == set()


def test_every_recorded_series_that_is_asked_for_is_recorded_and_every_one_is_asked_for():
    asked = {name for question in questions() for name in RECORDINGS.findall(question)}

    assert asked == RECORDED


def test_compose_gives_prometheus_the_rules_where_its_configuration_looks_for_them():
    (pattern,) = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))["rule_files"]
    volumes = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]["prometheus"]["volumes"]

    assert f"./deploy/prometheus/rules:/etc/prometheus/{Path(pattern).parent}:ro" in volumes
