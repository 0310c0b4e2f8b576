"""What it costs to be watched: a gateway that nobody observes beside one with all of it, in turns.

    python -m bench.observed [--seconds 5] [--rounds 3] [--check]

``watched`` counts metrics, writes a line of each call to standard error, and puts it into the log of calls: as shipped.
While it is loaded it is scraped, and a console is open on three pages, which are asked for what they show as often as
they ask. ``dead sink`` is the same, and logs besides to a collector that takes connections and never answers.

Of each there are several processes, and the median is over all their rounds: where a process happened to put what in
its memory makes up to 3 % of its requests a second, for as long as it lives.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import socket
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import wrk
from bench.arguments import in_turns
from bench.gateway import KEY, gateway, wait_until_ready
from bench.nginx import mock
from bench.process import Cores, Service, end_on_sigterm
from bench.report import median

BAR = 0.9
"""Of the requests a second of the gateway that nobody observes."""
ADMIN_KEY = "sk-bench-admin-0123456789abcdef0123456789"
KINDS = UNOBSERVED, WATCHED, DEAD_SINK = "unobserved", "watched", "dead sink"
LOOKS_S = {"/metrics": 5.0, "/admin/v1/live": 1.0, "/admin/v1/targets": 2.0, "/admin/v1/calls": 2.0}
"""How often each is asked for."""


class Watcher(threading.Thread):
    """Asks for a path again and again, until it is told to end. ``looks`` counts the answers."""

    def __init__(self, service: Service, path: str, every_s: float) -> None:
        super().__init__(daemon=True)
        self._service = service
        self._path = path
        self._every_s = every_s
        self._is_over = threading.Event()
        self.looks = 0

    def run(self) -> None:
        while not self._is_over.wait(self._every_s):
            connection = http.client.HTTPConnection("127.0.0.1", self._service.port, timeout=10)
            with contextlib.closing(connection):
                connection.request("GET", self._path, headers={"authorization": f"Bearer {ADMIN_KEY}"})
                reply = connection.getresponse()
                reply.read()
                if reply.status != 200:
                    raise self._service.failed(f"answered {self._path} with {reply.status}")
                self.looks += 1

    def end(self) -> None:
        self._is_over.set()
        self.join()


@contextlib.contextmanager
def watching(service: Service) -> Iterator[list[Watcher]]:
    """A scraper and an open console."""
    watchers = [Watcher(service, path, every_s) for path, every_s in LOOKS_S.items()]
    for watcher in watchers:
        watcher.start()
    try:
        yield watchers
    finally:
        for watcher in watchers:
            watcher.end()


@contextlib.contextmanager
def deaf() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener.getsockname()[1]


def settings(folder: Path, *, dead_port: int | None = None) -> str:
    """What the configuration says beside the usual."""
    otlp = f'\n  otlp: {{endpoint: "http://127.0.0.1:{dead_port}"}}' if dead_port else ""
    return f"""\
admins: [{{name: bench, role: admin, key: {ADMIN_KEY}}}]
calls:
  path: {folder}/calls.db{otlp}
"""


def measured(gateways: Sequence[Service], args: argparse.Namespace) -> tuple[int, dict[str, list[wrk.Whole]]]:
    """The rounds of each kind, in turns. All but the unobserved are watched under load; how often, is told too."""
    looks = 0
    found: dict[str, list[wrk.Whole]] = {each.name: [] for each in gateways}
    for number in range(args.rounds + 1):
        for each in gateways:
            with contextlib.ExitStack() as during:
                watchers = during.enter_context(watching(each)) if each.name != UNOBSERVED else []
                seconds = args.seconds if number else 1
                one = wrk.load(each, connections=args.connections, seconds=seconds, key=KEY, core=Cores().load)
            if number:  # the first is to warm up
                found[each.name].append(one)
                looks += sum(watcher.looks for watcher in watchers)
    return looks, found


def main() -> int:
    parser = in_turns("bench.observed", __doc__, rounds=2)
    parser.add_argument("--processes", type=int, default=4, help="of each kind (4)")
    args = parser.parse_args()
    end_on_sigterm()
    cores = Cores()
    os.sched_setaffinity(0, {cores.load})
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as made, contextlib.ExitStack() as running:
        folder = Path(made)
        upstream = running.enter_context(mock(folder, core=cores.load, chunks=10, interval_ms=5)).wait_until_accepting()
        dead_port = running.enter_context(deaf())

        def started(name: str, number: int) -> Service:
            place = folder / f"{name} {number}"
            module, more = "gateway", settings(place, dead_port=dead_port if name == DEAD_SINK else None)
            if name == UNOBSERVED:
                module, more = "bench.unobserved", "calls: {enabled: false}\n"
            made = gateway(place, upstream=upstream.port, core=cores.subject, name=name, module=module, more=more)
            return running.enter_context(made)

        gateways = [started(name, number) for number in range(args.processes) for name in KINDS]
        for each in gateways:
            wait_until_ready(each)
        looks, found = measured(gateways, args)
    rps = {name: statistics.median(each.rps for each in rounds) for name, rounds in found.items()}
    print(f"{'':<12}{'rps':>8}{'CPU us':>8}{'core':>7}{'p50 ms':>8}{'p99 ms':>8}")
    for name, rounds in found.items():
        row = median(rounds)
        print(f"{name:<12}{rps[name]:>8.0f}{row.cpu_us:>8.1f}{row.core_busy:>7.0%}{row.p50_ms:>8.2f}{row.p99_ms:>8.2f}")
    ratios = {name: each / rps[UNOBSERVED] for name, each in rps.items() if name != UNOBSERVED}
    shown = ", ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items())
    print(f"\nof the requests a second of one that nobody observes: {shown} (bar {BAR}); {looks} looks were answered")
    return 1 if args.check and ratios[WATCHED] < BAR else 0


if __name__ == "__main__":
    sys.exit(main())
