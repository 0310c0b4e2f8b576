"""Sums that replicas share, on a real redis-server that is paused, killed and restarted."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from gateway.core.errors import StoreUnavailable
from gateway.spend.base import RETENTION_DAYS, Amounts, Cell, Query
from gateway.spend.redis import PART, RedisSpending
from gateway.state.redis.connect import connect
from tests.clock import FrozenClock
from tests.redis_server import RedisServer
from tests.spend.conftest import NOON, redis_spending

CI = Cell("2026-11-20", "ci", "research", "m", "p", ("x",))
TODAY = Query(by=(), first_day="2026-11-20", last_day="2026-11-20")


def one(cost=7):
    return {CI: Amounts(cost_nanousd=cost, requests=1)}


def many(count=3 * PART):
    return {Cell("2026-11-20", f"k{n}", "t", "m", "p"): Amounts(cost_nanousd=1, requests=1) for n in range(count)}


@pytest.fixture
def server():
    with RedisServer(appendonly=True) as server:
        yield server


async def test_replicas_add_to_one_sum(redis_url):
    async with redis_spending(redis_url) as one_replica, redis_spending(redis_url) as other:
        await one_replica.add("a", one())
        await other.add("b", one())

        assert (await one_replica.report(TODAY)).total == (await other.report(TODAY)).total
        assert (await other.report(TODAY)).total.cost_nanousd == 14


async def test_a_batch_whose_reply_was_lost_counts_once(server):
    client = connect(server.url, timeout_s=0.2)
    spending = RedisSpending(client, FrozenClock(NOON))
    await spending.add("first", one(1))

    server.pause()
    with pytest.raises(StoreUnavailable):
        await spending.add("lost", many())
    # It does what it was sent meanwhile, and nobody hears of it.
    server.resume()
    await spending.add("lost", many())
    await spending.add("lost", many())

    assert (await spending.report(TODAY)).total.requests == 3 * PART + 1
    await client.aclose()


async def test_a_batch_that_a_crash_cut_off_goes_on_where_it_was(server):
    client = connect(server.url, timeout_s=0.5)
    spending = RedisSpending(client, FrozenClock(NOON))
    rows = many()
    ask = client.execute_command
    parts = 0

    async def killed_after_the_first_part(*command):
        nonlocal parts
        parts += command[0] == "EVALSHA"
        if parts == 2:
            server.kill()
        return await ask(*command)

    client.execute_command = killed_after_the_first_part
    with pytest.raises(StoreUnavailable):
        await spending.add("cut", rows)
    client.execute_command = ask
    server.restart()
    assert (await spending.report(TODAY)).total.requests == PART
    await spending.add("cut", rows)

    assert (await spending.report(TODAY)).total.requests == 3 * PART
    await client.aclose()


async def test_a_redis_that_lost_its_scripts_is_given_them_again(redis_url, shared_redis_server):
    async with redis_spending(redis_url) as spending:
        await spending.add("a", one())
        with shared_redis_server.client() as plain:
            plain.script_flush()
        await spending.add("b", one())

        assert (await spending.report(TODAY)).total.requests == 2


async def test_a_redis_that_is_gone_is_told_without_its_password():
    with RedisServer(password="hunter2-hunter2") as server:
        client = connect(server.url, timeout_s=0.2)
        spending = RedisSpending(client, FrozenClock(NOON))
        server.kill()

        for verb in (spending.add("a", one()), spending.report(TODAY)):
            with pytest.raises(StoreUnavailable) as told:
                await verb
            assert "hunter2" not in str(told.value)
            assert told.value.__cause__ is None
        await client.aclose()


async def test_days_and_marks_end_by_themselves_and_lie_in_one_slot(redis_url, shared_redis_server):
    async with redis_spending(redis_url) as spending:
        await spending.add("a", one())

        with shared_redis_server.client() as plain:
            lives = {key: plain.ttl(key) for key in plain.scan_iter()}
        assert lives.keys() == {b"sluice:{spend:2026-11-20}", b"sluice:{spend:2026-11-20}:a:0"}
        day, mark = sorted(lives.values(), reverse=True)
        assert (RETENTION_DAYS - 1) * 86_400 < day <= RETENTION_DAYS * 86_400
        assert 86_000 < mark <= 86_400


async def test_sums_are_exact_beyond_what_a_float_holds(redis_url):
    async with redis_spending(redis_url) as spending:
        await spending.add("a", one(2**60))
        await spending.add("b", one(1))

        assert (await spending.report(TODAY)).total.cost_nanousd == 2**60 + 1


async def test_a_full_redis_takes_no_part_of_a_batch(server):
    client = connect(server.url)
    spending = RedisSpending(client, FrozenClock(NOON))
    with server.client() as plain:
        plain.config_set("maxmemory", 1)
        with pytest.raises(StoreUnavailable):
            await spending.add("a", one())
        plain.config_set("maxmemory", 0)
    assert (await spending.report(TODAY)).total == Amounts()

    await spending.add("a", one())

    assert (await spending.report(TODAY)).total.requests == 1
    await client.aclose()


@pytest.fixture
def cluster():
    """The URL of a cluster of one."""
    with RedisServer("--cluster-enabled", "yes") as server:
        with server.client() as plain:
            plain.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
            while plain.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                pass
        yield server.url.replace("redis://", "redis+cluster://").removesuffix("/0")


async def test_a_cluster_takes_batches_of_several_days(cluster):
    async with redis_spending(cluster) as spending:
        rows = {
            Cell(f"2026-11-{day}", "ci", "", "m", "p"): Amounts(cost_nanousd=day, requests=1) for day in range(10, 20)
        }
        await spending.add("a", rows)
        await spending.add("a", rows)

        report = await spending.report(Query(by=("day",), first_day="2026-11-01", last_day="2026-11-30"))
        assert report.total == Amounts(cost_nanousd=sum(range(10, 20)), requests=10)
        assert len(report.groups) == 10


async def test_whatever_redis_py_lets_through_is_an_outage(redis_url, monkeypatch):
    async with redis_spending(redis_url) as spending:

        async def broken(*_command, **_options):
            raise RuntimeError("TCPTransport closed=True")

        monkeypatch.setattr(Redis, "execute_command", broken)
        for verb in (spending.add("a", one()), spending.report(TODAY)):
            with pytest.raises(StoreUnavailable, match=r"can't be reached now: RuntimeError\. Check"):
                await verb
