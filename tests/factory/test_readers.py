"""What a scrape of a running gateway is told by the rooms."""

from __future__ import annotations

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from gateway.core.errors import Reason, UpstreamError
from gateway.simulator.behaviour import Behaviour
from tests.client import CHAT, Client, chat, get
from tests.faults.scene import HOUR, faults
from tests.serving import serving


async def samples(gateway):
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
        assert {(await samples(gateway))["sluice_breaker_state", f"{name}/s"] for name in "ab"} == {0}
        gateway.gateway.breakers.record("a/s", UpstreamError(Reason.AUTH, "no"))
        found = await samples(gateway)
        assert (found["sluice_breaker_state", "a/s"], found["sluice_breaker_state", "b/s"]) == (2, 0)


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
