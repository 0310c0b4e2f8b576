"""Once, whoever tells: three gateways race over one real Redis, and one starts anew over its SQLite file."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from gateway.alerts.once import Answer, Once
from gateway.core.clock import SystemClock
from gateway.state.memory import MemoryStore
from gateway.state.redis.connect import connect
from gateway.state.redis.engine import RedisEngine
from gateway.state.shared import SharedStore
from gateway.state.sqlite import SqliteStore
from tests.alerts.parts import THRESHOLDS, Noted, Replica, crossed, down
from tests.clock import FrozenClock
from tests.redis_server import RedisServer
from tests.state.redis.frozen_redis import FrozenRedis
from tests.waiting import until


@pytest.fixture
def clock():
    return FrozenClock(1_700_000_000.0)


@pytest.fixture
async def stores(redis_url, clock, tmp_path):
    """Those of three gateways that share a Redis."""
    async with AsyncExitStack() as stack:
        made = [
            SharedStore(FrozenRedis(redis_url, clock), tmp_path / f"journal-{place}.db", clock) for place in range(3)
        ]
        for store in made:
            await store.start()
            stack.push_async_callback(store.aclose)
        yield made


async def test_of_three_gateways_that_see_a_crossing_together_one_tells(stores, clock):
    post = Noted()
    async with AsyncExitStack() as stack:
        replicas = [await stack.enter_async_context(Replica(store, clock, post)) for store in stores]
        for scope in range(20):
            for percent in (80, 95, 100):
                await asyncio.gather(*(each.offer(crossed(percent, scope=f"t{scope}")) for each in replicas))
                clock.advance(60)

    told = [(body["data"]["scope"], body["data"]["threshold_percent"]) for _, _, body in post.sent]
    assert sorted(told) == sorted((f"t{scope}", percent) for scope in range(20) for percent in (80, 95, 100))
    assert len({headers["webhook-id"] for _, headers, _ in post.sent}) == 60


async def test_of_three_gateways_that_see_a_target_go_and_come_together_one_tells_each(stores, clock):
    post = Noted()
    async with AsyncExitStack() as stack:
        replicas = [await stack.enter_async_context(Replica(store, clock, post)) for store in stores]
        for _ in range(5):
            await asyncio.gather(*(each.look(down()) for each in replicas))
            clock.advance(60)
            await asyncio.gather(*(each.look(down()) for each in replicas))
            await asyncio.gather(*(each.look(working=["openai/gpt"]) for each in replicas))
            clock.advance(60)
            await asyncio.gather(*(each.look(working=["openai/gpt"]) for each in replicas))
            clock.advance(900)

    assert post.types == ["target.down", "target.up"] * 5


async def test_when_the_gateway_that_tells_is_stopped_another_tells(stores, clock):
    stuck = Noted()
    stuck.gate = asyncio.Event()
    first, second = Replica(stores[0], clock, stuck), Replica(stores[1], clock)
    async with first, second:
        first.channel.offer([crossed(80)])
        await until(lambda: stuck.sent)
        await second.offer(crossed(80))
        assert second.post.percents == []

        await first.stop()
        await stores[0].aclose()
        clock.advance(60)
        await second.offer(crossed(80))
        assert second.post.percents == [80]


async def test_a_gateway_that_starts_anew_over_its_file_does_not_tell_again(clock, tmp_path):
    posts = []
    for _ in range(3):
        store = SqliteStore(tmp_path / "sluice.db", clock)
        await store.start()
        async with Replica(store, clock) as replica:
            await replica.offer(crossed(95))
            await replica.look(down())
        await store.aclose()
        posts.append(replica.post)

    assert [post.types for post in posts] == [["budget.crossed", "target.down"], [], []]


async def test_two_that_have_read_the_same_of_a_target_can_not_both_tell(clock):
    """The one moves the count on, and what the other asks for fits no more."""

    class Slow(MemoryStore):
        async def hold(self, reservations):
            found = await super().hold(reservations)
            await asyncio.sleep(0.01)
            return found

    store = Slow(clock)
    ids = iter(range(100))
    once = Once(store, lambda: f"id-{next(ids)}")
    answers = await asyncio.gather(*(once.down("ops", "openai/gpt") for _ in range(5)))

    assert sum(not isinstance(answer, Answer) for answer in answers) == 1
    assert answers.count(Answer.NOT_NOW) == 4


async def test_what_is_given_back_may_be_taken_and_what_is_kept_may_not(clock):
    ids = iter(range(100))
    once = Once(MemoryStore(clock), lambda: f"id-{next(ids)}")
    for take in (
        lambda: once.budget("ops", crossed(80), THRESHOLDS),
        lambda: once.down("ops", "openai/gpt"),
        lambda: once.up("ops", "openai/gpt"),
    ):
        first = await take()
        assert await take() is Answer.NOT_NOW
        first.give_back()
        second = await take()
        second.keep()
        assert await take() is Answer.TOLD


async def test_two_webhooks_are_told_each_by_itself(clock):
    store = MemoryStore(clock)
    ids = iter(range(100))
    once = Once(store, lambda: f"id-{next(ids)}")
    for webhook in ("ops", "slack"):
        assert not isinstance(await once.budget(webhook, crossed(80), THRESHOLDS), Answer)
        assert not isinstance(await once.down(webhook, "openai/gpt"), Answer)


async def test_through_an_outage_of_a_real_redis_targets_are_told_by_each_and_budgets_once_it_is_back(clock, tmp_path):
    with RedisServer(appendonly=True) as server:
        stores = []
        async with AsyncExitStack() as stack:
            for place in range(2):
                client = connect(server.url)
                stack.push_async_callback(client.aclose)
                engine = RedisEngine(client, SystemClock(), deadline_s=10.0)
                stores.append(SharedStore(engine, tmp_path / f"{place}.db", SystemClock()))
                await stores[-1].start()
                stack.push_async_callback(stores[-1].aclose)
            first, second = [await stack.enter_async_context(Replica(store, clock)) for store in stores]
            await first.look(down("p/before"))
            await second.look(down("p/before"))

            server.kill()
            for each in (first, second):
                await each.look(down("p/before"), down("p/during"))
                await each.offer(crossed(80))
            server.restart()
            await until(lambda: all(store.status.is_reachable for store in stores))
            clock.advance(60)
            for each in (first, second):
                await each.look(working=["p/before", "p/during"])
                await each.offer(crossed(80))

    told = [(body["type"], body["data"].get("target")) for each in (first, second) for _, _, body in each.post.sent]
    assert sorted(told, key=str) == [
        ("budget.crossed", None),
        ("target.down", "p/before"),
        *[("target.down", "p/during")] * 2,
        ("target.up", "p/before"),
        *[("target.up", "p/during")] * 2,
    ]


async def test_what_was_told_of_very_many_targets_is_known(stores):
    ids = iter(range(10_000))
    once = Once(stores[0], lambda: f"id-{next(ids)}")
    for target in ("p/7", "p/450"):
        taken = await once.down("ops", target)
        assert not isinstance(taken, Answer)
        taken.keep()

    assert await once.told_down("ops", [f"p/{each}" for each in range(500)]) == {"p/7", "p/450"}
