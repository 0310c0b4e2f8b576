"""What the log of calls costs: a call by itself, and the same gateway with and without it, in turns.

    python -m bench.calls [--seconds 5] [--rounds 5] [--check]

CPU a call is that of the thread that writes, in batches of 128: into a file that grows, into one that is full and
forgets a call for each that comes, and as lines of JSON.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import wrk
from bench.arguments import in_turns
from bench.gateway import KEY, gateway, wait_until_ready
from bench.nginx import mock
from bench.process import Cores, end_on_sigterm
from bench.report import median
from gateway.core.clock import SystemClock
from gateway.core.types import Attempt, Endpoint, Outcome
from gateway.core.usage import Usage
from gateway.telemetry.calls.json_lines import JsonLines
from gateway.telemetry.calls.retention import Keep
from gateway.telemetry.calls.writer import Writer

BAR = 0.93
"""Of the requests a second without the log."""
MOST_CPU_US = 8.0
CALLS, BATCH = 20_000, 128
SETTINGS = {"off": "calls: {enabled: false}\n", "on": ""}


def outcomes() -> list[Outcome]:
    """Like those of chats that one target served."""
    attempt = Attempt(
        target="openai/gpt-5-mini",
        provider="openai",
        model="gpt-5-mini",
        started_after_s=0.000123,
        duration_s=1.234567,
        ttft_s=0.345678,
        status=200,
    )
    return [
        Outcome(
            id=f"0123456789abcdef{number:08x}",
            endpoint=Endpoint.CHAT,
            model="gpt-5-mini",
            key="ci",
            team="research",
            user="u-7",
            tags=("project-x",),
            stream=True,
            status=200,
            target="openai/gpt-5-mini",
            provider="openai",
            attempts=(attempt,),
            usage=Usage(input=100, cached_input=20, output=41, reasoning=10),
            is_usage_official=True,
            cost_nanousd=1_500_000,
            held_nanousd=2_000_000,
            hold_after_s=0.000101,
            hold_s=0.000234,
            finish="stop",
            at=1_700_000_000.0 + number / 1_000,
            duration_s=1.234567,
            ttft_s=0.345678,
            overhead_s=0.000234,
        )
        for number in range(CALLS)
    ]


def cpu_us(write: Callable[[Sequence[Outcome]], None], calls: Sequence[Outcome]) -> float:
    """Of this process, a call."""
    begun = time.process_time()
    for at in range(0, len(calls), BATCH):
        write(calls[at : at + BATCH])
    return (time.process_time() - begun) / len(calls) * 1e6


def alone(folder: Path, rounds: int) -> float:
    """CPU a call, each place in turns; the first of them, in its quietest round: other programs cost caches."""
    calls = outcomes()
    found: dict[str, list[float]] = {"SQLite, growing": [], "SQLite, full": [], "lines of JSON": []}
    for number in range(rounds):
        path = folder / f"{number}.db"
        for name, most in (("SQLite, growing", 10**9), ("SQLite, full", 16_000_000)):
            writer = Writer(path, SystemClock(), Keep(days=30, payload_days=7, bytes=most))
            found[name].append(cpu_us(writer.write, calls))
            writer.close()
        lines = JsonLines(folder / "calls.jsonl", 10**9)
        found["lines of JSON"].append(cpu_us(lines.write, calls))
        lines.close()
    for name, each in found.items():
        print(f"{name:<18}{min(each):>7.1f} us of CPU a call, {statistics.median(each):.1f} in the middle")
    print(f"{'':<18}{(folder / '0.db').stat().st_size / CALLS:>7.0f} bytes a call in SQLite")
    return min(found["SQLite, growing"])


def main() -> int:
    args = in_turns("bench.calls", __doc__, rounds=5).parse_args()
    end_on_sigterm()
    cores = Cores()
    os.sched_setaffinity(0, {cores.load})
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as made, contextlib.ExitStack() as running:
        folder = Path(made)
        cpu = alone(folder, args.rounds)
        upstream = running.enter_context(mock(folder, core=cores.load, chunks=10, interval_ms=5)).wait_until_accepting()
        gateways = [
            running.enter_context(
                gateway(folder / name, upstream=upstream.port, core=cores.subject, name=name, more=more)
            )
            for name, more in SETTINGS.items()
        ]
        for each in gateways:
            wait_until_ready(each)
        found = wrk.rounds(
            gateways, args.rounds, connections=args.connections, seconds=args.seconds, key=KEY, core=cores.load
        )
    print(f"\n{'log of calls':<14}{'rps':>8}{'CPU us':>8}{'p50 ms':>8}{'p99 ms':>8}")
    for name, rounds in found.items():
        row = median(rounds)
        print(f"{name:<14}{row.rps:>8.0f}{row.cpu_us:>8.1f}{row.p50_ms:>8.2f}{row.p99_ms:>8.2f}")
    ratio = statistics.median(on.rps / off.rps for off, on in zip(found["off"], found["on"], strict=True))
    print(f"\non / off = {ratio:.3f} (bar {BAR}); {cpu:.1f} us of CPU a call (bar {MOST_CPU_US})")
    return 1 if args.check and (ratio < BAR or cpu > MOST_CPU_US) else 0


if __name__ == "__main__":
    sys.exit(main())
