"""The whole program ends: told to, it lets running calls end and forgets no spend; killed, it forgets next to none."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import yaml

from gateway.core.clock import SystemClock
from gateway.core.money import NANOUSD
from gateway.limits.base import Consumption
from gateway.limits.book import claims
from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.server import running
from gateway.state.sqlite import SqliteStore
from tests.ceilings import limits_of
from tests.client import CHAT, Client, chat, get
from tests.faults.scene import HOUR, PRICE
from tests.processes import Program, gateway

BUDGET = {"usd": 100, "per": "total"}
LONG_S = 3_600
"""Seconds that no test waits for."""
BOUND_S = 0.1
"""What a kill may forget."""


def nanousd(headers) -> int:
    return round(float(headers["x-sluice-cost-usd"]) * NANOUSD)


class Place:
    """A gateway of its own process over a provider of ours, with its files in a folder."""

    def __init__(self, folder: Path, upstream: Simulator, url: str, grace_s: float, notice_s: float) -> None:
        self.upstream = upstream
        self.database = folder / "sluice.db"
        self.config = folder / "sluice.yaml"
        config = {
            "server": {"shutdown_grace_s": grace_s, "notice_s": notice_s},
            "state": {"url": f"sqlite:///{self.database}"},
            "providers": {"sim": {"kind": "simulator", "base_url": url}},
            "models": {"m": {"targets": [{"provider": "sim", "model": "s", "price": PRICE}]}},
            "global": {"budgets": [BUDGET]},
        }
        self.config.write_text(yaml.safe_dump(config))

    async def spent(self) -> int:
        """What the next start finds, in nano-dollars."""
        store = SqliteStore(self.database, SystemClock())
        await store.start()
        limits = limits_of("global", budgets=[(BUDGET["usd"] * NANOUSD, BUDGET["per"])])
        (level,) = await store.levels(claims(limits, Consumption()))
        await store.aclose()
        assert level.held == 0
        return level.used


@asynccontextmanager
async def place(folder: Path, *, grace_s: float = 10, notice_s: float = 0.2, **behaviour):
    upstream = Simulator(Behaviour(**behaviour))
    async with running(upstream) as url:
        yield Place(folder, upstream, url, grace_s, notice_s)


async def read_on(client: Client) -> bytes:
    data = b""
    async for piece in client.chunks():
        data += piece
    return data


async def under_way(place: Place, count: int = 1) -> None:
    async with asyncio.timeout(5):
        while place.upstream.stats.open < count:  # noqa: ASYNC110  counts tell nobody
            await asyncio.sleep(0.002)


async def is_leaving(program: Program) -> int:
    """The status of ``/readyz`` once it has changed."""
    async with asyncio.timeout(5):
        while (answer := await get(program.url, "/readyz")).status == 200:  # noqa: ASYNC110  it tells who asks
            await asyncio.sleep(0.01)
    return answer.status


async def test_told_to_stop_it_lets_running_calls_end_and_takes_no_more(tmp_path):
    async with place(tmp_path, tokens_per_s=30, output_tokens=20) as here, gateway(here.config) as program:
        async with Client(program.url) as streaming, Client(program.url) as whole, Client(program.url) as idle:
            idle.get("/readyz")
            assert (await idle.answer()).status == 200
            streaming.send(CHAT, chat(stream=True, stream_options={"include_usage": True}))
            whole.send(CHAT, chat())
            await under_way(here, 2)
            program.terminate()

            assert await is_leaving(program) == 503
            assert (await get(program.url, "/healthz")).status == 200
            await streaming.head()
            events = await read_on(streaming)
            answer = await whole.answer()
        assert await program.ended() == 0
        with pytest.raises(OSError, match=r"[Cc]onnect|refused"):
            await get(program.url, "/readyz")

        assert events.endswith(b"data: [DONE]\n\n")
        assert answer.status == 200
        usage = next(json.loads(event) for event in events.split(b"data: ") if b'"sluice"' in event)
        cost = nanousd(answer.headers) + round(usage["sluice"]["cost_usd"] * NANOUSD)
        assert await here.spent() == cost


async def test_who_comes_during_the_notice_is_served_and_told_to_come_no_more(tmp_path):
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(place(tmp_path, notice_s=LONG_S, grace_s=LONG_S))
        program = await stack.enter_async_context(gateway(here.config))
        async with Client(program.url) as kept, Client(program.url) as streaming:
            assert "connection" not in (await kept.chat()).headers
            streaming.send(CHAT, chat(stream=True, sim="tokens_per_s=20"))
            assert "connection" not in (await streaming.head()).headers
            program.terminate()
            assert await is_leaving(program) == 503

            answer = await kept.chat()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert await kept.reader.read() == b"", "and the connection is closed"
            assert (await read_on(streaming)).endswith(b"data: [DONE]\n\n")
            # Its reply began before it could be told; the next one tells.
            answer = await streaming.chat()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            async with Client(program.url) as newcomer:
                answer = await newcomer.chat()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            program.terminate()
            assert await program.ended() == 0


async def test_told_twice_it_waits_for_nobody(tmp_path):
    async with place(tmp_path, notice_s=LONG_S, grace_s=LONG_S) as here:
        async with gateway(here.config) as program, Client(program.url) as client:
            client.send(CHAT, chat(sim=f"ttft_ms={HOUR}"))
            await under_way(here)
            program.terminate()
            assert await is_leaving(program) == 503
            program.terminate()
            answer = await client.answer()
            assert (answer.status, answer.code) == (503, "gateway_stopping")
            assert await program.ended() == 0
        assert await here.spent() > 0


async def test_stopped_by_hand_it_gives_no_notice(tmp_path):
    async with place(tmp_path, notice_s=LONG_S, grace_s=LONG_S) as here, gateway(here.config) as program:
        await get(program.url, "/v1/models")
        os.kill(program.pid, signal.SIGINT)
        assert await program.ended() == 0


async def test_a_gateway_that_nobody_asks_stops_at_once(tmp_path):
    async with place(tmp_path, notice_s=LONG_S, grace_s=LONG_S) as here, gateway(here.config) as program:
        program.terminate()
        assert await program.ended() == 0


async def test_with_nothing_under_way_it_stops_after_the_notice(tmp_path):
    async with place(tmp_path) as here, gateway(here.config) as program:
        async with Client(program.url) as client:
            answer = await client.chat()
            program.terminate()
            assert await program.ended() == 0
        assert await here.spent() == nanousd(answer.headers)


async def test_calls_that_outlast_the_grace_are_cut_off_and_charged(tmp_path):
    async with place(tmp_path, grace_s=1, notice_s=5, stall_after=4) as here, gateway(here.config) as program:
        async with Client(program.url) as streaming, Client(program.url) as whole:
            streaming.send(CHAT, chat(stream=True, max_tokens=50))
            whole.send(CHAT, chat(max_tokens=50, sim=f"ttft_ms={HOUR}"))
            await streaming.head()
            assert (await streaming.chunk()).count(b"data: ") == 4
            await under_way(here, 2)
            program.terminate()

            last = (await read_on(streaming)).removeprefix(b"data: ")
            answer = await whole.answer()
        assert await program.ended() == 0

        assert json.loads(last)["error"]["code"] == "gateway_stopping", "a stream does not end in silence"
        assert (answer.status, answer.code) == (503, "gateway_stopping")
        spent = await here.spent()
        # Three words of the stream, and all fifty that the other may have cost; the prompts come on top.
        assert 53 * 10_000 < spent < 53 * 10_000 + 600_000
    lines = [json.loads(line) for line in program.output.splitlines() if b'"event":"call"' in line]
    assert [(line["status"], line["error"], line["level"]) for line in lines] == 2 * [
        (503, "gateway_stopping", "warning")
    ], "no client hung up"


async def test_an_upload_that_the_stop_cuts_off_is_told_and_counted_as_that(tmp_path):
    async with place(tmp_path, grace_s=0.5) as here, gateway(here.config) as program:
        async with Client(program.url) as client:
            client.send(CHAT, b'{"model": "m"', length=100)
            await client.writer.drain()
            program.terminate()
            answer = await client.answer()
        assert (answer.status, answer.code) == (503, "gateway_stopping")
        assert await program.ended() == 0
    (line,) = [json.loads(line) for line in program.output.splitlines() if b'"event":"call"' in line]
    assert (line["status"], line["error"]) == (503, "gateway_stopping")


async def test_killed_it_forgets_a_tenth_of_a_second_at_most(tmp_path):
    async with place(tmp_path, output_tokens=50) as here, AsyncExitStack() as stack:
        program = await stack.enter_async_context(gateway(here.config))
        settled: list[tuple[float, int]] = []
        stalled = await stack.enter_async_context(Client(program.url))
        stalled.send(CHAT, chat(max_tokens=1_000, sim="stall"))
        await under_way(here)
        async with Client(program.url) as client:
            until = time.monotonic() + 0.7
            while time.monotonic() < until:
                answer = await client.chat(max_tokens=60)
                settled.append((time.monotonic(), nanousd(answer.headers)))
        program.kill()
        killed_at = time.monotonic()
        await program.ended()
        spent = await here.spent()

    in_time = sum(cost for at, cost in settled if at < killed_at - BOUND_S)
    worst = 1_000 * 10_000
    assert in_time > 0
    assert spent >= in_time + worst, "what was under way is charged at its worst case"
    assert spent <= sum(cost for _, cost in settled) + worst + 600_000 + 2 * 60 * 10_000


async def test_what_was_spent_before_a_restart_counts_after_it(tmp_path):
    async with place(tmp_path) as here:
        # 6,000,000 output tokens are 60 dollars at worst: it fits once, or as long as little of it was used.
        greedy = chat(max_tokens=6_000_000)
        async with gateway(here.config) as program:
            async with Client(program.url) as client:
                client.send(CHAT, {**greedy, "metadata": {"sim": f"ttft_ms={HOUR}"}})
                await under_way(here)
                client.reset()
                async with asyncio.timeout(5):
                    while here.upstream.stats.open:  # noqa: ASYNC110  counts tell nobody
                        await asyncio.sleep(0.002)
            program.terminate()
            assert await program.ended() == 0
        async with gateway(here.config) as program, Client(program.url) as client:
            client.send(CHAT, {**greedy, "metadata": {"sim": "output_tokens=1"}})
            answer = await client.answer()

    assert (answer.status, answer.code) == (429, "insufficient_quota")
