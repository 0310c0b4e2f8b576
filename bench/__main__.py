"""The load test, top to bottom: ``bench/run`` calls it once all that it needs is there."""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench import streams, wrk
from bench.formats import STREAMS
from bench.gateway import KEY, gateway, start_s, wait_until_ready
from bench.nginx import mock, nginx
from bench.process import Cores, Failed, Intruders, Service, end_on_sigterm
from bench.report import Memory, Report, Start

WARM_STARTS = 3
SINGLE_SHARE = 0.4
"""One connection shows its median sooner than 64 do."""


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description="Load test of the gateway beside nginx.")
    parser.add_argument("--seconds", type=float, default=5, help="length of a round (5)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each, in turns; medians are shown (3)")
    parser.add_argument("--connections", type=int, default=64, help="connections of whole replies (64)")
    parser.add_argument("--streams", type=int, default=100, help="streams at once (100)")
    parser.add_argument("--chunks", type=int, default=200, help="chunks a stream (200)")
    parser.add_argument("--interval-ms", type=float, default=5, help="from chunk to chunk of a stream (5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's figures there")
    parser.add_argument("--check", action="store_true", help="exit 1 if a bar is missed")
    return parser.parse_args()


def start_times(folder: Path, *, upstream: int, cores: Cores) -> Start:
    # What the first start compiles is there for those after it.
    compiled = {
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "PYTHONDONTWRITEBYTECODE": "",
        "SLUICE_CACHE_DIR": str(folder / "prices"),
    }
    cold_s, *warm_s = (
        start_s(gateway(folder, upstream=upstream, core=cores.subject, env=compiled)) for _ in range(1 + WARM_STARTS)
    )
    return Start(cold_s=cold_s, warm_s=statistics.median(warm_s))


def rounds_streamed(
    servers: Sequence[Service], args: argparse.Namespace, cores: Cores
) -> dict[str, list[streams.Streamed]]:
    found: dict[str, list[streams.Streamed]] = {server.name: [] for server in servers}
    for _ in range(args.rounds):
        for server in servers:
            load = streams.load(
                server, streams=args.streams, chunks=args.chunks, seconds=args.seconds, key=KEY, core=cores.load
            )
            found[server.name].append(load)
    return found


def rounds_translated(
    folder: Path, args: argparse.Namespace, cores: Cores, *, upstream: int
) -> dict[str, list[streams.Streamed]]:
    """Of a gateway of its own: what other dialects load would count against the first one's memory and start."""
    found: dict[str, list[streams.Streamed]] = {kind: [] for kind in STREAMS}
    with gateway(folder, upstream=upstream, core=cores.subject, translates=True) as subject:
        wait_until_ready(subject)
        for _ in range(args.rounds):
            for kind, rows in found.items():
                load = streams.load(
                    subject,
                    streams=args.streams,
                    chunks=args.chunks,
                    seconds=args.seconds,
                    key=KEY,
                    core=cores.load,
                    model=f"bench-{kind}",
                )
                rows.append(load)
    return found


def measure(args: argparse.Namespace, folder: Path, cores: Cores) -> Report:
    with contextlib.ExitStack() as running:
        upstream = running.enter_context(
            mock(folder, core=cores.load, chunks=args.chunks, interval_ms=args.interval_ms)
        ).wait_until_accepting()
        say("start times")
        start = start_times(folder / "starts", upstream=upstream.port, cores=cores)

        proxy = running.enter_context(nginx(folder / "nginx", upstream=upstream.port, core=cores.subject))
        proxy.wait_until_accepting()
        subject = running.enter_context(gateway(folder / "gateway", upstream=upstream.port, core=cores.subject))
        wait_until_ready(subject)
        started_mb = subject.rss_mb()
        intruders = Intruders(cores.subject, [proxy, subject])

        load: wrk.Load = {"key": KEY, "core": cores.load}
        say(f"whole replies, {args.connections} connections")
        whole = wrk.rounds([proxy, subject], args.rounds, connections=args.connections, seconds=args.seconds, **load)
        say("whole replies, one connection")
        seconds = max(1.0, SINGLE_SHARE * args.seconds)
        single = wrk.rounds([upstream, proxy, subject], args.rounds, connections=1, seconds=seconds, **load)
        say(f"{args.streams} streams, {args.chunks} chunks each")
        streamed = rounds_streamed([proxy, subject], args, cores)
        memory = Memory(started_mb=started_mb, loaded_mb=subject.rss_mb())
        foreign = intruders.share()
        say(f"{args.streams} streams of each other dialect")
        translated = rounds_translated(folder / "translating", args, cores, upstream=upstream.port)
    return Report(
        whole=whole,
        single=single,
        streamed=streamed,
        translated=translated,
        start=start,
        memory=memory,
        foreign=foreign,
    )


def say(what: str) -> None:
    print(f"... {what}", file=sys.stderr, flush=True)


def main() -> int:
    args = options()
    end_on_sigterm()
    cores = Cores()
    if cores.load == cores.subject:
        say("only one core: the load and what it loads share it, and every figure is too low")
    # Nor may the one who measures disturb what is measured.
    os.sched_setaffinity(0, {cores.load})

    try:
        with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
            report = measure(args, Path(folder), cores)
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130

    print("\n".join(report.lines()))
    if args.json:
        args.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    if not args.check:
        return 0
    bars = report.bars()
    print("\n" + "\n".join(f"{'met   ' if bar.is_met else 'MISSED'}    {bar.what}" for bar in bars))
    return 0 if all(bar.is_met for bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
