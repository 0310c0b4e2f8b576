"""A cluster: calls whose counters are on several nodes, and nodes that move, fail over, or are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from redis.crc import key_slot

from gateway.core.errors import StoreUnavailable
from gateway.state.base import Claim, Rate, Refusal, Reservation, Slots, Spend
from gateway.state.redis.rows import tag_of
from gateway.state.remote import Withdrawal
from tests.redis_cluster import ClusterOfServers
from tests.state.redis.asking import USD, figures, is_taken, reservation, script_calls, settlement, withdrawal

SCOPES = ("global::usd:total", "team:t:usd:total", "key:k:usd:total", "model:m:usd:total")


@pytest.fixture
def cluster() -> Iterator[ClusterOfServers]:
    with ClusterOfServers(replicas=1) as cluster:
        yield cluster


def spread(amount: int, *, limit: int = 100, id: str | None = None) -> Reservation:
    return reservation(*((key, Spend(limit, "total"), amount) for key in SCOPES), id=id)


def slot_of(key: str) -> int:
    return key_slot(f"{{{tag_of(key)}}}".encode())


async def until_taken(engine, make_hold) -> None:
    async with asyncio.timeout(30):
        while True:
            held = make_hold()
            try:
                answer = await engine.hold([held])
            except StoreUnavailable:
                await _withdraw(engine, held)
            else:
                assert is_taken(answer)
                return


async def _withdraw(engine, held: Reservation) -> None:
    while True:
        try:
            await engine.deliver([withdrawal(held)])
        except StoreUnavailable:
            await asyncio.sleep(0.05)
        else:
            return


async def test_counters_of_a_call_are_on_several_nodes(redis_cluster_url, shared_redis_cluster, make_engine):
    engine = await make_engine(redis_cluster_url)
    await engine.hold([spread(7)])

    found = {}
    for node in shared_redis_cluster.nodes:
        with node.client() as look:
            found |= dict.fromkeys((key.decode() for key in look.keys("*:spend:*")), node.port)
    assert sorted(found) == sorted(f"sluice:{{{tag_of(key)}}}:usd:total:spend:total" for key in SCOPES)
    assert len(set(found.values())) > 1, "else this tests nothing"


async def test_a_refusal_by_a_later_node_leaves_nothing_behind_on_an_earlier(redis_cluster_url, make_engine):
    engine = await make_engine(redis_cluster_url)
    rules = [("global::rpm", Rate(10), 1), ("key:k:concurrency", Slots(10), 1), ("team:t:usd:total", USD, 60)]
    assert is_taken(await engine.hold([reservation(*rules)]))
    before = [await figures(engine, key, rule) for key, rule, _ in rules]
    refusal = await engine.hold([reservation(*rules)])

    assert isinstance(refusal, Refusal)
    assert refusal.claim == Claim("team:t:usd:total", USD, 60)
    after = [await figures(engine, key, rule) for key, rule, _ in rules]
    assert after[1:] == before[1:]
    assert after[0] <= before[0]


async def test_a_crowd_on_one_budget_is_never_over_and_gets_what_fits(redis_cluster_url, make_engine):
    engines = [await make_engine(redis_cluster_url) for _ in range(2)]
    served = 0

    async def call(number: int) -> None:
        nonlocal served
        held = spread(7, limit=1_000)
        # What a call holds that is about to be refused elsewhere may stand in the way: it passes.
        while not is_taken(answer := await engines[number % 2].hold([held])):
            if not answer.is_passing:
                return
            await asyncio.sleep(0.005)
        assert all(level.used <= 1_000 for level in answer)
        await engines[number % 2].deliver([settlement(held, 7, 7, 7, 7)])
        served += 1

    await asyncio.gather(*(call(number) for number in range(300)))
    assert served == 142
    for key in SCOPES:
        assert await figures(engines[0], key, Spend(1_000, "total")) == (994, 0)


async def test_calls_of_one_turn_share_a_command_for_each_scope(redis_cluster_url, shared_redis_cluster, make_engine):
    engine = await make_engine(redis_cluster_url)
    await engine.hold([spread(1)])

    def calls() -> int:
        total = 0
        for node in shared_redis_cluster.nodes:
            with node.client() as look:
                total += script_calls(look)
        return total

    seen = calls()
    held = [spread(1) for _ in range(20)]
    await asyncio.gather(*(engine.hold([each]) for each in held))
    assert calls() - seen == len(SCOPES)
    seen = calls()
    await engine.deliver([settlement(each, 1, 1, 1, 1) for each in held])
    assert calls() - seen == len(SCOPES)


async def test_what_one_node_did_not_hear_is_settled_by_a_withdrawal(
    redis_cluster_url, shared_redis_cluster, make_engine
):
    engine = await make_engine(redis_cluster_url, deadline_s=0.3)
    patient = await make_engine(redis_cluster_url)
    last = SCOPES[-1]
    with_last = next(node for node in shared_redis_cluster.nodes if _has(node, slot_of(last)))
    held = spread(40)
    with_last.pause()
    try:
        with pytest.raises(StoreUnavailable):
            await engine.hold([held])
    finally:
        with_last.resume()
    await patient.deliver([Withdrawal(held.id, held.claims)])

    for key in SCOPES:
        assert await figures(patient, key) == (0, 0)


def _has(node, slot: int) -> bool:
    with node.client() as look:
        return any(
            first <= slot <= last and master[1] == node.port
            for first, last, master in ((row[0], row[1], row[2]) for row in look.execute_command("CLUSTER", "SLOTS"))
        )


async def test_a_slot_that_moves_is_followed_and_keeps_its_counters(cluster, make_engine):
    engine = await make_engine(cluster.url)
    await engine.hold([spread(10)])
    key = SCOPES[0]
    slot = slot_of(key)
    masters = cluster.nodes[:3]
    source = next(node for node in masters if _has(node, slot))
    target = next(node for node in masters if node is not source)
    _move(slot, source, target, masters)

    # Told MOVED, it asks the right node at once: nobody notices.
    assert is_taken(await engine.hold([spread(20)]))
    assert await figures(engine, key) == (30, 30)


def _move(slot: int, source, target, masters) -> None:
    ids = {}
    for node in masters:
        with node.client() as told:
            ids[node] = told.execute_command("CLUSTER", "MYID").decode()
    with target.client() as told:
        told.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
    with source.client() as told:
        told.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        keys = told.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100)
        told.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, "KEYS", *keys)
    for node in masters:
        with node.client() as told:
            told.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[target])


async def test_a_replica_that_takes_over_is_found(cluster, make_engine):
    engine = await make_engine(cluster.url)
    key = next(
        f"key:k{number}:usd:total" for number in range(1_000) if _has(cluster.nodes[0], slot_of(f"key:k{number}:"))
    )
    held = reservation((key, USD, 30))
    await engine.hold([held])
    with cluster.nodes[0].client() as told:
        told.wait(1, 5_000)
    cluster.take_over(cluster.nodes[3])
    cluster.until(lambda: _has(cluster.nodes[3], slot_of(key)))
    cluster.nodes[0].kill()

    await until_taken(engine, lambda: reservation((key, USD, 20)))
    await _settle(engine, held)
    assert await figures(engine, key) == (25, 20)


async def _settle(engine, held: Reservation) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await engine.deliver([settlement(held, 5)])
            except StoreUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def test_replicas_of_the_gateway_are_counted_in_a_cluster_too(redis_cluster_url, make_engine):
    first, second = [await make_engine(redis_cluster_url) for _ in range(2)]
    held = spread(1)
    await first.hold([held])

    assert await first.renew([held]) == 2
    assert await second.renew([]) == 2
