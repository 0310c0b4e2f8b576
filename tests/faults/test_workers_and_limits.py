"""Limits and budgets are one truth over the workers of one machine."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from gateway.core.money import NANOUSD
from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.server import running
from tests.client import CHAT, Client, ask, chat
from tests.faults.scene import HOUR
from tests.processes import Program, gateway

WORKERS = 4
TOKENS = 10
COST = TOKENS * 10_000
"""Nano-dollars of a call, at worst and in truth: prompts are free."""
PRICE = {"input": 0, "output": 10}
CONNECTIONS = 32


class Place:
    """A gateway of four workers on one Redis, before a provider of ours."""

    def __init__(self, program: Program, upstream: Simulator, folder: Path) -> None:
        self.program = program
        self.url = program.url
        self.upstream = upstream
        self.folder = folder

    @property
    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.program.pid).children()

    async def statuses(self, calls: int) -> Counter[int]:
        """Of so many calls, over many connections at once."""
        statuses: Counter[int] = Counter()
        left = iter(range(calls))

        async def client() -> None:
            async with Client(self.url) as client:
                for _ in left:
                    statuses[(await client.chat(max_tokens=TOKENS)).status] += 1

        await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
        return statuses


@asynccontextmanager
async def place(folder: Path, redis_url: str, **limits: Any):
    upstream = Simulator(Behaviour(output_tokens=TOKENS))
    async with running(upstream) as url:
        config = folder / "sluice.yaml"
        settings = {
            "server": {"workers": WORKERS, "notice_s": 0, "shutdown_grace_s": 1, "hold_wait_s": 2},
            "state": {
                "url": redis_url,
                "journal": str(folder / "journal.db"),
                "on_outage": "closed",
                "deadline_ms": 2_000,
                "lease_s": 3,
            },
            "providers": {"sim": {"kind": "simulator", "base_url": url}},
            "models": {"m": {"targets": [{"provider": "sim", "model": "s", "price": PRICE}]}},
            "global": limits,
        }
        config.write_text(yaml.safe_dump(settings))
        async with gateway(config) as program:
            yield Place(program, upstream, folder)


async def test_a_budget_is_spent_to_the_last_call_that_fits_and_no_further(tmp_path, redis_url):
    fit = 100
    budget = {"usd": fit * COST / NANOUSD, "per": "total"}
    async with place(tmp_path, redis_url, budgets=[budget]) as here:
        statuses = await here.statuses(3 * fit)
        # The system counts in hundredths: one that served few calls may show none.
        busy = sum(1 for worker in here.workers if worker.cpu_times().user > 0)
    assert statuses == {200: fit, 429: 2 * fit}
    assert here.upstream.stats.requests == fit
    assert busy > 1, "it was spent by several"


async def test_calls_a_minute_are_counted_over_all_workers(tmp_path, redis_url):
    async with place(tmp_path, redis_url, limits={"rpm": 60}) as here:
        began = time.monotonic()
        statuses = await here.statuses(300)
        refilled = time.monotonic() - began
    assert 60 <= statuses[200] <= 60 + refilled + 1, "one a second comes back"
    assert statuses.total() == 300


async def test_each_worker_keeps_a_journal_of_its_own(tmp_path, redis_url):
    async with place(tmp_path, redis_url, limits={"concurrency": 5}) as here:
        await here.statuses(CONNECTIONS)
        found = {path.name for path in here.folder.glob("journal*.db")}
    assert found == {f"journal-{number}.db" for number in range(1, WORKERS + 1)}


@pytest.mark.timeout(60)
async def test_the_slots_of_a_worker_that_is_killed_come_back(tmp_path, redis_url):
    slots = 8
    async with place(tmp_path, redis_url, limits={"concurrency": slots}) as here:
        clients = [await Client(here.url).__aenter__() for _ in range(slots)]
        for client in clients:
            client.send(CHAT, chat(sim=f"ttft_ms={HOUR}"))
        async with asyncio.timeout(10):
            while here.upstream.stats.open < slots:  # noqa: ASYNC110  counts tell nobody
                await asyncio.sleep(0.01)
        assert (await ask(here.url, CHAT, chat())).status == 429

        for worker in here.workers:
            worker.kill()
        async with asyncio.timeout(40):
            while await _status(here.url) != 200:  # noqa: ASYNC110  it tells who asks
                await asyncio.sleep(0.2)
        for client in clients:
            client.reset()


async def _status(url: str) -> int:
    try:
        return (await ask(url, CHAT, chat())).status
    except (OSError, asyncio.IncompleteReadError):
        return 0
