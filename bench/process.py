"""Processes on a core of their own, what they consume, and their end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil  # type: ignore[import-untyped]  # has no types of its own


class Failed(Exception):
    """The measurement can't go on; the message says why and where to look."""


class Cores:
    """The core of what is measured, and the core of all that loads it."""

    def __init__(self) -> None:
        allowed = sorted(os.sched_getaffinity(0))
        self.subject = allowed[0]
        self.load = allowed[1] if len(allowed) > 1 else allowed[0]


class Intruders:
    """What others do on a core meanwhile. User time alone: the kernel books its own on whom it interrupts."""

    def __init__(self, core: int, services: Sequence[Service]) -> None:
        self._core = core
        self._services = services
        self._began = time.monotonic()
        self._began_s = self._foreign_s()

    def share(self) -> float:
        """The share of the core that none of the services had, from 0 to 1."""
        return max(0.0, self._foreign_s() - self._began_s) / (time.monotonic() - self._began)

    def _foreign_s(self) -> float:
        core = psutil.cpu_times(percpu=True)[self._core]
        return float(core.user + core.nice - sum(service.user_s() for service in self._services))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Service:
    """A server process pinned to ``core``, its output in ``log``; ended by its id when the ``with`` is left."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        core: int,
        port: int,
        log: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.port = port
        self.log = log
        self._command = ["taskset", "--cpu-list", str(core), *command]
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches us alone, and we end the rest in order.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        family = self._family()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()

    def wait_until_accepting(self, timeout_s: float = 15) -> Self:
        """Returns when the port takes connections. Raises Failed with the log's end if it never does."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return self
            time.sleep(0.005)
        raise self.failed("does not take connections")

    def failed(self, what: str) -> Failed:
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return Failed("\n".join([f"{self.name} {what}; the end of its output:", *(line[:1000] for line in lines[-5:])]))

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def cpu_s(self) -> float:
        """CPU time used so far, the kernel's share and that of child processes among it."""
        times = [process.cpu_times() for process in self._family()]
        return float(sum(spent.user + spent.system for spent in times))

    def user_s(self) -> float:
        """As ``cpu_s``, without the kernel's share."""
        return float(sum(process.cpu_times().user for process in self._family()))

    def rss_mb(self) -> float:
        """Resident memory in MB (10^6 bytes), children's too."""
        return float(sum(process.memory_info().rss for process in self._family()) / 1e6)

    def _family(self) -> list[psutil.Process]:
        try:
            parent = psutil.Process(self._process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def end_on_sigterm() -> None:
    """Lets SIGTERM unwind the ``with`` blocks, as Ctrl-C does."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
