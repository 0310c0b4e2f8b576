"""What clients feel of the first provider's death: 64 streams and 200 whole calls a second, then SIGKILL.

    python -m bench.failover [--seconds 8]

Three processes beside this one: the gateway on a core of its own, and two simulated providers on the clients' core.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench.inside import Inside
from bench.process import Cores
from tests.load import PACE, TOKENS, Call, Load
from tests.processes import simulator

BEFORE_S = 3.0
SETTLED_S = 2.0
"""After the kill; from then on all is to be as before."""
WINDOW_S = 0.5


def config(first: str, second: str) -> dict[str, object]:
    urls = {"first": first, "second": second}
    return {
        "providers": {name: {"kind": "simulator", "base_url": url} for name, url in urls.items()},
        "models": {
            "m": {"targets": [{"provider": n, "model": "s", "price": {"input": 1, "output": 10}} for n in urls]},
        },
        "global": {"budgets": [{"usd": 1_000_000, "per": "day"}], "limits": {"concurrency": 10_000}},
    }


def p(quantile: int, calls: Sequence[Call]) -> float:
    """Milliseconds."""
    took = [call.took_s * 1000 for call in calls]
    return statistics.quantiles(took, n=100, method="inclusive")[quantile - 1] if len(took) > 1 else float("nan")


def between(load: Load, begin: float, end: float) -> list[Call]:
    return [call for call in load.calls if begin <= call.at < end]


def report(load: Load, killed_at: float, seconds: float) -> None:
    print("whole calls by when they began, seconds from the kill\n")
    print(f"  {'from':>6}{'to':>6}{'calls':>8}{'failed':>8}{'p50 ms':>10}{'p99 ms':>10}")
    steps = round(BEFORE_S / WINDOW_S), round((seconds - BEFORE_S) / WINDOW_S)
    for number in range(-steps[0], steps[1]):
        begin, end = number * WINDOW_S, (number + 1) * WINDOW_S
        calls = between(load, killed_at + begin, killed_at + end)
        failed = sum(call.answer.status != 200 for call in calls)
        print(f"  {begin:>6.1f}{end:>6.1f}{len(calls):>8}{failed:>8}{p(50, calls):>10.1f}{p(99, calls):>10.1f}")

    # Calls that were under way at the kill are asked again, and take twice as long.
    before = between(load, killed_at - BEFORE_S + 1.0, killed_at - 0.2)
    after = between(load, killed_at + SETTLED_S, killed_at + seconds)
    broken = sum(stream.error is not None for stream in load.streams)
    silent = sum(not stream.is_whole for stream in load.streams)
    print(f"\nstreams: {len(load.streams)}, of which {broken} ended in an error event and {silent} in silence")
    print(f"failed before a byte: {sum(stream.status != 200 for stream in load.streams)}")
    print(
        f"p99 from {SETTLED_S:g} s after the kill: {p(99, after):.1f} ms, before it: {p(99, before):.1f} ms; "
        f"after / before = {p(99, after) / p(99, before):.2f}"
    )


async def main(seconds: float) -> None:
    cores = Cores()
    os.sched_setaffinity(0, {cores.load})
    usual = [f"--tokens-per-s={PACE}", f"--output-tokens={TOKENS}", "--ttft-ms=5"]
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        async with simulator(*usual) as first, simulator(*usual) as second:
            with Inside(config(first.url, second.url), Path(folder), core=cores.subject) as gateway:
                load = Load(gateway.url)
                running = asyncio.create_task(load.run(seconds))
                await asyncio.sleep(BEFORE_S)
                killed_at = time.time()
                first.kill()
                await running
    report(load, killed_at, seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    uvloop.run(main(parser.parse_args().seconds))
