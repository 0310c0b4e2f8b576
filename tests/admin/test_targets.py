"""Targets, models and providers: what there is, what it costs, how it did lately."""

from __future__ import annotations

from gateway.core.errors import Reason, UpstreamError
from tests.admin.controlling import CONFIG, controlling, rows
from tests.clock import FrozenClock


async def test_every_model_s_targets_are_listed_in_the_configuration_s_order():
    async with controlling() as (_, client):
        found = rows(await client.get("/admin/v1/targets"))

        assert [(row["model"], row["id"]) for row in found] == [
            ("small", "fast/sim-chat"),
            ("small", "cheap/sim-chat"),
            ("small", "away/gpt-5-mini"),
            ("picture", "fast/sim-image"),
        ]
        first = found[0]
        assert (first["provider"], first["upstream_model"], first["region"]) == ("fast", "sim-chat", "us")
        assert (first["weight"], first["quality"], first["off_because"]) == (1.0, {"default": 60, "code": 70}, None)


async def test_targets_can_be_asked_for_by_model_and_by_provider():
    async with controlling() as (_, client):
        of_model = rows(await client.get("/admin/v1/targets", params={"model": "picture"}))
        of_both = rows(await client.get("/admin/v1/targets", params={"model": "small", "provider": "cheap"}))

        assert [row["id"] for row in of_model] == ["fast/sim-image"]
        assert [row["id"] for row in of_both] == ["cheap/sim-chat"]
        assert rows(await client.get("/admin/v1/targets", params={"model": "nobody"})) == []


async def test_prices_are_exact_text_and_an_unknown_one_is_null():
    config = {**CONFIG, "models": {
        **CONFIG["models"],
        "own": {"targets": [
            {"provider": "cheap", "model": "gratis", "price": "free"},
            {"provider": "fast", "model": "exact", "price": {"input": "0.000000001", "output": "0.0375"}},
        ]},
    }}  # fmt: skip
    config["providers"] = {**config["providers"], "blank": {"kind": "vllm", "base_url": "http://127.0.0.1:9"}}
    config["models"]["own"]["targets"].append("blank/nobody-knows")
    async with controlling(config) as (_, client):
        gratis, exact, unknown = rows(await client.get("/admin/v1/targets", params={"model": "own"}))
        picture = rows(await client.get("/admin/v1/targets", params={"model": "picture"}))[0]

        assert gratis["price"]["is_free"] is True
        assert gratis["price"]["per_million_tokens"] == {}
        assert exact["price"]["is_free"] is False
        assert exact["price"]["per_million_tokens"]["input"] == "0.000000001"
        assert exact["price"]["per_million_tokens"]["output"] == "0.0375"
        assert exact["price"]["source"] == "config"
        assert picture["price"]["per_image"] == {"default": "0.05"}
        assert unknown["price"] is None


async def test_capabilities_that_nobody_knows_are_null_and_the_others_are_sorted():
    async with controlling() as (_, client):
        fast, cheap, openai, _ = rows(await client.get("/admin/v1/targets"))

        assert cheap["capabilities"]["features"] == ["streaming"]
        assert fast["capabilities"]["features"] is None
        assert openai["capabilities"]["features"] == sorted(openai["capabilities"]["features"])
        assert openai["capabilities"]["context_tokens"] > 100_000


async def test_a_breaker_tells_what_opened_it_and_when_it_reopens():
    clock = FrozenClock()
    async with controlling(clock=clock) as (served, client):
        served.gateway.breakers.record("fast/sim-chat", UpstreamError(Reason.RATE_LIMITED, "slow", retry_after_s=12.5))
        clock.advance(2)

        fast, cheap, *_ = rows(await client.get("/admin/v1/targets"))

        assert fast["breaker"] == {"state": "open", "reason": "rate_limited", "reopens_in_s": 10.5}
        assert cheap["breaker"] == {"state": "closed", "reason": None, "reopens_in_s": 0.0}

        clock.advance(11)
        fast, *_ = rows(await client.get("/admin/v1/targets"))
        assert fast["breaker"] == {"state": "closed", "reason": None, "reopens_in_s": 0.0}


async def test_vitals_tell_whole_replies_from_streamed_ones():
    clock = FrozenClock()
    async with controlling(clock=clock) as (served, client):
        vitals = served.gateway.vitals
        for is_ok in (True, False):
            vitals.began("fast/sim-chat", True)
            vitals.ended("fast/sim-chat", True, ok=is_ok, ttft_s=0.25, duration_s=2.25, output_tokens=101)
        vitals.began("fast/sim-chat", False)
        clock.advance(3)

        fast, cheap, *_ = rows(await client.get("/admin/v1/targets"))

        assert 0.5 < fast["vitals"].pop("success_rate") < 1
        assert fast["vitals"] == {
            "in_flight": 1,
            "expected_output_tokens": 101,
            "whole": {"ttft_s": None, "per_token_s": None, "idle_s": None},
            "streamed": {"ttft_s": 0.25, "per_token_s": 0.02, "idle_s": 3.0},
        }
        assert cheap["vitals"]["success_rate"] == 1
        assert cheap["vitals"]["expected_output_tokens"] is None


async def test_models_show_their_policy():
    async with controlling() as (_, client):
        small, picture = rows(await client.get("/admin/v1/models"))

        assert (small["name"], small["fallbacks"]) == ("small", ["picture"])
        assert small["targets"] == ["fast/sim-chat", "cheap/sim-chat", "away/gpt-5-mini"]
        assert (small["route"]["by"], small["route"]["max_cost_usd"]) == ("cost", "0.5")
        assert picture["limits"]["images_per_minute"] == 10
        assert picture["route"]["max_cost_usd"] is None


async def test_providers_say_whether_they_are_on_and_why_not():
    config = {**CONFIG, "providers": {
        **CONFIG["providers"],
        "resting": {"kind": "groq", "api_key": "gsk-0123456789", "enabled": False},
        "tunnel": {"kind": "vllm", "base_url": "http://10.0.0.1/v1", "transport": {"proxy": "http://p:3128"}},
    }}  # fmt: skip
    async with controlling(config) as (_, client):
        cheap, fast, away, resting, tunnel = rows(await client.get("/admin/v1/providers"))

        assert (cheap["is_on"], cheap["off_because"], cheap["models"]) == (True, None, ["small"])
        assert cheap["base_url"].startswith("http://127.0.0.1:"), "a simulated provider has the address it was given"
        assert (fast["headers"], fast["models"]) == (["x-tenant"], ["small", "picture"])
        assert fast["budgets"] == [{"usd": "2", "nanousd": 2_000_000_000, "per": "day", "on_outage": None}]
        assert (away["is_on"], away["off_because"]) == (False, "api_key is empty")
        assert away["base_url"] == "https://api.openai.com/v1"
        assert (resting["is_on"], resting["off_because"]) == (False, "enabled is false")
        assert tunnel["transport"] == {"kind": "httpx", "http2": False, "has_proxy": True}

        off = [row["off_because"] for row in rows(await client.get("/admin/v1/targets"))]
        assert off == [None, None, "api_key is empty", None]
