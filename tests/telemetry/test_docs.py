"""The page for operators tells the truth: its tables are compared with what the code has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gateway.core.usage import TOKEN_KINDS, Usage
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.readings import WELL_KNOWN
from gateway.telemetry.request_log import json_line
from tests.telemetry.outcomes import attempt, outcome

PAGE = (Path(__file__).parents[2] / "docs" / "observability.md").read_text()


def section(title):
    return PAGE.split(f"# {title}\n")[1].split("\n#")[0]


def rows(title):
    """The table of a section, cells by row, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


@pytest.fixture(scope="module")
def families():
    """Every metric of ours as a page has it, with its labels: each has counted something, or overflowed."""
    metrics = Metrics(models=["gpt-5-mini"], max_series=4)
    for i in range(5):
        metrics.observe(outcome(usage=Usage(output=2, images=1), is_priced=False, attempts=(attempt(error=f"e{i}"),)))
    return [family for family in metrics.registry.collect() if family.name.startswith("sluice_")]


def labels(family):
    return tuple(label for label in family.samples[0].labels if label != "le")


def as_row(name, kind, labels, doc):
    name = name + "_total" if kind == "counter" else name
    return [f"`{name}`", kind, ", ".join(f"`{label}`" for label in labels), doc]


def test_every_metric_is_listed_as_it_is_counted(families):
    assert rows("What is counted") == [
        as_row(family.name, family.type, labels(family), family.documentation) for family in families
    ]


def test_every_reading_is_listed():
    assert rows("What is read at each scrape") == [
        as_row(reading.name, reading.kind, reading.labels, reading.doc) for reading in WELL_KNOWN
    ]


def test_every_query_asks_for_metrics_and_labels_that_there_are(families):
    known = {sample.name: {*labels(family), "le"} for family in families for sample in family.samples}
    queries = [row[1] for row in rows("Questions and their queries")]
    assert len(queries) > 5
    for query in queries:
        (there,) = {frozenset(known[name]) for name in re.findall(r"sluice_\w+", query)}
        asked = {name.strip() for group in re.findall(r"by \(([^)]*)\)", query) for name in group.split(",")}
        assert asked | set(re.findall(r'(\w+)[!=~]+"', query)) <= there, query


def test_every_kind_of_token_is_named():
    assert all(f"`{kind}`" in section("Labels") for kind in TOKEN_KINDS)


def test_every_field_of_a_call_s_line_is_listed_in_its_order():
    fields = list(json.loads(json_line(outcome())))
    assert [row[0] for row in rows("A call")] == [f"`{field}`" for field in fields]


def test_the_example_line_is_a_line_as_it_is_written():
    (example,) = re.findall(r"```json\n(.*)\n```", section("A call"))
    assert example + "\n" == json_line(outcome(at=1_769_860_800.5)).decode()
