"""What traces cost: the same gateway with and without, in turns.

    python -m bench.traces [--seconds 5] [--rounds 5] [--check]

Of ``10 %`` and ``all`` the gateway sends so many calls' spans to a collector on the other core, which counts them. That
of ``dead``, for 10 %, takes connections and never answers.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench import wrk
from bench.arguments import in_turns
from bench.gateway import KEY, gateway, wait_until_ready
from bench.nginx import mock
from bench.process import Cores, Service, end_on_sigterm
from bench.report import median

BAR = 0.9
"""Of the requests a second without traces, at 10 % sampling."""
SETTINGS = 'traces: {{endpoint: "http://127.0.0.1:{port}", sample: {sample}}}\n'


class Sink(ThreadingHTTPServer):
    """Takes OTLP and keeps it, to be counted when nothing is measured."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.bodies: list[bytes] = []

    @property
    def calls(self) -> int:
        """Spans without a parent."""
        requests = map(ExportTraceServiceRequest.FromString, self.bodies)
        return sum(
            not span.parent_span_id
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        )


class _Post(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Sink

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextlib.contextmanager
def sink() -> Iterator[Sink]:
    with Sink() as taking:
        thread = threading.Thread(target=taking.serve_forever, daemon=True)
        thread.start()
        yield taking
        taking.shutdown()
        thread.join()


def main() -> int:
    args = in_turns("bench.traces", __doc__, rounds=5).parse_args()
    end_on_sigterm()
    cores = Cores()
    os.sched_setaffinity(0, {cores.load})
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as made, contextlib.ExitStack() as running:
        folder = Path(made)
        upstream = running.enter_context(mock(folder, core=cores.load, chunks=10, interval_ms=5)).wait_until_accepting()
        taking, taking_all = running.enter_context(sink()), running.enter_context(sink())
        deaf = running.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128))
        traces = {
            "off": "",
            "10 %": SETTINGS.format(port=taking.server_port, sample=0.1),
            "all": SETTINGS.format(port=taking_all.server_port, sample=1),
            "dead": SETTINGS.format(port=deaf.getsockname()[1], sample=0.1),
        }

        def started(name: str, more: str) -> Service:
            place = folder / name
            return running.enter_context(
                gateway(place, upstream=upstream.port, core=cores.subject, name=name, more=more)
            )

        gateways = [started(name, more) for name, more in traces.items()]
        for each in gateways:
            wait_until_ready(each)
        found = wrk.rounds(
            gateways, args.rounds, connections=args.connections, seconds=args.seconds, key=KEY, core=cores.load
        )
        taken = taking.calls
    return report(found, taken, args)


def report(found: dict[str, list[wrk.Whole]], taken: int, args: argparse.Namespace) -> int:
    """Each round beside the one without traces that it came next to: others may use the machine."""
    print(f"{'traces':<8}{'rps':>8}{'CPU us':>8}{'p50 ms':>8}{'p99 ms':>8}{'/ off':>8}")
    ratios = {}
    for name, rounds in found.items():
        row = median(rounds)
        ratios[name] = statistics.median(
            each.rps / beside.rps for each, beside in zip(rounds, found["off"], strict=True)
        )
        print(f"{name:<8}{row.rps:>8.0f}{row.cpu_us:>8.1f}{row.p50_ms:>8.2f}{row.p99_ms:>8.2f}{ratios[name]:>8.3f}")
    calls = sum(each.rps for each in found["10 %"]) * args.seconds
    print(f"\nthe collector of 10 % took {taken} calls of some {calls:.0f}, and those of the warm-up (bar {BAR})")
    return 1 if args.check and min(ratios["10 %"], ratios["dead"]) < BAR else 0


if __name__ == "__main__":
    sys.exit(main())
