from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from gateway.core.types import Endpoint
from gateway.core.usage import TOKEN_KINDS, Usage
from gateway.telemetry.families import HISTOGRAM_SHARE, MAX_KEYS
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
    return Metrics(models=["gpt-5-mini", "gpt-image-1"], kinds={"openai": "openai", "east": "azure"}, version="1.2.3")


BY_MODEL = {"model": "gpt-5-mini", "provider": "openai"}
GEN_AI = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "openai",
    "gen_ai_request_model": "gpt-5-mini",
    "provider": "openai",
}


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


def counted(samples, name, *labels):
    """The values of these labels, and the count of each."""
    return Counter(
        {
            tuple(dict(found)[label] for label in labels): number
            for (sample, found), number in samples.items()
            if sample == name
        }
    )


def test_each_attempt_is_counted_by_model_target_kind_status_and_reason(metrics):
    failed = attempt("azure/gpt-5-mini", error="overloaded", status=529)
    unheard = attempt("b/gpt-5-mini", error="connect", status=None)
    metrics.observe(outcome(attempts=(failed, failed, unheard, attempt())))
    samples = scraped(metrics)
    labels = ("model", "provider", "target", "kind", "status", "reason")
    assert counted(samples, "sluice_attempts_total", *labels) == {
        ("gpt-5-mini", "azure", "azure/gpt-5-mini", "first", "5xx", "overloaded"): 1,
        ("gpt-5-mini", "azure", "azure/gpt-5-mini", "retry", "5xx", "overloaded"): 1,
        ("gpt-5-mini", "b", "b/gpt-5-mini", "failover", "none", "connect"): 1,
        ("gpt-5-mini", "openai", "openai/gpt-5-mini", "failover", "2xx", "none"): 1,
    }


def test_a_failover_tells_from_where_to_where_and_why(metrics):
    failed = attempt("azure/gpt-5-mini", error="overloaded", status=529)
    metrics.observe(outcome(attempts=(failed, attempt())))
    metrics.observe(outcome(attempts=(failed, attempt())))
    (found,) = counted(
        scraped(metrics), "sluice_failovers_total", "model", "from_target", "to_target", "reason"
    ).items()
    assert found == (("gpt-5-mini", "azure/gpt-5-mini", "openai/gpt-5-mini", "overloaded"), 2)


def test_going_back_to_a_target_that_was_tried_is_a_retry(metrics):
    there, elsewhere = attempt("a/m", error="timeout"), attempt("b/m", error="timeout")
    metrics.observe(outcome(attempts=(there, elsewhere, there)))
    samples = scraped(metrics)
    kinds = counted(samples, "sluice_attempts_total", "target", "kind")
    assert kinds == {("a/m", "first"): 1, ("b/m", "failover"): 1, ("a/m", "retry"): 1}
    assert counted(samples, "sluice_failovers_total", "from_target", "to_target") == {("a/m", "b/m"): 1}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, "connect", "overloaded"])), max_size=12))
def test_every_attempt_is_of_one_kind_and_every_failover_has_its_way(tried):
    metrics = Metrics(models=["gpt-5-mini"])
    metrics.observe(outcome(attempts=tuple(attempt(f"{name}/m", error=error) for name, error in tried)))
    samples = scraped(metrics)
    of_kind = Counter()
    for (_, kind), number in counted(samples, "sluice_attempts_total", "target", "kind").items():
        of_kind[kind] += number
    assert total(samples, "sluice_attempts_total") == len(tried)
    assert of_kind["first"] == bool(tried)
    assert (
        of_kind["failover"] == total(samples, "sluice_failovers_total") == max(0, len({name for name, _ in tried}) - 1)
    )


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
    assert value(samples, "sluice_cost_usd_total", endpoint="chat/completions", **BY_MODEL) == pytest.approx(
        100.000001007, abs=1e-9
    )
    assert value(samples, "sluice_team_cost_usd_total", team="research") == pytest.approx(100.000001, abs=1e-9)
    assert value(samples, "sluice_key_cost_usd_total", key="ci") == pytest.approx(100.000001007, abs=1e-9)


def test_what_was_held_is_counted_whether_or_not_it_was_spent(metrics):
    metrics.observe(outcome(held_nanousd=2_000_000_000))
    metrics.observe(outcome(held_nanousd=3_000_000_000, cost_nanousd=0))
    assert value(scraped(metrics), "sluice_held_usd_total", model="gpt-5-mini") == 5


def test_the_time_of_holds_is_told_of_calls_that_held(metrics):
    metrics.observe(outcome(hold_after_s=0.0001, hold_s=0.0004))
    metrics.observe(outcome())
    samples = scraped(metrics)
    assert value(samples, "sluice_store_hold_seconds_count") == 1
    assert value(samples, "sluice_store_hold_seconds_bucket", le="0.0005") == 1
    assert value(samples, "sluice_store_hold_seconds_bucket", le="0.00025") == 0


def test_the_loop_s_lag_is_told(metrics):
    metrics.observe_lag(0.07)
    assert value(scraped(metrics), "sluice_event_loop_lag_seconds_sum") == 0.07


