"""The whole program ends: told to, its reports of spend are whole; killed, they lack the last second at most."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import yaml

from gateway.core.clock import SystemClock
from gateway.core.money import NANOUSD
from gateway.spend.base import Query
from gateway.spend.sqlite import SqliteSpending
from tests.processes import gateway
from tests.serving import serving

KEY = "sk-client-0123456789"
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def config(**rest):
    return {
        "providers": {"p": {"kind": "simulator"}},
        "models": {"m": {"targets": [{"provider": "p", "model": "sim-chat", "price": {"input": 1, "output": 10}}]}},
        "keys": [{"name": "ci", "key": KEY}],
        **rest,
    }


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "sluice.yaml"
    path.write_text(yaml.safe_dump(config(server={"notice_s": 0}, state={"url": f"sqlite:///{tmp_path}/sluice.db"})))
    return path


async def calls(url, count=5):
    """Make calls; what they cost together, in nano-dollars."""
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {KEY}"}) as client:
        replies = [await client.post(f"{url}/v1/chat/completions", json=HELLO) for _ in range(count)]
    return sum(round(float(reply.headers["x-sluice-cost-usd"]) * NANOUSD) for reply in replies)


async def total(path):
    """What the file has."""
    spending = SqliteSpending(path.with_name("sluice-spend.db"), SystemClock())
    try:
        today = datetime.now(UTC).date()
        query = Query(by=("key",), first_day=(today - timedelta(days=1)).isoformat(), last_day=today.isoformat())
        return (await spending.report(query)).total
    finally:
        await spending.aclose()


async def until_reported(path, requests):
    async with asyncio.timeout(10):
        while (await total(path)).requests < requests:  # noqa: ASYNC110  what is waited for signals nobody
            await asyncio.sleep(0.05)


async def test_told_to_end_it_hands_over_the_last_second_too(written):
    async with gateway(written) as program:
        cost = await calls(program.url)
        program.terminate()
        assert await program.ended() == 0

    found = await total(written)
    assert (found.requests, found.cost_nanousd) == (5, cost)


async def test_killed_it_loses_the_last_second_at_most_and_counts_nothing_twice(written):
    async with gateway(written) as program:
        before = await calls(program.url)
        await until_reported(written, 5)
        after = await calls(program.url)
        program.kill()
        await program.ended()
    found = await total(written)
    assert before <= found.cost_nanousd <= before + after

    async with gateway(written) as program:
        again = await calls(program.url)
        program.terminate()
        await program.ended()
    assert (await total(written)).cost_nanousd == found.cost_nanousd + again


async def test_replicas_report_to_one_place_and_the_sums_are_those_of_their_outcomes(redis_url, tmp_path):
    states = [{"url": redis_url, "journal": str(tmp_path / f"{number}.db")} for number in range(2)]
    async with serving(config(state=states[0])) as one, serving(config(state=states[1])) as other:
        replicas = [one, other]
        cost = sum(await asyncio.gather(*(calls(replica.url, 20) for replica in replicas)))
        for replica in replicas:
            await replica.until(lambda replica=replica: len(replica.outcomes) == 20)
            assert await replica.gateway.lasting.opened.reporter.flush()

        query = Query(by=("key", "provider"), first_day="2020-01-01", last_day="9999-12-31")
        for replica in replicas:
            report = await replica.gateway.lasting.opened.spending.report(query)
            assert [group for group, _ in report.groups] == [("ci", "p")]
            assert (report.total.requests, report.total.cost_nanousd) == (40, cost)
            assert cost == sum(outcome.cost_nanousd for each in replicas for outcome in each.outcomes)
