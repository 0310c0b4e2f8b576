"""A gateway whose counters are in a Redis, real, and what it does without it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from gateway.core.errors import ConfigError, StoreUnavailable
from gateway.factory.store import journal
from gateway.limits.base import Consumption
from gateway.limits.budget import Budget
from gateway.settings import Settings
from tests.client import get
from tests.redis_server import RedisServer
from tests.serving import serving

BODY = {"model": "m", "messages": [{"role": "user", "content": "x"}]}


def config(url: str, folder: Path, **state) -> dict:
    return {
        "state": {"url": url, "journal": str(folder / "journal.db"), **state},
        "providers": {"sim": {"kind": "simulator", "price": {"input": 1, "output": 1}}},
        "models": {"m": {"targets": ["sim/sim-chat"]}},
        "global": {"limits": {"rpm": 100}, "budgets": [{"usd": 1, "per": "day"}]},
    }


async def ask(gateway) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(f"{gateway.base_url}/chat/completions", json=BODY)


async def metrics(gateway) -> str:
    return (await get(gateway.url, "/metrics")).body.decode()


async def test_calls_are_counted_in_redis_and_their_metrics_say_that_it_is_well(redis_url, tmp_path):
    async with serving(config(redis_url, tmp_path)) as gateway:
        assert (await ask(gateway)).status_code == 200
        page = await metrics(gateway)

        assert "sluice_store_reachable 1.0" in page
        assert "sluice_store_outages_total 0.0" in page
        assert "sluice_store_backlog" in page
    async with serving(config(redis_url, tmp_path)) as gateway:
        again = await ask(gateway)
        assert again.headers["x-ratelimit-remaining-requests"] == "98"


async def test_a_redis_that_dies_leaves_calls_to_the_share_and_has_them_all_when_it_is_back(tmp_path):
    with RedisServer(appendonly=True) as server:
        async with serving(config(server.url, tmp_path)) as gateway:
            assert (await ask(gateway)).status_code == 200
            server.kill()
            replies = [await ask(gateway) for _ in range(5)]
            assert {reply.status_code for reply in replies} == {200}
            assert "sluice_store_reachable 0.0" in await metrics(gateway)
            assert (await get(gateway.url, "/readyz")).status == 200
            server.restart()
            await gateway.until(lambda: gateway.gateway.store.status.is_reachable)
            await gateway.until(lambda: not gateway.gateway.store.status.backlog)
            assert (await ask(gateway)).status_code == 200
            (level,) = await gateway.gateway.store.levels([Budget.of("global", 10**9, "day").claim(Consumption())])
            assert level.used == sum(outcome.cost_nanousd for outcome in gateway.outcomes) > 0
            assert level.held == 0


async def test_while_redis_is_away_budgets_are_shown_as_they_were_read_last(tmp_path):
    budget = '{kind="global",scope="global",window="day"}'
    with RedisServer(appendonly=True) as server:
        async with serving(config(server.url, tmp_path)) as gateway:
            watch = gateway.gateway.lasting.watch
            await watch.look()
            read_at = watch.read_at
            server.kill()
            assert (await ask(gateway)).status_code == 200
            await watch.look()
            assert (watch.is_stale, watch.read_at) == (True, read_at)
            page = await metrics(gateway)
            assert f"sluice_budget_limit_usd{budget} 1.0" in page
            assert f"sluice_budget_spent_usd{budget} 0.0" in page
            server.restart()
            await gateway.until(lambda: gateway.gateway.store.status.is_reachable)
            await gateway.until(lambda: not gateway.gateway.store.status.backlog)
            await watch.look()
            assert not watch.is_stale
            spent = sum(outcome.cost_nanousd for outcome in gateway.outcomes) / 1e9
            assert spent > 0
            assert f"sluice_budget_spent_usd{budget} {spent}" in await metrics(gateway)


async def test_where_the_default_is_closed_calls_are_refused_and_readiness_says_why(tmp_path):
    with RedisServer() as server:
        async with serving(config(server.url, tmp_path, on_outage="closed")) as gateway:
            assert (await get(gateway.url, "/readyz")).status == 200
            server.kill()
            refused = await ask(gateway)

            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "store_unavailable"
            ready = await get(gateway.url, "/readyz")
            assert ready.status == 503
            assert b"state.on_outage is closed" in ready.body
            server.restart()
            await gateway.until(lambda: gateway.gateway.store.status.is_reachable)
            assert (await ask(gateway)).status_code == 200
            assert (await get(gateway.url, "/readyz")).status == 200


async def test_a_wrong_password_is_an_error_at_the_start(tmp_path):
    with RedisServer(password="right") as server:
        wrong = server.url.replace("right", "hunter2")
        with pytest.raises((StoreUnavailable, ConfigError)) as caught:
            async with serving(config(wrong, tmp_path)):
                pass

    assert "hunter2" not in str(caught.value)


def test_each_worker_has_a_journal_of_its_own():
    settings = Settings.model_validate({"state": {"journal": "data/journal.db"}})

    assert journal(settings, None) == Path("data/journal.db")
    assert journal(settings, SimpleNamespace(number=3)) == Path("data/journal-3.db")