def test_what_a_provider_counts_below_zero_takes_nothing_off_the_rest(metrics):
    metrics.observe(outcome(usage=Usage(input=-5, output=7), cost_nanousd=-1))
    samples = scraped(metrics)
    assert total(samples, "sluice_tokens_total") == 7
    assert total(samples, "sluice_requests_total") == 1


def test_calls_without_a_known_price_are_counted_apart(metrics):
    metrics.observe(outcome(cost_nanousd=0, is_priced=False))
    metrics.observe(outcome(cost_nanousd=0))
    assert value(scraped(metrics), "sluice_unpriced_requests_total", **BY_MODEL) == 1


def drawn(**changes):
    usual = {"model": "gpt-image-1", "endpoint": Endpoint.IMAGE_GENERATIONS, "stream": False, "usage": Usage(images=4)}
    return outcome(**usual | changes)


def test_images_are_counted_by_quality_and_size(metrics):
    metrics.observe(drawn(image_quality="high", image_size="1024x1536"))
    labels = {"model": "gpt-image-1", "provider": "openai", "quality": "high", "size": "1024x1536"}
    labels["endpoint"] = "images/generations"
    assert value(scraped(metrics), "sluice_images_total", **labels) == 4


def test_images_of_a_call_that_asked_for_none_have_no_quality(metrics):
    metrics.observe(drawn(endpoint=Endpoint.CHAT))
    labels = {"model": "gpt-image-1", "provider": "openai", "quality": "none", "size": "none"}
    labels["endpoint"] = "chat/completions"
    assert value(scraped(metrics), "sluice_images_total", **labels) == 4


def test_qualities_and_sizes_that_clients_make_up_are_bounded(metrics):
    for i in range(1_000):
        metrics.observe(drawn(image_quality=f"q{i}" * (1 + i % 100), image_size=f"{i}x{i}"))
    samples = scraped(metrics)
    found = counted(samples, "sluice_images_total", "quality", "size")
    assert len({quality for quality, _ in found}) <= 17
    assert len({size for _, size in found}) <= 65
    assert total(samples, "sluice_images_total") == 4_000


def test_a_stream_is_timed_whole_to_its_first_token_and_per_token(metrics):
    metrics.observe(outcome(duration_s=1.3, ttft_s=0.3, usage=Usage(output=41, reasoning=10), overhead_s=0.0002))
    samples = scraped(metrics)
    labels = {**GEN_AI, "stream": "true"}
    assert value(samples, "gen_ai_server_request_duration_seconds_sum", **labels) == 1.3
    assert value(samples, "gen_ai_server_request_duration_seconds_bucket", le="2.56", **labels) == 1
    assert value(samples, "gen_ai_server_request_duration_seconds_bucket", le="1.28", **labels) == 0
    assert value(samples, "gen_ai_server_time_to_first_token_seconds_bucket", le="0.35", **GEN_AI) == 1
    assert value(samples, "gen_ai_server_time_per_output_token_seconds_sum", **GEN_AI) == pytest.approx(1.0 / 50)
    assert value(samples, "sluice_overhead_seconds_bucket", le="0.00025", endpoint="chat/completions") == 1


def test_latencies_name_the_kind_of_the_provider_as_opentelemetry_does(metrics):
    metrics.observe(outcome(provider="east"))
    metrics.observe(outcome(provider="gone"))
    name = "gen_ai_server_request_duration_seconds_count"
    assert counted(scraped(metrics), name, "provider", "gen_ai_provider_name") == {
        ("east", "azure.ai.openai"): 1,
        ("gone", "other"): 1,
    }


def test_a_provider_that_changes_its_kind_is_called_by_the_new_one(metrics):
    metrics.observe(outcome())
    metrics.know(["gpt-5-mini"], {"openai": "vllm"})
    metrics.observe(outcome())
    name = "gen_ai_server_request_duration_seconds_count"
    assert counted(scraped(metrics), name, "gen_ai_provider_name") == {("openai",): 1, ("vllm",): 1}


def test_a_whole_reply_has_no_time_to_first_token(metrics):
    metrics.observe(outcome(stream=False))
    samples = scraped(metrics)
    assert total(samples, "gen_ai_server_request_duration_seconds_count") == 1
    assert total(samples, "gen_ai_server_time_to_first_token_seconds_count") == 0


def test_calls_that_no_provider_served_do_not_pass_for_fast_ones(metrics):
    metrics.observe(failure(status=429, error="rate_limit_exceeded", duration_s=0.0001))
    samples = scraped(metrics)
    assert total(samples, "gen_ai_server_request_duration_seconds_count") == 0
    assert total(samples, "sluice_overhead_seconds_count") == 1


