from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from gateway.core.types import Endpoint
from gateway.core.usage import TOKEN_KINDS, Usage
from gateway.telemetry.families import HISTOGRAM_SHARE
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.readings import BREAKER_STATE, CALLS_IN_FLIGHT, LOG_LINES_DROPPED, WELL_KNOWN, Reading
from tests.telemetry.outcomes import attempt, failure, outcome


def scraped(metrics, accept=""):
    """Every sample by name and labels, as an independent parser reads the page."""
    content, kind = metrics.render(accept)
    parse = parse_openmetrics if kind.startswith("application/openmetrics-text") else parse_text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(content.decode())
        for sample in family.samples
    }


def value(samples, name, **labels):
    return samples.get((name, frozenset(labels.items())))


def total(samples, name):
    return sum(number for (found, _), number in samples.items() if found == name)


@pytest.fixture
def metrics():
    return Metrics(models=["gpt-5-mini", "gpt-image-1"], version="1.2.3")


BY_MODEL = {"model": "gpt-5-mini", "provider": "openai"}


def test_a_call_is_counted_by_model_provider_endpoint_status_and_error(metrics):
    metrics.observe(outcome())
    metrics.observe(outcome())
    samples = scraped(metrics)
    labels = {**BY_MODEL, "endpoint": "chat/completions", "status": "2xx", "error": "none"}
    assert value(samples, "sluice_requests_total", **labels) == 2


@pytest.mark.parametrize(("status", "shown"), [(200, "2xx"), (404, "4xx"), (429, "4xx"), (499, "499"), (503, "5xx")])
def test_statuses_are_shown_by_class_and_hang_ups_by_themselves(metrics, status, shown):
    metrics.observe(failure(status=status, error="x"))
    labels = {"model": "gpt-5-mini", "provider": "none", "endpoint": "chat/completions", "error": "x"}
    assert value(scraped(metrics), "sluice_requests_total", status=shown, **labels) == 1


def test_each_attempt_is_counted_with_its_reason(metrics):
    failed = attempt("azure/gpt-5-mini", error="overloaded", status=529)
    metrics.observe(outcome(attempts=(failed, failed, attempt())))
    samples = scraped(metrics)
    name = "sluice_attempts_total"
    assert value(samples, name, provider="azure", target="azure/gpt-5-mini", reason="overloaded") == 2
    assert value(samples, name, provider="openai", target="openai/gpt-5-mini", reason="none") == 1


def test_tokens_are_counted_in_parts_whose_sum_is_the_whole(metrics):
    usage = Usage(**{kind: 10**i for i, kind in enumerate(TOKEN_KINDS)})
    metrics.observe(outcome(usage=usage))
    samples = scraped(metrics)
    assert total(samples, "sluice_tokens_total") == usage.total
    assert value(samples, "sluice_tokens_total", kind="cached_input", **BY_MODEL) == usage.cached_input


def test_every_part_of_a_usage_that_counts_tokens_is_a_kind():
    usage = Usage(**dict.fromkeys(TOKEN_KINDS, 1))
    assert usage.total == len(TOKEN_KINDS)
    others = {"images", "image_line", "requests", "cost_nanousd"}
    whole = {field for field in Usage.__struct_fields__ if field not in others}
    assert whole == set(TOKEN_KINDS)


def test_money_adds_up_over_many_small_calls(metrics):
    for _ in range(1_000):
        metrics.observe(outcome(cost_nanousd=100_000_001))
    metrics.observe(outcome(cost_nanousd=7, team=None))
    samples = scraped(metrics)
    assert value(samples, "sluice_cost_usd_total", **BY_MODEL) == pytest.approx(100.000001007, abs=1e-9)
    assert value(samples, "sluice_team_cost_usd_total", team="research") == pytest.approx(100.000001, abs=1e-9)


def test_what_a_provider_counts_below_zero_takes_nothing_off_the_rest(metrics):
    metrics.observe(outcome(usage=Usage(input=-5, output=7), cost_nanousd=-1))
    samples = scraped(metrics)
    assert total(samples, "sluice_tokens_total") == 7
    assert total(samples, "sluice_requests_total") == 1


def test_calls_without_a_known_price_are_counted_apart(metrics):
    metrics.observe(outcome(cost_nanousd=0, is_priced=False))
    metrics.observe(outcome(cost_nanousd=0))
    assert value(scraped(metrics), "sluice_unpriced_requests_total", **BY_MODEL) == 1


def test_images_are_counted(metrics):
    metrics.observe(
        outcome(model="gpt-image-1", endpoint=Endpoint.IMAGE_GENERATIONS, stream=False, usage=Usage(images=4))
    )
    assert value(scraped(metrics), "sluice_images_total", model="gpt-image-1", provider="openai") == 4


