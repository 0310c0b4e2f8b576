"""A gateway in a process of its own that tells what goes on inside: tasks, sockets, memory, holds, stalls of its loop.

It is served as ``sluice serve`` serves it, on the same loop and by the same server. Commands come as lines on its
standard input, each answered by a line of JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import psutil  # type: ignore[import-untyped]  # has no types of its own
import uvloop

from gateway.catalog.catalog import Catalog
from gateway.factory.gateway import Gateway, running_gateway
from gateway.factory.server import Server, uvicorn_config
from gateway.settings import load
from gateway.state.memory import MemoryStore
from gateway.telemetry.log_writer import LogWriter

TICK_S = 0.001


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was found inside. Stalls are the longest since the last look."""

    tasks: int
    sockets: int
    kept: int
    """Idle connections to providers, among the sockets."""
    rss_mb: float
    """Resident memory in MB (10^6 bytes)."""
    peak_mb: float
    objects: int
    """That the collector knows of, after a collection."""
    holds: int
    stall_ms: float
    """From one turn of the loop to the next, less the millisecond that was asked for."""
    busy_ms: float
    """CPU that the loop's thread used within one turn: a stall without what other processes took."""


class Inside:
    """The process, as a context manager."""

    def __init__(self, config: dict[str, Any], folder: Path, *, core: int | None = None) -> None:
        self._path = folder / "inside.yaml"
        self._path.write_text(json.dumps(config), "utf-8")
        self._core = core
        self.url = ""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "bench.inside", str(self._path)]
        if self._core is not None:
            command = ["taskset", "--cpu-list", str(self._core), *command]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.url = self._line()["url"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=30)

    def look(self) -> Look:
        assert self._process.stdin is not None
        self._process.stdin.write(b"look\n")
        self._process.stdin.flush()
        return msgspec.convert(self._line(), Look)

    async def alook(self) -> Look:
        return await asyncio.to_thread(self.look)

    def _line(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the gateway has ended")
        return json.loads(line)


class Ticker:
    """Is called every millisecond, straight by the loop, and notes by how much that was late."""

    def __init__(self) -> None:
        self.stall_s = self.busy_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._at, self._used = time.perf_counter(), time.thread_time()
        self._tick()

    def _tick(self) -> None:
        before, used_before = self._at, self._used
        self._at, self._used = time.perf_counter(), time.thread_time()
        self.stall_s = max(self.stall_s, self._at - before - TICK_S)
        self.busy_s = max(self.busy_s, self._used - used_before)
        self._timer = self._loop.call_later(TICK_S, self._tick)

    def stop(self) -> None:
        self._timer.cancel()

    def taken(self) -> tuple[float, float]:
        """Milliseconds of both, and begin anew."""
        found = self.stall_s * 1000, self.busy_s * 1000
        self.stall_s = self.busy_s = 0.0
        return found


def look(gateway: Gateway, ticker: Ticker, process: Any) -> Look:
    stall_ms, busy_ms = ticker.taken()
    gc.collect()
    connectors = gateway.upstreams.connectors
    store = gateway.store
    return Look(
        tasks=len(asyncio.all_tasks()),
        sockets=sum(map(_is_socket, Path("/proc/self/fd").iterdir())),
        kept=sum(connector.idle_connections for connector in connectors),
        rss_mb=process.memory_info().rss / 1e6,
        peak_mb=_peak_mb(),
        objects=len(gc.get_objects()),
        holds=len(store._counters._open) if isinstance(store, MemoryStore) else -1,  # noqa: SLF001  nobody else asks
        stall_ms=stall_ms,
        busy_ms=busy_ms,
    )


def _is_socket(descriptor: Path) -> bool:
    try:
        return str(descriptor.readlink()).startswith("socket:")
    except OSError:  # the one that lists them
        return False


def _peak_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def _obey(gateway: Gateway, ticker: Ticker, loop: asyncio.AbstractEventLoop) -> None:
    """In a thread: answer each line that comes."""
    process = psutil.Process()
    for _ in sys.stdin:
        found: asyncio.Future[Look] = asyncio.run_coroutine_threadsafe(_look(gateway, ticker, process), loop)  # type: ignore[assignment]
        print(msgspec.json.encode(found.result()).decode(), flush=True)


async def _look(gateway: Gateway, ticker: Ticker, process: Any) -> Look:
    found = look(gateway, ticker, process)
    ticker.taken()
    return found


async def _serve(path: Path) -> None:
    settings = load(path, os.environ)
    writer = LogWriter(os.open(os.devnull, os.O_WRONLY))
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    listener.setblocking(False)
    ticker = Ticker()
    try:
        async with running_gateway(settings, catalog=Catalog.load(), log_writer=writer) as gateway:
            loop = asyncio.get_running_loop()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"

            def ready() -> None:
                threading.Thread(target=_obey, args=(gateway, ticker, loop), daemon=True).start()
                print(json.dumps({"url": url}), flush=True)

            # Whoever measures has gone when it ends: nobody needs notice.
            alone = settings.server.model_copy(update={"notice_s": 0, "shutdown_grace_s": 1})
            await Server(uvicorn_config(gateway), gateway, alone, ready).serve(sockets=[listener])
    finally:
        ticker.stop()
        writer.close()


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1])))
