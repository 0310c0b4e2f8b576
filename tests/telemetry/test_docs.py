"""The pages for operators tell the truth: they are compared with what the code has."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from gateway.core.usage import Usage
from gateway.telemetry import docs
from gateway.telemetry.families import BUILD_INFO, COUNTERS, HISTOGRAMS
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.readings import WELL_KNOWN
from gateway.telemetry.request_log import json_line
from tests.programs import needed
from tests.telemetry.outcomes import attempt, outcome

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "observability.md").read_text(encoding="utf-8")


def section(title):
    return PAGE.split(f"# {title}\n")[1].split("\n#")[0]


def rows(title):
    """The table of a section, cells by row, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


@pytest.fixture(scope="module")
def families():
    """Every metric of ours as a page has it: each has counted something, or overflowed, or was read."""
    metrics = Metrics(models=["gpt-5-mini"], max_series=4)
    for i in range(5):
        tried = (attempt("a/m", error=f"e{i}"), attempt())
        metrics.observe(
            outcome(usage=Usage(output=2, images=1), is_priced=False, attempts=tried, hold_after_s=0.0, hold_s=0.1)
        )
    for reading in WELL_KNOWN:
        metrics.register(reading, lambda reading=reading: {tuple("x" for _ in reading.labels): 1})
    found = [*metrics.registry.collect()]
    return {family.name: family for family in found if family.name.startswith(("sluice_", "gen_ai_"))}


def labels(family):
    return {label for label in family.samples[0].labels if label != "le"}


def test_the_page_of_metrics_is_up_to_date():
    assert (DOCS / "metrics.md").read_text(encoding="utf-8") == docs.page(), "run scripts/metrics-docs"


def test_the_check_tells_what_is_stale(tmp_path, capsys):
    assert docs.main([str(tmp_path)]) == 0
    assert docs.main(["--check", str(tmp_path)]) == 0
    (tmp_path / "metrics.md").write_text("old")
    assert docs.main(["--check", str(tmp_path)]) == 1
    assert "metrics.md is not up to date: run scripts/metrics-docs" in capsys.readouterr().err


def test_what_the_page_is_written_from_is_what_is_on_the_registry(families):
    declared = {row.name: row for row in (*COUNTERS, *HISTOGRAMS, BUILD_INFO, *WELL_KNOWN)}
    assert families.keys() == declared.keys()
    for name, row in declared.items():
        assert (families[name].documentation, labels(families[name])) == (row.doc, set(row.labels))


@pytest.mark.parametrize("row", HISTOGRAMS, ids=lambda row: row.name)
def test_the_buckets_of_the_page_are_those_that_are_counted(families, row):
    shown = {sample.labels["le"] for sample in families[row.name].samples if sample.name.endswith("_bucket")}
    assert shown == {*map(str, row.bounds_s), "+Inf"}
    assert list(row.bounds_s) == sorted(set(row.bounds_s))


def test_each_metric_stands_on_the_page_once(families):
    named = re.findall(r"^\| `(\w+)`", docs.page(), re.MULTILINE)
    counted = Counter(named)
    for name, family in families.items():
        shown = f"{name}_total" if family.type == "counter" else name
        # A histogram's buckets have a table of their own.
        assert counted[shown] == (2 if family.type == "histogram" else 1), shown


def test_every_query_asks_for_metrics_and_labels_that_there_are(families):
    known = {sample.name: {*labels(family), "le"} for family in families.values() for sample in family.samples}
    queries = [row[1] for row in rows("Questions and their queries")]
    assert len(queries) > 5
    for query in queries:
        there = [known[name] for name in re.findall(r"(?:sluice|gen_ai_server)_\w+", query)]
        asked = {name.strip() for group in re.findall(r"by \(([^)]*)\)", query) for name in group.split(",")}
        assert asked <= set.intersection(*there), query
        for name, chosen in re.findall(r"(\w+)\{([^}]*)\}", query):
            assert set(re.findall(r'(\w+)[!=~]+"', chosen)) <= known[name], query


def test_every_query_is_promql(tmp_path):
    """As Prometheus' own tool reads it: a rule for each."""
    queries = [row[1].strip("`").replace("\\|", "|") for row in rows("Questions and their queries")]
    rules = [{"record": f"question:{place}", "expr": query} for place, query in enumerate(queries)]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"groups": [{"name": "questions", "rules": rules}]}))
    done = subprocess.run(
        [needed("promtool", "prometheus"), "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_field_of_a_call_s_line_is_listed_in_its_order():
    fields = list(json.loads(json_line(outcome())))
    assert [row[0] for row in rows("A call")] == [f"`{field}`" for field in fields]


def test_the_example_line_is_a_line_as_it_is_written():
    (example,) = re.findall(r"```json\n(.*)\n```", section("A call"))
    assert example + "\n" == json_line(outcome(at=1_769_860_800.5)).decode()
