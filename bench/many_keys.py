"""What many keys and models cost: a gateway with 10 keys and one model beside one with 100,000 keys and 1,000 models.

    python -m bench.many_keys [--seconds 5] [--rounds 3] [--keys 100000] [--models 1000] [--check]

The keys are in the directory, on a Redis that stands on the load's core. The gateway with many is loaded in two ways:
``some`` is 64 of its keys, as many as there are connections; ``all`` shows another key with each call, which no cache
of a processor survives. The first call with a key looks it up, so all are shown before the measurement. Where the core
of the load is the limit (``core`` below 95 %), compare ``CPU us``: Redis stands there too, and pays for many counters.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
from pathlib import Path

from bench import wrk
from bench.arguments import in_turns
from bench.gateway import gateway, wait_until_ready
from bench.nginx import mock
from bench.process import Cores, Service, end_on_sigterm
from bench.shared import redis
from gateway.core.ceilings import Allowance, Ceilings
from gateway.core.clock import SystemClock
from gateway.core.money import NANOUSD
from gateway.directory.base import BATCH
from gateway.directory.records import AuditEntry, KeyRecord, Secret
from gateway.directory.redis import RedisDirectory
from gateway.identity.keys import digest
from gateway.identity.secret import new_secret
from gateway.state.redis.connect import connect

BAR = 0.95
"""Of the requests a second with few keys."""
FEW = 10
SOME = 64
CEILINGS = Ceilings(
    rpm=10**8,
    tpm=10**11,
    concurrency=10_000,
    budgets=(Allowance(nanousd=10**6 * NANOUSD, per="day"),),
)


async def make_keys(url: str, count: int) -> list[str]:
    """Put so many keys into the directory; their secrets."""
    client = connect(url)
    directory = RedisDirectory(client, SystemClock())
    secrets = [new_secret() for _ in range(count)]
    records = [
        KeyRecord(
            id=secret.removeprefix("sk-sl-").partition("-")[0],
            name=f"bench-{number}",
            secrets=(Secret(sha256=digest(secret).hex()),),
            ceilings=CEILINGS,
            created_at=0.0,
            created_by="bench",
        )
        for number, secret in enumerate(secrets)
    ]
    entry = AuditEntry(at=0.0, by="bench", action="key.create", subject="many")
    for start in range(0, count, BATCH):
        await directory.put_keys(records[start : start + BATCH], entry)
    await client.aclose()
    return secrets


def main() -> int:
    parser = in_turns("bench.many_keys", __doc__, rounds=3)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--models", type=int, default=1_000)
    args = parser.parse_args()
    end_on_sigterm()
    cores = Cores()
    os.sched_setaffinity(0, {cores.load})
    sizes = {"few": (FEW, 1), "many": (args.keys, args.models)}
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as made, contextlib.ExitStack() as running:
        folder = Path(made)
        upstream = running.enter_context(mock(folder, core=cores.load, chunks=10, interval_ms=5)).wait_until_accepting()
        loads: dict[str, tuple[Service, Path]] = {}
        for name, (keys, models) in sizes.items():
            store = running.enter_context(redis(folder / f"redis-{name}", core=cores.load)).wait_until_accepting()
            url = f"redis://127.0.0.1:{store.port}/0"
            secrets = asyncio.run(make_keys(url, keys))
            (folder / name).write_text("\n".join(secrets) + "\n", "utf-8")
            server = running.enter_context(
                gateway(
                    folder / f"gateway-{name}",
                    upstream=upstream.port,
                    core=cores.subject,
                    state=url,
                    name=name,
                    models=models,
                )
            )
            wait_until_ready(server)
            # Long enough to show each of them once.
            wrk.load(server, connections=args.connections, seconds=keys / 2_500 + 1, key=folder / name, core=cores.load)
            if name == "many":
                (folder / "some").write_text("\n".join(secrets[-SOME:]) + "\n", "utf-8")
                loads |= {"some": (server, folder / "some"), "all": (server, folder / name)}
            else:
                loads[name] = server, folder / name
        found: dict[str, list[wrk.Whole]] = {name: [] for name in loads}
        for _ in range(args.rounds):
            for name, (server, keys_file) in loads.items():
                found[name].append(
                    wrk.load(server, connections=args.connections, seconds=args.seconds, key=keys_file, core=cores.load)
                )
        memory = {name: server.rss_mb() for name, (server, _) in loads.items()}
    return report(args, found, memory)


def report(args: argparse.Namespace, found: dict[str, list[wrk.Whole]], memory: dict[str, float]) -> int:
    """Print it; the exit status."""
    figures = ("rps", "cpu_us", "p99_ms", "core_busy")
    medians = {
        name: {f: statistics.median(getattr(r, f) for r in rounds) for f in figures} for name, rounds in found.items()
    }
    print(f"{'':<8}{'keys':>8}{'shown':>8}{'models':>8}{'rps':>8}{'CPU us':>8}{'p99 ms':>8}{'core':>8}{'MB':>8}")
    shown = {"few": (FEW, FEW, 1), "some": (args.keys, SOME, args.models), "all": (args.keys, args.keys, args.models)}
    for name, row in medians.items():
        print(f"{name:<8}" + "".join(f"{count:>8}" for count in shown[name]), end="")
        print(
            f"{row['rps']:>8.0f}{row['cpu_us']:>8.1f}{row['p99_ms']:>8.2f}{row['core_busy']:>8.0%}{memory[name]:>8.0f}"
        )
    few = medians["few"]
    print()
    for name in ("some", "all"):
        row = medians[name]
        print(
            f"{name} / few = {row['rps'] / few['rps']:.3f} of the requests a second (bar {BAR}), "
            f"{few['cpu_us'] / row['cpu_us']:.3f} by CPU"
        )
    return 1 if args.check and min(medians[name]["rps"] for name in ("some", "all")) < BAR * few["rps"] else 0


if __name__ == "__main__":
    sys.exit(main())
