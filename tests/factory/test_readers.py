"""What a scrape of a running gateway is told by the rooms."""

from __future__ import annotations

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from gateway.core.ceilings import Ceilings
from gateway.core.errors import Reason, UpstreamError
from gateway.directory.records import AuditEntry, TeamRecord
from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.server import running
from tests.client import CHAT, Client, chat, get
from tests.faults.scene import HOUR, faults, one_model
from tests.serving import serving, yaml_of

KEY = "sk-ci-0123456789abcdef0123456789"


async def samples(gateway):
    """By name and the values of the labels, in the order of the labels' names."""
    answer = await get(gateway.url, "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


async def test_calls_and_connections_are_told_while_they_are_busy_and_after():
    async with faults(Behaviour(ttft_ms=HOUR)) as gateway, Client(gateway.url) as client:
        client.send(CHAT, chat())
        await gateway.until(lambda: gateway.upstreams[0].stats.open == 1)
        (origin,) = {str(origin) for origin in gateway.gateway.upstreams.connectors[0].connections()}
        busy = await samples(gateway)
        assert busy["sluice_calls_in_flight",] == 1
        assert busy["sluice_upstream_connections", origin, "busy"] == 1
        assert busy["sluice_upstream_connections", origin, "idle"] == 0
        await client.close()
        await gateway.until(lambda: gateway.outcomes and not gateway.connections)
        after = await samples(gateway)
        assert after["sluice_calls_in_flight",] == 0
        assert after["sluice_upstream_connections", origin, "busy"] == 0


async def test_a_kept_connection_is_idle():
    async with faults() as gateway, Client(gateway.url) as client:
        await client.chat()
        (origin,) = {str(origin) for origin in gateway.gateway.upstreams.connectors[0].connections()}
        assert (await samples(gateway))["sluice_upstream_connections", origin, "idle"] == 1


async def test_the_breaker_of_every_target_is_told():
    async with faults(Behaviour(), Behaviour()) as gateway:
        assert {(await samples(gateway))["sluice_breaker_state", name, f"{name}/s"] for name in "ab"} == {0}
        gateway.gateway.breakers.record("a/s", UpstreamError(Reason.AUTH, "no"))
        found = await samples(gateway)
        assert (found["sluice_breaker_state", "a", "a/s"], found["sluice_breaker_state", "b", "b/s"]) == (2, 0)


async def test_the_backlog_of_a_store_with_a_journal_is_told(tmp_path):
    config = {
        "providers": {"a": {"kind": "simulator", "base_url": "http://127.0.0.1:1"}},
        "models": {"m": {"targets": [{"provider": "a", "model": "s", "price": "free"}]}},
    }
    async with serving(config | {"state": {"url": f"sqlite:///{tmp_path}/sluice.db"}}) as gateway:
        assert (await samples(gateway))["sluice_store_journal_backlog",] == 0
    async with serving(config | {"state": {"url": "memory://"}}) as gateway:
        assert ("sluice_store_journal_backlog",) not in await samples(gateway)


async def test_lost_log_lines_and_failed_observers_are_told():
    async with faults() as gateway:
        found = await samples(gateway)
        assert found["sluice_log_lines_dropped_total",] == found["sluice_observer_failures_total",] == 0


async def test_scrapes_at_the_same_time_are_all_answered():
    async with faults() as gateway:
        pages = await asyncio.gather(*(samples(gateway) for _ in range(8)))
        assert all(("sluice_calls_in_flight",) in page for page in pages)


async def test_how_every_target_does_and_what_it_costs_is_told():
    async with faults(Behaviour(), Behaviour(ttft_ms=HOUR)) as gateway, Client(gateway.url) as client:
        await client.chat(stream=True)
        found = await samples(gateway)
        assert found["sluice_target_success_ratio", "a", "a/s"] == 1
        assert found["sluice_target_in_flight", "a", "a/s"] == 0
        assert found["sluice_target_ttft_seconds", "a", "a/s"] > 0
        # Nobody has called it yet.
        assert ("sluice_target_ttft_seconds", "b", "b/s") not in found
        assert found["sluice_event_loop_lag_seconds_count",] >= 0


async def test_prices_are_told_for_a_million_tokens_and_only_where_they_are_known():
    targets = [
        {"provider": "a", "model": "dear", "price": {"input": 0.25, "output": 2}},
        {"provider": "a", "model": "free", "price": "free"},
        {"provider": "a", "model": "unknown"},
        {"provider": "a", "model": "pictures", "price": {"per_image": {"default": 0.05}}},
    ]
    config = {
        "providers": {"a": {"kind": "simulator", "base_url": "http://127.0.0.1:1"}},
        "models": {"m": {"targets": targets}},
    }
    async with serving(config) as gateway:
        found = await samples(gateway)
    assert {(key[3], key[1]): value for key, value in found.items() if key[0] == "sluice_target_price_usd"} == {
        ("a/dear", "input"): 0.25,
        ("a/dear", "output"): 2,
        ("a/free", "input"): 0,
        ("a/free", "output"): 0,
    }


async def test_limits_and_budgets_are_told_as_they_stand():
    config = {
        "providers": {"a": {"kind": "simulator", "base_url": "http://127.0.0.1:1"}},
        "models": {"m": {"targets": [{"provider": "a", "model": "s", "price": "free"}], "limits": {"rpm": 60}}},
        "teams": {"research": {"budgets": [{"usd": 100, "per": "day"}, {"usd": 7, "per": "total"}]}},
        "global": {"limits": {"concurrency": 8}},
        "state": {"url": "memory://", "on_outage": "closed"},
    }
    async with serving(config) as gateway:
        await gateway.until(lambda: gateway.gateway.lasting.watch.standings)
        found = await samples(gateway)
    assert found["sluice_limit_used_ratio", "global", "concurrency", "global"] == 0
    assert found["sluice_limit_used_ratio", "model", "rpm", "m"] == 0
    assert found["sluice_budget_limit_usd", "team", "research", "day"] == 100
    assert found["sluice_budget_spent_usd", "team", "research", "total"] == 0
    assert found["sluice_budget_held_usd", "team", "research", "day"] == 0
    assert 0 < found["sluice_budget_reset_seconds", "team", "research", "day"] <= 86_400
    assert ("sluice_budget_reset_seconds", "team", "research", "total") not in found
    assert found["sluice_limits_last_read_timestamp_seconds",] > 0
    assert found["sluice_store_outage_mode", "closed"] == 1
    assert found["sluice_store_durable",] == 1


async def test_what_a_call_spends_is_in_the_budgets_of_its_key_and_team_at_the_next_look():
    async with running(Simulator(Behaviour())) as upstream:
        config = one_model(upstream) | {
            "teams": {"research": {"budgets": [{"usd": 100, "per": "day"}]}},
            "keys": [{"name": "ci", "key": KEY, "team": "research", "budgets": [{"usd": 5, "per": "hour"}]}],
        }
        async with serving(config) as gateway, Client(gateway.url, KEY) as client:
            await client.chat()
            await gateway.until(lambda: gateway.outcomes)
            cost_usd = gateway.outcomes[0].cost_nanousd / 1e9
            await gateway.gateway.lasting.watch.look()
            found = await samples(gateway)
    assert cost_usd > 0
    assert found["sluice_budget_spent_usd", "team", "research", "day"] == cost_usd
    assert found["sluice_budget_spent_usd", "key", "ci", "hour"] == cost_usd
    assert found["sluice_key_cost_usd_total", "ci"] == cost_usd
    assert found["sluice_store_hold_seconds_count",] == 1


async def test_a_reload_changes_what_is_watched_and_how_providers_are_called(tmp_path):
    def config(kind, **limits):
        return {
            "providers": {"a": {"kind": kind, "base_url": url, "api_key": "sk-any"}},
            "models": {"m": {"targets": [{"provider": "a", "model": "s", "price": "free"}], "limits": limits}},
        }

    def watched(found):
        return {labels: value for labels, value in found.items() if labels[0] == "sluice_limit_used_ratio"}

    file = tmp_path / "sluice.yaml"
    async with running(Simulator(Behaviour())) as url, serving(config("openai", rpm=60), file=file) as gateway:
        live, watch = gateway.gateway.live, gateway.gateway.lasting.watch
        async with Client(gateway.url) as client:
            await client.chat()
            file.write_text(yaml_of(config("vllm", concurrency=5)))
            assert (await live.reload("test")).result == "in_force"
            await client.chat()
        await gateway.until(lambda: len(gateway.outcomes) == 2)
        await watch.look()
        found = await samples(gateway)
    assert watched(found) == {("sluice_limit_used_ratio", "model", "concurrency", "m"): 0}
    duration = "gen_ai_server_request_duration_seconds_count"
    assert {labels[2] for labels in found if labels[0] == duration} == {"openai", "vllm"}


async def test_teams_of_the_directory_are_watched_too(tmp_path):
    config = {
        "providers": {"a": {"kind": "simulator", "base_url": "http://127.0.0.1:1"}},
        "models": {"m": {"targets": [{"provider": "a", "model": "s", "price": "free"}]}},
        "state": {"url": f"sqlite:///{tmp_path}/sluice.db"},
    }
    team = TeamRecord(name="kept", ceilings=Ceilings(rpm=5), created_at=0, created_by="root")
    async with serving(config) as gateway:
        lasting = gateway.gateway.lasting
        entry = AuditEntry(at=0, by="root", action="team.create", subject="team kept")
        await lasting.opened.directory.put_team(team, entry)
        await gateway.until(lambda: lasting.callers.teams.get("kept"))
        await lasting.watch.look()
        assert (await samples(gateway))["sluice_limit_used_ratio", "team", "rpm", "kept"] == 0