def test_a_stream_of_one_token_has_no_pace(metrics):
    metrics.observe(outcome(usage=Usage(output=1)))
    assert total(scraped(metrics), "gen_ai_server_time_per_output_token_seconds_count") == 0


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
                key=f"k{i}",
                error=None if i % 2 else f"e{i}",
                attempts=(attempt(target, error=f"e{i}"), attempt(f"q/u{i}")),
                usage=Usage(images=1),
                image_quality=f"q{i}",
                image_size=f"{i}x{i}",
            )
        )
    for family in metrics.registry.collect():
        sets = {tuple(value for name, value in sample.labels.items() if name != "le") for sample in family.samples}
        room = 20 // HISTOGRAM_SHARE if family.type == "histogram" else 20
        assert len(sets) <= room + 1, family.name
    samples = scraped(metrics)
    assert total(samples, "sluice_requests_total") == 2_000
    assert total(samples, "sluice_attempts_total") == 4_000
    spent = total(samples, "sluice_cost_usd_total")
    assert total(samples, "sluice_team_cost_usd_total") == pytest.approx(spent)
    assert total(samples, "sluice_key_cost_usd_total") == pytest.approx(spent)
    assert total(samples, "sluice_failovers_total") == 2_000
    assert total(samples, "sluice_images_total") == 2_000
    assert value(samples, "sluice_metrics_overflows_total", metric="sluice_requests") > 0


def test_users_tags_and_ids_are_never_labels(metrics):
    metrics.observe(outcome(user="marker-user", id="marker-id", tags=("marker-tag",)))
    assert b"marker" not in metrics.render()[0]


def test_the_first_keys_that_spend_are_told_apart_and_the_others_together(metrics):
    for i in range(100_000):
        metrics.observe(outcome(key=f"k{i}"))
    found = counted(scraped(metrics), "sluice_key_cost_usd_total", "key")
    assert len(found) == MAX_KEYS + 1
    assert found["other",] == pytest.approx(0.0015 * (100_000 - MAX_KEYS))
    assert len(metrics._key_cost._children) == MAX_KEYS


def test_a_call_that_no_key_made_spends_of_none(metrics):
    metrics.observe(outcome(key=""))
    assert total(scraped(metrics), "sluice_key_cost_usd_total") == 0


def test_a_new_configuration_s_models_are_known_at_once(metrics):
    metrics.observe(outcome(model="new"))
    metrics.know(["gpt-5-mini", "new"], {})
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
    metrics.register(BREAKER_STATE, lambda: {("openai", "openai/gpt-5-mini"): 2, ("azure", "azure/gpt-5-mini"): 0})
    metrics.register(LOG_LINES_DROPPED, lambda: 3)
    assert value(scraped(metrics), "sluice_calls_in_flight") == 0
    calls.append("one")
    samples = scraped(metrics)
    assert value(samples, "sluice_calls_in_flight") == 1
    assert value(samples, "sluice_breaker_state", provider="openai", target="openai/gpt-5-mini") == 2
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
    metrics.know([strange], {})
    metrics.observe(outcome(model=strange))
    metrics.register(BREAKER_STATE, lambda: {("a", strange): 1})
    samples = scraped(metrics)
    assert counted(samples, "sluice_cost_usd_total", "model")[strange.replace("\ud800", "?"),] > 0
    assert value(samples, "sluice_breaker_state", provider="a", target=strange.replace("\ud800", "?")) == 1


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
                attempts=(attempt(target, error=f"e{i}"), attempt(f"q/u{i}")),
                image_quality=f"q{i}",
                image_size=f"{i}x{i}",
                key=f"k{i}",
            )
        )
    for reading in WELL_KNOWN:
        values = {tuple(f"{i}" for _ in reading.labels): i for i in range(5_000 if reading.labels else 1)}
        metrics.register(reading, lambda values=values: values)
    assert len(metrics.render()[0].splitlines()) < 100_000


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


@given(st.lists(st.sampled_from(["m", "n"]), max_size=12), st.data())
def test_calls_that_are_told_together_count_as_they_would_one_by_one(models, data):
    calls = [
        outcome(
            model=model,
            stream=data.draw(st.booleans()),
            team=data.draw(st.sampled_from([None, "t", "u"])),
            cost_nanousd=data.draw(st.integers(0, 10**6)),
            held_nanousd=data.draw(st.integers(0, 10**6)),
            is_priced=data.draw(st.booleans()),
            usage=Usage(input=data.draw(st.integers(0, 9)), output=data.draw(st.integers(0, 9))),
            attempts=(attempt(error="connect", status=None),) * data.draw(st.integers(0, 2)) + (attempt(),),
        )
        for model in models
    ]
    one_by_one, together = Metrics(models=["m", "n"]), Metrics(models=["m", "n"])
    for call in calls:
        one_by_one.observe(call)
    together.observe_all(calls)
    for name, labels, value in all_samples(one_by_one):
        assert together.registry.get_sample_value(name, labels) == pytest.approx(value), name
    assert len(all_samples(together)) == len(all_samples(one_by_one))


def all_samples(metrics):
    return [
        (sample.name, sample.labels, sample.value)
        for family in metrics.registry.collect()
        if family.name.startswith(("sluice_", "gen_ai_"))
        for sample in family.samples
    ]
