"""Two replicas on one Redis are restarted in turn, twice, while callers go on: no call fails, no dollar is lost."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import redis
import yaml

from gateway.core.money import NANOUSD
from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.server import running
from tests.client import CHAT, Answer, Client, chat, get
from tests.faults.scene import PRICE
from tests.haproxy import haproxy
from tests.processes import Program, gateway
from tests.redis_server import free_port

CALLERS = 8
"""That ask for whole replies; as many others for streams."""
BUDGET = {"usd": 1_000, "per": "total"}
NOTICE_S = 0.4
"""Four health checks of the load balancer."""


class Replica:
    """A gateway that can be restarted on its port."""

    def __init__(self, folder: Path, upstream: str, redis_url: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._config = folder / "sluice.yaml"
        self._running = AsyncExitStack()
        self._program: Program | None = None
        config = {
            "server": {"notice_s": NOTICE_S, "shutdown_grace_s": 10},
            "state": {"url": redis_url, "journal": str(folder / "journal.db"), "deadline_ms": 2_000},
            "providers": {"sim": {"kind": "simulator", "base_url": upstream}},
            "models": {"m": {"targets": [{"provider": "sim", "model": "s", "price": PRICE}]}},
            "global": {"budgets": [BUDGET]},
        }
        self._config.write_text(yaml.safe_dump(config))

    async def start(self) -> None:
        self._program = await self._running.enter_async_context(gateway(self._config, "--port", str(self.port)))

    async def stop(self) -> None:
        assert self._program is not None
        self._program.terminate()
        assert await self._program.ended() == 0
        await self._running.aclose()


def spent(redis_url: str) -> int:
    """By all replicas, in nano-dollars."""
    with redis.Redis.from_url(redis_url) as client:
        (key,) = client.scan_iter("sluice:*:usd:*", count=1_000)
        used, held = client.hmget(key, "spent", "held")
    assert int(held or 0) == 0
    return int(used)


class Caller:
    """Asks again and again on a kept connection, and goes elsewhere only where a connection is refused."""

    def __init__(self, urls: Callable[[], str]) -> None:
        self._urls = urls
        self._client: Client | None = None
        self.answers: list[Answer] = []
        self.refused = 0

    async def run(self, over: asyncio.Event, *, stream: bool) -> None:
        options = {"stream_options": {"include_usage": True}} if stream else {}
        while not over.is_set():
            client = self._client or await self._connect()
            answer = await client.ask(CHAT, chat(stream=stream, **options))
            self.answers.append(answer)
            is_last = answer.headers.get("connection") == "close"
            if is_last:
                await client.close()
            self._client = None if is_last else client
        if self._client is not None:
            await self._client.close()

    async def _connect(self) -> Client:
        for _ in range(100):
            try:
                return await Client(self._urls()).__aenter__()
            except ConnectionRefusedError:
                self.refused += 1
                await asyncio.sleep(0.01)
        raise AssertionError("nobody is there")


def cost(answer: Answer) -> int:
    """What the call cost as its client was told, in nano-dollars."""
    assert answer.status == 200, answer.body
    if "x-sluice-cost-usd" in answer.headers:
        return round(float(answer.headers["x-sluice-cost-usd"]) * NANOUSD)
    assert answer.events[-1] == b"[DONE]"
    (bill,) = (json.loads(event)["sluice"] for event in answer.events if b'"sluice"' in event)
    return round(bill["cost_usd"] * NANOUSD)


@asynccontextmanager
async def two_replicas(folder: Path, redis_url: str) -> AsyncIterator[list[Replica]]:
    upstream = Simulator(Behaviour(tokens_per_s=100, output_tokens=25))
    async with running(upstream) as url, AsyncExitStack() as stack:
        replicas = []
        for name in "ab":
            (folder / name).mkdir()
            replica = Replica(folder / name, url, redis_url)
            await replica.start()
            stack.push_async_callback(replica._running.aclose)
            replicas.append(replica)
        yield replicas


@pytest.mark.parametrize("way", ["behind haproxy", "behind haproxy that keeps connections", "by kept connections"])
async def test_a_rolling_restart_under_load_loses_nothing(tmp_path, redis_url, way):
    async with two_replicas(tmp_path, redis_url) as replicas, AsyncExitStack() as stack:
        urls = [replica.url for replica in replicas]
        if "haproxy" in way:
            ports = [replica.port for replica in replicas]
            balancer = haproxy(tmp_path, ports, keeps_connections="keeps" in way)
            urls = [await stack.enter_async_context(balancer)]
        turns = itertools.cycle(urls)
        callers = [Caller(lambda: next(turns)) for _ in range(2 * CALLERS)]
        over = asyncio.Event()
        async with asyncio.TaskGroup() as load:
            for number, caller in enumerate(callers):
                load.create_task(caller.run(over, stream=bool(number % 2)))
            for replica in replicas * (2 if way == "behind haproxy" else 1):
                await _until_all_go_on(callers)
                await replica.stop()
                await replica.start()
                if "haproxy" in way:
                    await _until_asked(replica)
            await _until_all_go_on(callers)
            over.set()
        for replica in replicas:
            await replica.stop()

    answers = [answer for caller in callers for answer in caller.answers]
    assert sum(map(cost, answers)) == spent(redis_url)
    assert len(answers) > 10 * len(callers)


async def _until_asked(replica: Replica) -> None:
    """Until the load balancer has found it again: whoever restarts replicas in turn waits for that."""
    async with asyncio.timeout(20):
        while b"\nsluice_requests_total{" not in (await get(replica.url, "/metrics")).body:  # noqa: ASYNC110  as a client
            await asyncio.sleep(0.02)


async def _until_all_go_on(callers: list[Caller]) -> None:
    """Until each has had two answers more: one may have been under way."""
    before = [len(caller.answers) for caller in callers]
    async with asyncio.timeout(20):
        while any(  # noqa: ASYNC110  counts tell nobody
            len(caller.answers) < count + 2 for caller, count in zip(callers, before, strict=True)
        ):
            await asyncio.sleep(0.02)
