from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from gateway.telemetry.exposition import OPENMETRICS, TEXT, prefers_openmetrics, render
from gateway.telemetry.tally import Family

PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "is_openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; version=1.0.0", True),
        ("application/openmetrics-text; version=0.0.1", False),
        ("application/openmetrics-text; q=0.2, text/plain; q=0.7", False),
        ("application/openmetrics-text; q=0", False),
        ("application/openmetrics-text; q=nonsense", False),
        (PROMETHEUS_3, True),
    ],
)
def test_the_format_is_the_one_that_the_scraper_prefers(accept, is_openmetrics):
    assert prefers_openmetrics(accept) is is_openmetrics
    content, kind = render([], accept)
    assert kind == (OPENMETRICS if is_openmetrics else TEXT)
    assert content == (b"# EOF\n" if is_openmetrics else b"")


@given(st.text(max_size=200))
def test_no_accept_header_is_too_odd(accept):
    assert prefers_openmetrics(accept) in (True, False)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1), st.floats(allow_nan=False))
def test_labels_docs_and_values_come_back_as_they_were(label, number):
    family = Family(name="a", kind="gauge", doc=f'a \\ b\n"c" {label!r}', labels=("x", "y"))
    family.cell((label, ""))[0] = number
    for accept, parse in (("text/plain", parse_text), ("application/openmetrics-text", parse_openmetrics)):
        (found,) = parse(render([family], accept)[0].decode())
        assert found.type == "gauge"
        (sample,) = found.samples
        assert sample.labels == {"x": label, "y": ""}
        assert sample.value == number


def test_what_is_no_number_is_written_as_prometheus_wants_it():
    family = Family(name="a", kind="gauge", doc="d", labels=("x",))
    for name, number in (("nan", math.nan), ("up", math.inf), ("down", -math.inf)):
        family.cell((name,))[0] = number
    lines = render([family])[0].decode().splitlines()[2:]
    assert lines == ['a{x="nan"} NaN', 'a{x="up"} +Inf', 'a{x="down"} -Inf']


def test_the_page_is_the_text_that_prometheus_documents():
    counter = Family(name="calls", kind="counter", doc="Calls.", labels=("a",), cells={("x",): [3]})
    histogram = Family(name="took_seconds", kind="histogram", doc="Took.", buckets=(0.5, 1.0))
    histogram.put(histogram.cell(), 0.7)
    assert render([counter, histogram])[0].decode() == (
        "# HELP calls_total Calls.\n"
        "# TYPE calls_total counter\n"
        'calls_total{a="x"} 3\n'
        "# HELP took_seconds Took.\n"
        "# TYPE took_seconds histogram\n"
        'took_seconds_bucket{le="0.5"} 0\n'
        'took_seconds_bucket{le="1.0"} 1\n'
        'took_seconds_bucket{le="+Inf"} 1\n'
        "took_seconds_count 1\n"
        "took_seconds_sum 0.7\n"
    )
    assert render([counter], "application/openmetrics-text")[0].decode() == (
        '# TYPE calls counter\n# HELP calls Calls.\ncalls_total{a="x"} 3\n# EOF\n'
    )
