"""Clients that hang up: how soon the provider sees it, and what ten thousand of them leave behind.

    python -m bench.hangup [--count 10000]

The provider and the clients run in this process, on one clock; the gateway in its own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path
from random import Random

import uvloop

from bench.inside import Inside, Look
from bench.process import Cores
from gateway.simulator.app import Simulator
from gateway.simulator.server import running
from tests.client import CHAT, Client, chat

AT_ONCE = 40
WARM_UP = 500
TIMED = 100
HOUR = 3_600_000
MOMENTS = {
    "whole, before the head": (False, f"ttft_ms={HOUR}"),
    "whole, before the body": (False, f"gap_ms={HOUR}"),
    "stream, before the head": (True, f"ttft_ms={HOUR}"),
    "stream, between two events": (True, "stall_after=4"),
}


def config(upstream: str) -> dict[str, object]:
    """A limit of every kind, none of which is reached."""
    return {
        "providers": {"sim": {"kind": "simulator", "base_url": upstream}},
        "models": {"m": {"targets": [{"provider": "sim", "model": "s", "price": {"input": 1, "output": 10}}]}},
        "global": {
            "budgets": [{"usd": 1_000_000, "per": "day"}],
            "limits": {"concurrency": 10_000, "rpm": 100_000_000, "tpm": 100_000_000_000},
        },
    }


async def until(condition: object, within_s: float = 30) -> None:
    assert callable(condition)
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  counts tell nobody
            await asyncio.sleep(0.0005)


async def seen_after_ms(url: str, upstream: Simulator, *, stream: bool, sim: str) -> float:
    """One client that hangs up: milliseconds until the provider's own clock says that it knows."""
    before = upstream.stats.disconnects
    heads = upstream.stats.statuses.get(200, 0)
    async with Client(url) as client:
        client.send(CHAT, chat(stream=stream, sim=sim, max_tokens=50))
        if sim.startswith("ttft"):
            await until(lambda: upstream.stats.open == 1)
        elif stream:
            await client.head()
            await client.chunk()
        else:
            await until(lambda: upstream.stats.statuses.get(200, 0) > heads)
        await asyncio.sleep(0.002)
        client.reset()
        hung_up_at = time.monotonic()
        await until(lambda: upstream.stats.disconnects > before)
    assert upstream.stats.last_disconnect is not None
    return (upstream.stats.last_disconnect - hung_up_at) * 1000


async def goes_at_some_time(url: str, dice: Random) -> None:
    async with Client(url) as client:
        stream, sim = dice.choice([*MOMENTS.values(), (True, "tokens_per_s=2000&output_tokens=400")])
        client.send(CHAT, chat(stream=stream, sim=sim, max_tokens=400))
        await asyncio.sleep(dice.uniform(0, 0.06))
        if dice.random() < 0.5:
            client.reset()
        else:
            await client.close()


async def hang_ups(url: str, upstream: Simulator, count: int, dice: Random) -> None:
    left = count

    async def one_after_another() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await goes_at_some_time(url, Random(dice.random()))

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    await until(lambda: upstream.stats.open == 0)
    await asyncio.sleep(0.3)


def row(name: str, before: float, after: float) -> str:
    return f"  {name:<22}{before:>12,.1f}{after:>12,.1f}"


def table(before: Look, after: Look) -> str:
    lines = [f"  {'':<22}{'before':>12}{'after':>12}"]
    lines += [row(name, getattr(before, name), getattr(after, name)) for name in ("tasks", "sockets", "kept", "holds")]
    lines += [row(name, getattr(before, name), getattr(after, name)) for name in ("objects", "rss_mb", "peak_mb")]
    return "\n".join(lines)


async def main(count: int) -> None:
    upstream = Simulator()
    cores = Cores()
    os.sched_setaffinity(0, {cores.load})
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        async with running(upstream) as base_url:
            with Inside(config(base_url), Path(folder), core=cores.subject) as gateway:
                for name, (stream, sim) in MOMENTS.items():
                    took = [await seen_after_ms(gateway.url, upstream, stream=stream, sim=sim) for _ in range(TIMED)]
                    p99 = statistics.quantiles(took, n=100)[98]
                    print(
                        f"{name:<28} the provider knows after {statistics.median(took):.2f} ms (p50), "
                        f"{p99:.2f} ms (p99), {max(took):.2f} ms (longest of {TIMED})"
                    )
                await hang_ups(gateway.url, upstream, WARM_UP, Random(1))
                before = await gateway.alook()
                noticed = upstream.stats.disconnects
                begun = time.perf_counter()
                await hang_ups(gateway.url, upstream, count, Random(2))
                took_s = time.perf_counter() - begun
                after = await gateway.alook()
    noticed = upstream.stats.disconnects - noticed
    print(f"\n{count:,} hang-ups in {took_s:.1f} s, {AT_ONCE} at once, after {WARM_UP} to warm up")
    print(f"the provider was cut off in {noticed:,} of them; the others were too early or too late\n")
    print(table(before, after))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    uvloop.run(main(parser.parse_args().count))
