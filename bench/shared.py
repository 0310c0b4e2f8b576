"""What a shared store costs: the same gateway on SQLite and on a Redis, in turns.

    python -m bench.shared [--seconds 5] [--rounds 3] [--check]

Each gateway has the measured core to itself in its turn; Redis stands on the other core, with the load and the mock, as
it stands on another machine where there are several gateways.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
from pathlib import Path

from bench import wrk
from bench.arguments import in_turns
from bench.gateway import KEY, gateway, wait_until_ready
from bench.nginx import mock
from bench.process import Cores, Service, end_on_sigterm, free_port
from bench.report import median

BAR = 0.8
"""Of the embedded store's requests a second."""


def redis(folder: Path, *, core: int) -> Service:
    """A redis-server as docker-compose.yml has it: every write in the append-only file before it is answered."""
    port = free_port()
    folder.mkdir()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    command += ["--appendonly", "yes", "--appendfsync", "everysec"]
    return Service("redis", command, core=core, port=port, log=folder / "redis.log")


def main() -> int:
    args = in_turns("bench.shared", __doc__, rounds=3).parse_args()
    end_on_sigterm()
    cores = Cores()
    os.sched_setaffinity(0, {cores.load})
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as made, contextlib.ExitStack() as running:
        folder = Path(made)
        upstream = running.enter_context(mock(folder, core=cores.load, chunks=10, interval_ms=5)).wait_until_accepting()
        server = running.enter_context(redis(folder / "redis", core=cores.load)).wait_until_accepting()
        states = {"embedded": "", "shared": f"redis://127.0.0.1:{server.port}/0"}
        gateways = [
            running.enter_context(
                gateway(folder / name, upstream=upstream.port, core=cores.subject, state=state, name=name)
            )
            for name, state in states.items()
        ]
        for each in gateways:
            wait_until_ready(each)
        redis_before_s = server.cpu_s()
        found = wrk.rounds(
            gateways, args.rounds, connections=args.connections, seconds=args.seconds, key=KEY, core=cores.load
        )
        redis_s = server.cpu_s() - redis_before_s
        single = wrk.rounds(gateways, args.rounds, connections=1, seconds=2, key=KEY, core=cores.load)
    rps = {name: statistics.median(each.rps for each in rounds) for name, rounds in found.items()}
    print(f"{'store':<12}{'rps':>8}{'CPU us':>8}{'p50 ms':>8}{'p99 ms':>8}{'p50 ms, one connection':>26}")
    for name, rounds in found.items():
        row = median(rounds)
        alone_ms = statistics.median(each.p50_ms for each in single[name])
        print(f"{name:<12}{rps[name]:>8.0f}{row.cpu_us:>8.1f}{row.p50_ms:>8.2f}{row.p99_ms:>8.2f}{alone_ms:>26.2f}")
    calls = sum(each.rps for each in found["shared"]) * args.seconds
    ratio = rps["shared"] / rps["embedded"]
    print(f"\nRedis used {redis_s / calls * 1e6:.1f} us of CPU a call; shared / embedded = {ratio:.3f} (bar {BAR})")
    return 1 if args.check and ratio < BAR else 0


if __name__ == "__main__":
    sys.exit(main())
