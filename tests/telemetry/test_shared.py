"""The figures of several workers on one page. Each worker is a process: what counts together does so process-wide."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from gateway.telemetry.shared import forget_worker
from tests.processes import ROOT

WORKER = """
import json, sys
from pathlib import Path
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.readings import *
from gateway.telemetry.shared import SharedFigures
from tests.telemetry.outcomes import failure, outcome

folder, number, story = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
figures = SharedFigures(folder, number) if number else None
metrics = Metrics(models=["gpt-5-mini"], kinds={"openai": "openai"}, version="1.2.3", shared=figures)
readings = {reading.name: reading for reading in WELL_KNOWN}
for name, value in story.get("readings", {}).items():
    told = {tuple(labels): v for labels, v in value} if isinstance(value, list) else value
    metrics.register(readings[name], lambda told=told: told)
for _ in range(story.get("calls", 0)):
    metrics.observe(outcome(stream=True, ttft_s=0.3))
for _ in range(story.get("failures", 0)):
    metrics.observe(failure(status=503, error="x"))
if figures:
    figures.publish()
sys.stdout.buffer.write(metrics.render(story.get("accept", ""))[0])
"""


def worker(folder: Path, number: int, **story) -> dict:
    """A worker lives through ``story`` and is scraped at its end; what it shows. Number 0 is by itself."""
    command = [sys.executable, "-c", WORKER, str(folder), str(number), json.dumps(story)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    parse = parse_openmetrics if "accept" in story else parse_text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(done.stdout.decode())
        for sample in family.samples
    }


def total(samples, name):
    return sum(value for (found, _), value in samples.items() if found == name)


def ours(samples):
    return {key: value for key, value in samples.items() if key[0].startswith("sluice_")}


def test_counts_of_all_workers_are_added_up_whichever_is_scraped(tmp_path):
    worker(tmp_path, 1, calls=3)
    page = worker(tmp_path, 2, calls=4, failures=1)
    assert total(page, "sluice_requests_total") == 8
    assert total(page, "gen_ai_server_time_to_first_token_seconds_count") == 7


@pytest.mark.parametrize("accept", [{}, {"accept": "application/openmetrics-text; version=1.0.0"}])
def test_a_page_of_workers_says_what_one_process_would_say(tmp_path, accept):
    alone = worker(tmp_path, 0, calls=5, failures=2, readings={"sluice_calls_in_flight": 4}, **accept)
    worker(tmp_path, 1, calls=2, readings={"sluice_calls_in_flight": 1})
    together = worker(tmp_path, 2, calls=3, failures=2, readings={"sluice_calls_in_flight": 3}, **accept)
    assert ours(together) == pytest.approx(ours(alone))


def test_a_worker_that_takes_a_dead_ones_place_counts_on_from_there(tmp_path):
    worker(tmp_path, 1, calls=3, readings={"sluice_log_lines_dropped": 5})
    forget_worker(tmp_path, 1)
    page = worker(tmp_path, 1, calls=1, readings={"sluice_log_lines_dropped": 2})
    assert total(page, "sluice_requests_total") == 4
    assert total(page, "sluice_log_lines_dropped_total") == 7
    assert len(list(tmp_path.glob("counter_*.db"))) == 1


def test_what_a_dead_worker_was_at_is_forgotten_and_what_it_counted_is_not(tmp_path):
    worker(tmp_path, 1, calls=3, readings={"sluice_calls_in_flight": 9, "sluice_log_lines_dropped": 5})
    forget_worker(tmp_path, 1)
    page = worker(tmp_path, 2, calls=1, readings={"sluice_calls_in_flight": 1, "sluice_log_lines_dropped": 0})
    assert total(page, "sluice_calls_in_flight") == 1
    assert total(page, "sluice_log_lines_dropped_total") == 5
    assert total(page, "sluice_requests_total") == 4


def test_the_worst_breaker_is_shown_and_every_configuration_that_is_in_force(tmp_path):
    worker(
        tmp_path,
        1,
        readings={
            "sluice_breaker_state": [[["a", "a/m"], 2], [["b", "b/m"], 0]],
            "sluice_config_info": [[["old"], 1]],
            "sluice_config_last_reload_successful": 0,
        },
    )
    page = worker(
        tmp_path,
        2,
        readings={
            "sluice_breaker_state": [[["a", "a/m"], 0], [["b", "b/m"], 1]],
            "sluice_config_info": [[["new"], 1]],
            "sluice_config_last_reload_successful": 1,
        },
    )
    assert {
        dict(labels)["target"]: value for (name, labels), value in page.items() if name == "sluice_breaker_state"
    } == {
        "a/m": 2,
        "b/m": 1,
    }
    assert {dict(labels)["hash"] for name, labels in page if name == "sluice_config_info"} == {"old", "new"}
    assert total(page, "sluice_config_last_reload_successful") == 0


def test_the_processes_own_figures_are_those_of_all(tmp_path):
    one = worker(tmp_path, 1)
    page = worker(tmp_path, 2)
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total"):
        assert total(page, name) > total(one, name) > 0
    assert total(page, "process_start_time_seconds") == total(one, "process_start_time_seconds")
    assert total(page, "sluice_build_info") == 1


def test_figures_that_json_can_not_hold_cost_no_page(tmp_path):
    worker(tmp_path, 1, calls=1, readings={"sluice_calls_in_flight": float("inf")})
    page = worker(tmp_path, 2, calls=1, readings={"sluice_calls_in_flight": 1})
    assert total(page, "sluice_calls_in_flight") == 1
    assert total(page, "sluice_requests_total") == 2


def test_forgetting_a_worker_that_never_published_is_nothing(tmp_path):
    forget_worker(tmp_path, 3)
    assert list(tmp_path.iterdir()) == []


def test_a_budget_that_two_workers_read_is_one_budget(tmp_path):
    told = {
        "sluice_budget_limit_usd": 100,
        "sluice_budget_spent_usd": 40,
        "sluice_budget_held_usd": 2,
        "sluice_budget_reset_seconds": 3_600,
    }
    readings = {name: [[["team", "research", "day"], figure]] for name, figure in told.items()}
    readings["sluice_limit_used_ratio"] = [[["team", "research", "rpm"], 0.5]]
    worker(tmp_path, 1, readings=readings)
    # The other worker has looked a moment later.
    page = worker(tmp_path, 2, readings=readings | {"sluice_budget_spent_usd": [[["team", "research", "day"], 41]]})
    shown = {name: total(page, name) for name in (*told, "sluice_limit_used_ratio")}
    assert shown == told | {"sluice_budget_spent_usd": 41, "sluice_limit_used_ratio": 0.5}


def test_of_what_workers_see_of_a_target_the_worst_is_shown_and_what_it_does_is_added_up(tmp_path):
    at = ["a", "a/m"]
    for number, (success, in_flight, ttft_s) in enumerate([(0.5, 3, 0.4), (0.9, 4, 2.5)], start=1):
        page = worker(
            tmp_path,
            number,
            readings={
                "sluice_target_success_ratio": [[at, success]],
                "sluice_target_in_flight": [[at, in_flight]],
                "sluice_target_ttft_seconds": [[at, ttft_s]],
                "sluice_target_price_usd": [[[*at, "input"], 0.25]],
                "sluice_store_durable": 2 - number,
                "sluice_store_outage_mode": [[["local"], 1]],
                "sluice_calls_logged": [[["sqlite"], number]],
                "sluice_alerts": [[["ops", "sent"], number]],
            },
        )
    shown = {name: total(page, f"sluice_{name}") for name in ("target_success_ratio", "target_in_flight")}
    assert shown == {"target_success_ratio": 0.5, "target_in_flight": 7}
    assert total(page, "sluice_target_ttft_seconds") == 2.5
    assert total(page, "sluice_target_price_usd") == 0.25
    assert total(page, "sluice_store_durable") == 0
    assert total(page, "sluice_store_outage_mode") == 1
    assert total(page, "sluice_calls_logged_total") == total(page, "sluice_alerts_total") == 3


def test_histograms_of_all_workers_are_one_to_the_bucket(tmp_path):
    worker(tmp_path, 1, calls=3)
    page = worker(tmp_path, 2, calls=4)
    buckets = {
        dict(labels)["le"]: value
        for (name, labels), value in page.items()
        if name == "gen_ai_server_request_duration_seconds_bucket"
    }
    assert (buckets["1.28"], buckets["2.56"], buckets["+Inf"]) == (0, 7, 7)
    assert total(page, "gen_ai_server_request_duration_seconds_sum") == pytest.approx(7 * 1.3)
