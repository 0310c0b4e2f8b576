"""The metrics of several worker processes, whichever of them is asked.

A scrape reaches one worker, and the next scrape another: answered from one's own counts, a counter would jump up and
down and every rate drawn from it be nonsense. So each worker writes its counts to a file once a second, and a scrape
writes its own and adds up all the files: what was shown once is never taken back.

A worker holds a numbered place, by a file lock that its death lets go of. Who takes the place after it goes on from its
counts, so that a restart is no step back either and the files never grow in number.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from pathlib import Path

import msgspec

from gateway.core.clock import Clock
from gateway.telemetry.exposition import render
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.tally import Family

_log = logging.getLogger(__name__)

_MAX_WORKERS = 1_024


class Snapshot(msgspec.Struct, frozen=True):
    """What one worker has counted, as its file holds it."""

    at: float
    """Seconds since the epoch."""
    families: list[Family]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Snapshot).decode


class WorkerMetrics:
    """Answers scrapes for all the workers that share ``directory``, which must be new at each start of the gateway.

    Gauges of a worker that has not written for ``stale_s`` are left out: it is dead or stuck. Its counters stay.
    Raises OSError where the directory can't be used.
    """

    def __init__(
        self,
        metrics: Metrics,
        directory: Path,
        clock: Clock,
        *,
        interval_s: float = 1.0,
        stale_s: float = 10.0,
    ) -> None:
        self._metrics = metrics
        self._directory = directory
        self._clock = clock
        self._interval_s = interval_s
        self._stale_s = stale_s
        self._lock_fd, self.place = _take_place(directory)
        self._path = directory / f"worker-{self.place}.msgpack"
        before = _read(self._path)
        self._before = [family for family in before.families if family.kind != "gauge"] if before else []
        self._writing = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Write now, then every ``interval_s`` from a thread."""
        self.publish()
        self._thread = threading.Thread(target=self._run, name="sluice-metrics", daemon=True)
        self._thread.start()

    def publish(self) -> None:
        """Write this worker's counts for the others to read, at once or not at all."""
        with self._writing:
            snapshot = Snapshot(self._clock.time(), _sum([self._before, self._metrics.families()]))
            draft = self._path.with_suffix(".draft")
            draft.write_bytes(_encode(snapshot))
            draft.replace(self._path)

    def families(self) -> list[Family]:
        """Every metric, added up over the workers."""
        self.publish()
        fresh_from = self._clock.time() - self._stale_s
        parts = []
        for path in sorted(self._directory.glob("worker-*.msgpack")):
            snapshot = _read(path)
            if snapshot is not None:
                is_fresh = snapshot.at >= fresh_from
                parts.append([family for family in snapshot.families if is_fresh or family.kind != "gauge"])
        return _sum(parts)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The page for ``GET /metrics``, as Metrics has it, for all the workers. Reads and writes files."""
        return render(self.families(), accept)

    def close(self) -> None:
        """Write for the last time and let go of the place."""
        if self._closing.is_set():
            return
        self._closing.set()
        if self._thread is not None:
            self._thread.join(self._interval_s + 1.0)
        self._publish_or_log()
        os.close(self._lock_fd)

    def _run(self) -> None:
        while not self._closing.wait(self._interval_s):
            self._publish_or_log()

    def _publish_or_log(self) -> None:
        try:
            self.publish()
        except OSError as error:
            _log.warning("the metrics of this worker could not be shared: %s", error)

    def __repr__(self) -> str:
        return f"<WorkerMetrics place {self.place} in {self._directory}>"


def _take_place(directory: Path) -> tuple[int, int]:
    """The first place that no living worker holds: its lock, to be kept open, and its number."""
    for place in range(_MAX_WORKERS):
        fd = os.open(directory / f"worker-{place}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
        else:
            return fd, place
    raise OSError(f"{directory} is shared by more than {_MAX_WORKERS} workers")


def _read(path: Path) -> Snapshot | None:
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("the metrics in %s can't be read: %s", path.name, error)
        return None


def _sum(parts: list[list[Family]]) -> list[Family]:
    total: dict[str, Family] = {}
    for families in parts:
        for family in families:
            known = total.get(family.name)
            if known is None:
                total[family.name] = family.copy()
            else:
                known.absorb(family)
    return list(total.values())
