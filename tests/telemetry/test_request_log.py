from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.types import Outcome
from gateway.core.usage import Usage
from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.request_log import USAGE_FIELDS, RequestLog, json_line, pretty_line
from tests.telemetry.outcomes import attempt, failure, outcome


def test_a_call_is_one_json_line():
    failed = attempt("azure/gpt-5-mini", error="overloaded", status=529, duration_s=0.01, ttft_s=None)
    written = json_line(outcome(attempts=(failed, attempt(started_after_s=0.0123456789))))
    assert written.count(b"\n") == 1
    assert json.loads(written) == {
        "time": "2023-11-14T22:13:20.500Z",
        "level": "info",
        "event": "call",
        "id": "req-1",
        "endpoint": "chat/completions",
        "model": "gpt-5-mini",
        "key": "ci",
        "team": "research",
        "user": "u-7",
        "tags": ["project-x"],
        "stream": True,
        "status": 200,
        "error": None,
        "provider": "openai",
        "target": "openai/gpt-5-mini",
        "attempts": [
            {
                "target": "azure/gpt-5-mini",
                "status": 529,
                "error": "overloaded",
                "started_after_s": 0.001,
                "duration_s": 0.01,
                "ttft_s": None,
            },
            {
                "target": "openai/gpt-5-mini",
                "status": 200,
                "error": None,
                "started_after_s": 0.012346,
                "duration_s": 1.2,
                "ttft_s": 0.3,
            },
        ],
        "usage": {"input": 100, "cached_input": 20, "output": 41, "reasoning": 10},
        "usage_official": True,
        "cost_usd": "0.0015",
        "cost_nanousd": 1_500_000,
        "priced": True,
        "held_nanousd": 2_000_000,
        "hold_after_s": None,
        "hold_s": 0.0,
        "image_quality": "",
        "image_size": "",
        "finish": "stop",
        "duration_s": 1.3,
        "ttft_s": 0.3,
        "overhead_s": 0.0002,
        "trace_id": None,
    }


def test_every_fact_of_an_outcome_is_in_the_line():
    renamed = {"at": "time", "is_usage_official": "usage_official", "is_priced": "priced", "trace": "trace_id"}
    fields = {renamed.get(name, name) for name in Outcome.__struct_fields__} - {"payload"}
    assert fields <= set(json.loads(json_line(outcome())))
    assert {*USAGE_FIELDS, "image_line", "requests", "cost_nanousd"} == set(Usage.__struct_fields__)


def test_upstream_requests_are_told_where_there_were_several():
    assert json.loads(json_line(outcome(usage=Usage(images=3, requests=3))))["usage"] == {"images": 3, "requests": 3}
    assert "requests" not in json.loads(json_line(outcome()))["usage"]


def test_a_failure_says_its_error_and_a_failure_of_ours_is_a_warning():
    line = json.loads(json_line(failure(status=503, error="no_target_available")))
    assert (line["level"], line["status"], line["error"], line["target"]) == (
        "warning",
        503,
        "no_target_available",
        None,
    )
    assert json.loads(json_line(failure(status=404, error="model_not_found")))["level"] == "info"


def test_a_stream_that_broke_midway_is_a_warning_though_its_status_was_good():
    assert json.loads(json_line(outcome(status=200, error="closed")))["level"] == "warning"


def test_a_cost_that_is_not_known_does_not_pass_for_nothing():
    free, unknown = outcome(cost_nanousd=0), outcome(cost_nanousd=0, is_priced=False)
    assert json.loads(json_line(free))["priced"] is True
    assert json.loads(json_line(unknown))["priced"] is False
    assert b" $0 " in pretty_line(free)
    assert b" no price " in pretty_line(unknown)


@pytest.mark.parametrize("encode", [json_line, pretty_line])
@given(text=st.text(st.characters(exclude_categories=())))
def test_whatever_a_client_sends_stays_on_its_line(encode, text):
    written = encode(failure(model=text, user=text, error=text or None, id=text.encode(errors="replace").decode()))
    assert written.endswith(b"\n")
    assert written.count(b"\n") == 1
    assert b"\x1b" not in written
    assert b"\r" not in written
    written.decode()


@pytest.mark.parametrize("encode", [json_line, pretty_line])
def test_a_key_that_a_client_puts_in_the_wrong_place_is_not_logged(encode):
    marker = "sk-proj-marker0123456789"
    written = encode(failure(status=404, error=f"bearer {marker}", model=marker, user=f"api-key={marker}"))
    assert b"marker" not in written


def test_an_endless_name_is_cut():
    assert len(json_line(failure(model="m" * 1_000_000, user="u" * 1_000_000))) < 2_000


def test_a_person_reads_one_line_a_call():
    written = pretty_line(outcome(attempts=(attempt("azure/gpt-5-mini", error="overloaded"), attempt())))
    assert written.decode() == (
        "22:13:20.500 200 chat/completions gpt-5-mini -> openai/gpt-5-mini 1.300s ttft 0.300s overhead 0.20ms "
        "120+51 tokens $0.0015 key=ci failed=azure/gpt-5-mini:overloaded req-1\n"
    )


def test_a_person_reads_images_and_errors_too():
    assert b" 2 images " in pretty_line(outcome(usage=Usage(images=2)))
    assert b"-> nobody" in pretty_line(failure())
    assert b" error=no_target_available " in pretty_line(failure())


def written(outcomes, *args, **options):
    """What a log of these outcomes comes to, through a real pipe."""
    reader, fd = os.pipe()
    writer = LogWriter(fd)
    log = RequestLog(writer, *args, **options)
    for each in outcomes:
        log.observe(each)
    assert writer.close(10)
    os.close(fd)
    with os.fdopen(reader, "rb") as pipe:
        return pipe.read()


@pytest.mark.parametrize(("format", "line"), [("json", json_line), ("pretty", pretty_line)])
def test_the_log_writes_its_lines_through_the_writer(format, line):
    calls = [outcome(id="a"), outcome(id="b")]
    assert written(calls, format) == line(calls[0]) + line(calls[1])


@pytest.mark.parametrize(("level", "ids"), [("debug", "ab"), ("info", "ab"), ("warning", "b"), ("error", "")])
def test_the_level_says_which_calls_are_written(level, ids):
    lines = written([outcome(id="a"), failure(id="b", status=502)], level=level).splitlines()
    assert "".join(json.loads(line)["id"] for line in lines) == ids


def test_a_key_that_somebody_sent_as_a_tag_is_in_no_line():
    line = json_line(outcome(tags=("project-x", "sk-sl-abcdefghijkl-0123456789abcdefghij0123456789")))

    assert b"0123456789abcdefghij" not in line
    assert b"project-x" in line