def test_a_stream_is_timed_whole_to_its_first_token_and_per_token(metrics):
    metrics.observe(outcome(duration_s=1.3, ttft_s=0.3, usage=Usage(output=41, reasoning=10), overhead_s=0.0002))
    samples = scraped(metrics)
    labels = {**BY_MODEL, "endpoint": "chat/completions", "stream": "true"}
    assert value(samples, "sluice_request_duration_seconds_sum", **labels) == 1.3
    assert value(samples, "sluice_request_duration_seconds_bucket", le="2.0", **labels) == 1
    assert value(samples, "sluice_request_duration_seconds_bucket", le="1.0", **labels) == 0
    assert value(samples, "sluice_time_to_first_token_seconds_bucket", le="0.3", **BY_MODEL) == 1
    assert value(samples, "sluice_time_per_output_token_seconds_sum", **BY_MODEL) == pytest.approx(1.0 / 50)
    assert value(samples, "sluice_overhead_seconds_bucket", le="0.00025", endpoint="chat/completions") == 1


def test_a_whole_reply_has_no_time_to_first_token(metrics):
    metrics.observe(outcome(stream=False))
    samples = scraped(metrics)
    assert total(samples, "sluice_request_duration_seconds_count") == 1
    assert total(samples, "sluice_time_to_first_token_seconds_count") == 0


def test_calls_that_no_provider_served_do_not_pass_for_fast_ones(metrics):
    metrics.observe(failure(status=429, error="rate_limit_exceeded", duration_s=0.0001))
    samples = scraped(metrics)
    assert total(samples, "sluice_request_duration_seconds_count") == 0
    assert total(samples, "sluice_overhead_seconds_count") == 1


def test_a_stream_of_one_token_has_no_pace(metrics):
    metrics.observe(outcome(usage=Usage(output=1)))
    assert total(scraped(metrics), "sluice_time_per_output_token_seconds_count") == 0


def test_models_that_are_not_configured_are_one_label(metrics):
    for i in range(5_000):
        metrics.observe(failure(status=404, error="model_not_found", model=f"made-up-{i}"))
    samples = scraped(metrics)
    assert {dict(labels).get("model") for name, labels in samples if name == "sluice_requests_total"} == {"other"}
    assert total(samples, "sluice_requests_total") == 5_000
    assert not metrics._rows


def test_a_request_that_was_never_understood_has_no_model_and_no_overhead(metrics):
    metrics.observe(failure(status=401, error="invalid_api_key", model="", key="", team=None))
    samples = scraped(metrics)
    labels = {"endpoint": "chat/completions", "status": "4xx", "error": "invalid_api_key"}
    assert value(samples, "sluice_requests_total", model="none", provider="none", **labels) == 1
    assert total(samples, "sluice_overhead_seconds_count") == 0


def test_error_codes_that_providers_make_up_are_bounded(metrics):
    for i in range(5_000):
        metrics.observe(outcome(status=400, error=f"code_{i}"))
    samples = scraped(metrics)
    assert len({labels for name, labels in samples if name == "sluice_requests_total"}) <= 65
    assert total(samples, "sluice_requests_total") == 5_000


def test_no_metric_has_more_label_sets_than_its_bound_whatever_comes():
    metrics = Metrics(models=[f"m{i}" for i in range(100)], max_series=20)
    for i in range(2_000):
        target = f"p{i % 70}/u{i}"
        metrics.observe(
            outcome(
                model=f"m{i % 100}",
                provider=f"p{i % 70}",
                team=f"t{i}",
                error=None if i % 2 else f"e{i}",
                attempts=(attempt(target),),
            )
        )
    for family in metrics.registry.collect():
        sets = {tuple(value for name, value in sample.labels.items() if name != "le") for sample in family.samples}
        room = 20 // HISTOGRAM_SHARE if family.type == "histogram" else 20
        assert len(sets) <= room + 1, family.name
    samples = scraped(metrics)
    assert total(samples, "sluice_requests_total") == total(samples, "sluice_attempts_total") == 2_000
    assert total(samples, "sluice_team_cost_usd_total") == pytest.approx(total(samples, "sluice_cost_usd_total"))
    assert value(samples, "sluice_metrics_overflows_total", metric="sluice_requests") > 0


def test_keys_and_users_are_never_labels(metrics):
    metrics.observe(outcome(key="marker-key", user="marker-user", id="marker-id"))
    assert b"marker" not in metrics.render()[0]


def test_a_new_configuration_s_models_are_known_at_once(metrics):
    metrics.observe(outcome(model="new"))
    metrics.know(["gpt-5-mini", "new"])
    metrics.observe(outcome(model="new"))
    found = {
        dict(labels)["model"]: number
        for (name, labels), number in scraped(metrics).items()
        if name == "sluice_requests_total"
    }
    assert found == {"other": 1, "new": 1}


