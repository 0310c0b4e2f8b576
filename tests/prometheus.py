"""Real Prometheus servers for tests: each a process on a free port of loopback, with a folder of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from tests.programs import needed
from tests.redis_server import free_port

START_S = 20.0


class PrometheusError(Exception):
    """What Prometheus says is wrong with a query."""


class PrometheusServer:
    """A running Prometheus that reads ``/metrics`` of ``targets`` (``host:port``) each second, from when it is made
    until ``stop()``. ``rules`` are paths of rule files, which it follows each second too.
    """

    def __init__(self, targets: list[str], rules: list[Path]) -> None:
        program = needed("prometheus", "prometheus")
        self.folder = Path(tempfile.mkdtemp(prefix="prometheus-"))
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"},
            "rule_files": [str(path) for path in rules],
            "scrape_configs": [{"job_name": "sluice", "static_configs": [{"targets": targets}]}],
        }
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.url = f"http://127.0.0.1:{free_port()}"
        self._log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(
            [
                program,
                f"--config.file={self.folder}/prometheus.yml",
                f"--storage.tsdb.path={self.folder}/data",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            self._await_ready()
        except BaseException:
            self.stop()
            raise

    def now(self, query: str, at: float | None = None) -> list[dict[str, Any]]:
        """The samples of an instant query: ``metric``, and ``value`` as time and text."""
        return self._ask("query", {"query": query, **({} if at is None else {"time": at})})

    def over(self, query: str, start: float, end: float, step_s: float = 1) -> list[dict[str, Any]]:
        """The series of a range query: ``metric``, and ``values`` as pairs of time and text."""
        return self._ask("query_range", {"query": query, "start": start, "end": end, "step": step_s})

    def number(self, query: str, at: float | None = None) -> float:
        """The sum of all samples; 0 where there are none."""
        return sum(float(sample["value"][1]) for sample in self.now(query, at))

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _ask(self, what: str, fields: Mapping[str, object]) -> list[dict[str, Any]]:
        try:
            with urlopen(f"{self.url}/api/v1/{what}", urlencode(fields).encode(), timeout=30) as answer:
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        except URLError as error:
            said = error.read().decode() if hasattr(error, "read") else str(error)
            raise PrometheusError(f"{said}\n{fields['query']}") from None
        return found

    def _await_ready(self) -> None:
        give_up = time.monotonic() + START_S
        while time.monotonic() < give_up:
            if self._process.poll() is not None:
                raise RuntimeError(f"prometheus ended at once: {(self.folder / 'log').read_text()}")
            try:
                with urlopen(f"{self.url}/-/ready", timeout=1):
                    return
            except OSError:
                time.sleep(0.02)
        raise TimeoutError(f"prometheus was not ready within {START_S} s")
