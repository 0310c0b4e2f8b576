"""The log of calls that a configuration asks for, opened."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gateway.core.clock import Clock
from gateway.core.types import Outcome
from gateway.factory.background import in_background
from gateway.factory.collector import collector_of, needing_otel
from gateway.settings import Settings
from gateway.settings.observing import Capture
from gateway.telemetry.batches import Batches
from gateway.telemetry.calls.file import calls_file
from gateway.telemetry.calls.json_lines import JsonLines
from gateway.telemetry.calls.log import JSON_LINES, OTLP, SQLITE, CallLog
from gateway.telemetry.calls.policy import Policy
from gateway.telemetry.calls.reader import Reader
from gateway.telemetry.calls.retention import Keep
from gateway.telemetry.calls.writer import Writer

if TYPE_CHECKING:
    from gateway.factory.worker import Worker
    from gateway.telemetry.calls.otlp import OtlpLogs
    from gateway.telemetry.calls.sealed import Sealer

TEMPORARY_BYTES = 100_000_000
"""The most that a temporary file holds: its folder may be in memory."""
LINGER_S = 1.0
"""Calls that come within it are written together."""
_KB, _MB = 1_000, 1_000_000


class Sink(Protocol):
    """Where calls are written; for one thread."""

    def write(self, outcomes: Sequence[Outcome], /) -> None: ...

    def close(self) -> None: ...


@asynccontextmanager
async def running_calls(settings: Settings, clock: Clock, worker: Worker | None = None) -> AsyncIterator[CallLog]:
    """Open it while the block runs. At the end, what is queued is written, if that takes no longer than a moment.

    Raises ConfigError for a collector that can't be asked.
    """
    calls = settings.calls
    queues: dict[str, Batches[Outcome]] = {}
    policy, sealer = _capturing(calls.capture)
    otlp = otlp_logs(settings)
    reader = None
    async with AsyncExitStack() as running:
        if calls.enabled:
            path, most_bytes = _place(settings, worker, running)
            keep = Keep(
                days=calls.keep_days,
                payload_days=calls.capture.keep_days,
                bytes=min(int(calls.max_mb * _MB), most_bytes),
            )
            reader = Reader(path, clock, sealer=sealer)
            running.push_async_callback(reader.aclose)
            await running.enter_async_context(in_background(reader.keep(keep)))
            writer = Writer(path, clock, keep, policy=policy, sealer=sealer)
            queues[SQLITE] = _queue(SQLITE, writer, calls.queue, running)
        if calls.json_lines:
            lines = JsonLines(Path(calls.json_lines), int(calls.json_lines_mb * _MB))
            queues[JSON_LINES] = _queue(JSON_LINES, lines, calls.queue, running)
        if otlp is not None:
            queues[OTLP] = _queue(OTLP, otlp, calls.queue, running)
            running.callback(otlp.leave)
        yield CallLog(queues, reader=reader, policy=policy if SQLITE in queues else None, otlp=otlp)


def otlp_logs(settings: Settings) -> OtlpLogs | None:
    """What sends to ``calls.otlp``, if that is set. Asks nobody anything. Raises ConfigError."""
    otlp = settings.calls.otlp
    if not otlp.endpoint:
        return None
    with needing_otel("calls.otlp"):
        from gateway.telemetry.calls.otlp import PATH, OtlpLogs
    collector = collector_of("calls.otlp", otlp.endpoint, otlp.headers, PATH)
    return OtlpLogs(collector, service_name=settings.traces.service_name)


def _capturing(capture: Capture) -> tuple[Policy | None, Sealer | None]:
    sealer = None
    if capture.secret and (secret := capture.secret.get_secret_value()):
        # Without anybody named too: what was sealed before can be read.
        from gateway.telemetry.calls.sealed import Sealer

        sealer = Sealer(secret)
    policy = Policy(capture.keys, capture.teams, int(capture.max_kb * _KB))
    return (None if policy.is_empty else policy), sealer


def _place(settings: Settings, worker: Worker | None, running: AsyncExitStack) -> tuple[Path, int]:
    """The file, which all workers share, and the most that it may hold."""
    named = calls_file(settings.calls.path, settings.state.url.get_secret_value())
    if named is not None:
        return named, int(settings.calls.max_mb * _MB)
    folder = worker.folder if worker else Path(running.enter_context(_folder()))
    # The workers' folder holds their metrics too, and whoever adds them up reads every *.db there.
    return folder / "calls.sqlite", TEMPORARY_BYTES


def _folder() -> tempfile.TemporaryDirectory[str]:
    # A sink that would not end may still write there.
    return tempfile.TemporaryDirectory(prefix="sluice-calls-", ignore_cleanup_errors=True)


def _queue(place: str, sink: Sink, capacity: int, running: AsyncExitStack) -> Batches[Outcome]:
    queue: Batches[Outcome] = Batches(f"sluice-calls-{place}", sink.write, capacity=capacity, linger_s=LINGER_S)

    async def leave() -> None:
        if await asyncio.to_thread(queue.close):
            sink.close()

    running.push_async_callback(leave)
    return queue
