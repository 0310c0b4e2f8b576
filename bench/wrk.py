"""wrk: so many connections, each with one request at a time, as fast as replies come."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, Unpack

import msgspec

from bench.process import Failed, Service

SCRIPT = Path(__file__).with_name("post.lua")


class Load(TypedDict):
    """What a load needs beside the server: a key, or a file with one key a line, which are asked with in turn; and the
    core that it runs on.
    """

    key: str | Path
    core: int


class Whole(msgspec.Struct, frozen=True):
    """One round of whole replies. ``core_busy`` is the share of its core that the server used."""

    rps: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    core_busy: float


def body(size: int = 1024) -> bytes:
    """A chat request of ``size`` bytes."""
    request = {"model": "bench", "messages": [{"role": "user", "content": ""}], "max_tokens": 200}
    padding = size - len(json.dumps(request, separators=(",", ":")))
    request["messages"] = [{"role": "user", "content": ("All rivers know the way. " * size)[:padding]}]
    return json.dumps(request, separators=(",", ":")).encode()


def rounds(
    servers: Sequence[Service], count: int, *, connections: int, seconds: float, **given: Unpack[Load]
) -> dict[str, list[Whole]]:
    """So many rounds of each, in turns, after a short one to warm up."""
    for server in servers:
        load(server, connections=connections, seconds=1, **given)
    found: dict[str, list[Whole]] = {server.name: [] for server in servers}
    for _ in range(count):
        for server in servers:
            found[server.name].append(load(server, connections=connections, seconds=seconds, **given))
    return found


def load(service: Service, *, connections: int, seconds: float, key: str | Path, core: int) -> Whole:
    """Loads ``service`` for ``seconds``. Raises Failed if a single reply was no success."""
    command = ["taskset", "--cpu-list", str(core), "wrk", "--threads", "1", "--connections", str(connections)]
    command += ["--duration", f"{seconds:.0f}s", "--timeout", "10s", "--script", str(SCRIPT)]
    command.append(f"http://127.0.0.1:{service.port}/v1/chat/completions")
    env = {
        **os.environ,
        "BENCH_BODY": body().decode(),
        ("BENCH_KEYS" if isinstance(key, Path) else "BENCH_KEY"): str(key),
    }

    cpu_before_s = service.cpu_s()
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=seconds + 30, check=False)
    cpu_s = service.cpu_s() - cpu_before_s

    if run.returncode != 0 or not run.stdout.strip().endswith("}"):
        raise Failed(f"wrk failed: {run.stderr or run.stdout}")
    figures = json.loads(run.stdout.strip().splitlines()[-1])
    if figures["failures"] or not figures["requests"]:
        raise service.failed(f"gave {figures['failures']} failures in {figures['requests']} replies")
    return Whole(
        rps=figures["requests"] / figures["seconds"],
        p50_ms=figures["p50_ms"],
        p99_ms=figures["p99_ms"],
        cpu_us=cpu_s / figures["requests"] * 1e6,
        core_busy=cpu_s / figures["seconds"],
    )
