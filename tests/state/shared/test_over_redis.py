"""The same over a real Redis, in real time: it is killed, paused, and comes back; money stays exact."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.core.clock import SystemClock
from gateway.core.errors import StoreTimedOut, StoreUnavailable
from gateway.state.base import Claim, Refusal, Reservation, Slots, Spend
from gateway.state.redis.connect import connect
from gateway.state.redis.engine import RedisEngine
from gateway.state.shared import SharedStore
from tests.redis_server import RedisServer
from tests.waiting import until

TOTAL = Spend(1_000, "total")
CLOSED = Spend(1_000, "total", "closed")
CALLS = Slots(1_000)


class OnRedis:
    """A replica before a real server."""

    def __init__(self, server: RedisServer, path: Path, deadline_s: float) -> None:
        self.path = path
        self.client = connect(server.url)
        self.engine = RedisEngine(self.client, SystemClock(), deadline_s=deadline_s)
        self.store = SharedStore(self.engine, path, SystemClock(), replicas=2)

    async def spend(self, id: str, amount: int, rule: Spend = TOTAL) -> int:
        """What was spent: nothing, where it was refused."""
        claims = (Claim("budget:b:usd", rule, amount), Claim("budget:b:calls", CALLS, 1))
        try:
            if isinstance(await self.store.hold([Reservation(id, claims)]), Refusal):
                return 0
        except StoreUnavailable:
            return 0
        await asyncio.sleep(0)
        self.store.settle(id, [amount - 1, 1])
        return amount - 1

    async def crash(self) -> None:
        await self.store._stop()
        await self.store._writer.aclose()
        await self.engine.aclose()
        await self.client.aclose()

    async def aclose(self) -> None:
        await self.store.aclose()
        await self.client.aclose()


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer(appendonly=True) as server:
        yield server


@pytest.fixture
async def replica(server: RedisServer, tmp_path: Path) -> AsyncIterator[OnRedis]:
    replica = OnRedis(server, tmp_path / "journal.db", deadline_s=0.2)
    await replica.store.start()
    yield replica
    await replica.aclose()


async def levels(replica: OnRedis) -> tuple[int, int, int]:
    await until(lambda: not replica.store.status.backlog)
    usd, calls = await replica.store.levels([Claim("budget:b:usd", TOTAL, 0), Claim("budget:b:calls", CALLS, 0)])
    return usd.used, usd.held, calls.used


async def test_money_is_exact_over_a_server_that_is_killed_under_calls_and_comes_back(server, replica):
    numbers = itertools.count()
    spent = []

    async def calls():
        while not done.is_set():
            spent.append(await replica.spend(f"c{next(numbers)}", 2))
            await asyncio.sleep(0.002)

    done = asyncio.Event()
    callers = [asyncio.create_task(calls()) for _ in range(10)]
    await until(lambda: sum(spent) > 100)
    server.kill()
    await until(lambda: not replica.store.status.is_reachable)
    before = len(spent)
    await until(lambda: len(spent) > before + 20)
    server.restart()
    await until(lambda: replica.store.status.is_reachable)
    before = len(spent)
    await until(lambda: len(spent) > before + 20)
    done.set()
    await asyncio.gather(*callers)

    assert await levels(replica) == (sum(spent), 0, 0)
    assert sum(spent) <= 1_000 + 500


async def test_a_paused_server_is_an_outage_and_what_it_was_asked_counts_once_when_it_goes_on(server, replica):
    assert await replica.spend("before", 10) == 9
    server.pause()
    spent = [await replica.spend(f"c{number}", 10) for number in range(6)]
    assert spent == [9] * 6
    assert not replica.store.status.is_reachable
    began = time.monotonic()
    assert await replica.spend("fast", 10) == 9
    assert time.monotonic() - began < 0.2, "while it is out nobody waits for it"
    server.resume()
    await until(lambda: replica.store.status.is_reachable)

    assert await levels(replica) == (9 * 8, 0, 0)


async def test_closed_money_is_never_spent_without_the_server(server, replica):
    assert await replica.spend("before", 600, CLOSED) == 599
    server.pause()
    assert [await replica.spend(f"c{number}", 300, CLOSED) for number in range(4)] == [0] * 4
    server.resume()
    await until(lambda: replica.store.status.is_reachable)

    assert await levels(replica) == (599, 0, 0)


async def test_a_replica_that_dies_in_an_outage_leaves_what_it_owes_to_the_next(server, tmp_path):
    replica = OnRedis(server, tmp_path / "journal.db", deadline_s=0.2)
    await replica.store.start()
    await replica.spend("before", 10)
    running = (Claim("budget:b:usd", TOTAL, 50), Claim("budget:b:calls", CALLS, 1))
    assert isinstance(await replica.store.hold([Reservation("held there", running)]), tuple)
    server.kill()
    assert await replica.spend("alone", 100) == 99
    replica.store.settle("held there", [20, 1])
    assert isinstance(await replica.store.hold([Reservation("alone, running", running)]), tuple)
    assert await replica.store._writer.write()
    await replica.crash()
    again = OnRedis(server, tmp_path / "journal.db", deadline_s=0.2)
    await again.store.start()
    assert not again.store.status.is_reachable
    assert await again.spend("of the next", 300) == 299
    assert await again.spend("beyond the share", 100) == 0
    server.restart()
    await until(lambda: again.store.status.is_reachable)

    assert await levels(again) == (9 + 20 + 99 + 50 + 299, 0, 0)
    await again.aclose()


async def test_the_engine_says_which_failure_is_a_late_answer(server, tmp_path):
    replica = OnRedis(server, tmp_path / "other.db", deadline_s=0.05)
    await replica.engine.start()
    server.pause()
    with pytest.raises(StoreTimedOut):
        await replica.engine.hold([Reservation("r", (Claim("budget:b:usd", TOTAL, 1),))])
    server.resume()
    server.kill()
    with pytest.raises(StoreUnavailable) as caught:
        await replica.engine.hold([Reservation("r", (Claim("budget:b:usd", TOTAL, 1),))])
    assert not isinstance(caught.value, StoreTimedOut)
    await replica.engine.aclose()
    await replica.client.aclose()