def test_what_other_rooms_own_is_read_at_each_scrape(metrics):
    calls = []
    metrics.register(CALLS_IN_FLIGHT, lambda: len(calls))
    metrics.register(BREAKER_STATE, lambda: {("openai/gpt-5-mini",): 2, ("azure/gpt-5-mini",): 0})
    metrics.register(LOG_LINES_DROPPED, lambda: 3)
    assert value(scraped(metrics), "sluice_calls_in_flight") == 0
    calls.append("one")
    samples = scraped(metrics)
    assert value(samples, "sluice_calls_in_flight") == 1
    assert value(samples, "sluice_breaker_state", target="openai/gpt-5-mini") == 2
    assert value(samples, "sluice_log_lines_dropped_total") == 3


def test_a_reader_that_fails_is_logged_and_left_out(metrics, caplog):
    metrics.register(CALLS_IN_FLIGHT, lambda: 1 // 0)
    metrics.register(LOG_LINES_DROPPED, lambda: 3)
    samples = scraped(metrics)
    assert value(samples, "sluice_calls_in_flight") is None
    assert value(samples, "sluice_log_lines_dropped_total") == 3
    assert "sluice_calls_in_flight" in caplog.text


def test_a_reading_with_too_many_labels_is_cut_and_says_so():
    metrics = Metrics(max_series=10)
    many = Reading(name="sluice_many", doc="d", labels=("x",))
    metrics.register(many, lambda: {(str(i),): 1.0 for i in range(25)})
    samples = scraped(metrics)
    assert total(samples, "sluice_many") == 10
    assert value(samples, "sluice_metrics_overflows_total", metric="sluice_many") == 15


def test_a_reading_that_is_registered_again_asks_its_new_reader_alone(metrics):
    metrics.register(CALLS_IN_FLIGHT, lambda: 1)
    metrics.register(CALLS_IN_FLIGHT, lambda: 2)
    assert value(scraped(metrics), "sluice_calls_in_flight") == 2


def test_no_label_can_cost_the_page(metrics):
    strange = 'half a pair \ud800, a "quote", a line\nend, a back\\slash'
    metrics.know([strange])
    metrics.observe(outcome(model=strange))
    metrics.register(BREAKER_STATE, lambda: {(strange,): 1})
    samples = scraped(metrics)
    assert value(samples, "sluice_cost_usd_total", model=strange.replace("\ud800", "?"), provider="openai") > 0
    assert value(samples, "sluice_breaker_state", target=strange.replace("\ud800", "?")) == 1


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        ("text/html,application/xhtml+xml", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4", "text/plain; version=0.0.4"),
        ("application/openmetrics-text", "application/openmetrics-text; version=1.0.0"),
        ("application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1", "application/openmetrics-text; version=1.0.0"),
        ("application/openmetrics-text;version=1.x", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=\xe9", "text/plain; version=0.0.4"),
        (";;,=,version=,\x00", "text/plain; version=0.0.4"),
    ],
)
def test_the_scraper_gets_the_format_that_it_asks_for_and_text_if_that_is_no_format(metrics, accept, kind):
    metrics.observe(outcome())
    page, content_type = metrics.render(accept)
    assert content_type.startswith(kind)
    assert page.endswith(b"# EOF\n") == kind.startswith("application/openmetrics-text")


def test_a_page_is_bounded_whatever_comes():
    metrics = Metrics(models=[f"m{i}" for i in range(1_000)])
    for i in range(10_000):
        target = f"p{i % 200}/u{i}"
        metrics.observe(
            outcome(
                model=f"m{i % 1_000}",
                provider=f"p{i % 200}",
                team=f"t{i}",
                error=f"e{i}",
                usage=Usage(**dict.fromkeys((*TOKEN_KINDS, "images"), 1)),
                is_priced=False,
                attempts=(attempt(target),),
            )
        )
    for reading in WELL_KNOWN:
        values = {tuple(f"{i}" for _ in reading.labels): i for i in range(5_000 if reading.labels else 1)}
        metrics.register(reading, lambda values=values: values)
    assert len(metrics.render()[0].splitlines()) < 50_000


def test_build_and_process_are_told(metrics):
    samples = scraped(metrics)
    assert [dict(labels)["version"] for name, labels in samples if name == "sluice_build_info"] == ["1.2.3"]
    assert value(samples, "process_resident_memory_bytes") > 0
    assert value(samples, "process_cpu_seconds_total") > 0
    assert total(samples, "python_gc_collections_total") > 0


def test_both_formats_say_the_same(metrics):
    metrics.observe(outcome())
    text = scraped(metrics, "text/plain;version=0.0.4")
    openmetrics = scraped(metrics, "application/openmetrics-text;version=1.0.0")
    ours = {key for key in text if key[0].startswith("sluice_")}
    assert len(ours) > 50
    assert {key: text[key] for key in ours} == {key: openmetrics[key] for key in ours}


def test_two_gateways_in_a_process_do_not_share_counts(metrics):
    other = Metrics(models=["gpt-5-mini"])
    metrics.observe(outcome())
    assert total(scraped(other), "sluice_requests_total") == 0
