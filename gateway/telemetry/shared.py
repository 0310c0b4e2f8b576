"""The figures of several workers of one machine on one page, whichever of them is scraped.

Two kinds of figures, two ways. What is counted of every call lives in files that ``prometheus_client`` maps into memory
(its mode for several processes): a count is there for the others at once, and stays if its worker is killed. What is
asked for at a scrape (``Readings``, the process's own figures) each worker publishes as a file of JSON, once a second
and whenever it is scraped itself.
https://prometheus.github.io/client_python/multiprocess/

Files are named by the worker's number, not its process id: a worker that takes a dead one's place counts on from where
that one was, and a thousand restarts leave no more files than there are workers.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from prometheus_client import values
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from gateway.telemetry.labels import Labels
from gateway.telemetry.readings import WELL_KNOWN, Over

_SUFFIX = ".json"
_FOREIGN: dict[str, Over] = {"process_start_time_seconds": "min", "python_info": "max"}
"""How the library's own figures of all workers make one. Counters, and whatever is not named here, are added up."""
_HOW = {**_FOREIGN, **{reading.name: reading.over_workers for reading in WELL_KNOWN}}


class Sheet(msgspec.Struct, frozen=True):
    """One metric as a worker published it: a value for each tuple of label values."""

    name: str
    doc: str
    is_counter: bool
    label_names: tuple[str, ...]
    values: list[tuple[Labels, float]]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Sheet]).decode


class SharedFigures(Collector):
    """The folder in which workers put their figures, as the worker ``number`` has it.

    ``collect`` gives what all of them published. Made before the first metric of the process, and by one thread.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self._path = folder / f"{number}{_SUFFIX}"
        self._folder = folder
        self._own: Collector | None = None
        self._lock = threading.Lock()
        # What a predecessor of this number had counted, for no counter may go back.
        self._before = {
            (sheet.name, labels): value
            for sheet in _read(self._path)
            if sheet.is_counter
            for labels, value in sheet.values
        }
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]

    def counted(self) -> Collector:
        """What all workers counted."""
        collector: Collector = MultiProcessCollector(None, str(self._folder))  # type: ignore[no-untyped-call]
        return collector

    def read_from(self, own: Collector) -> None:
        """Publish what ``own`` gives: gauges and counters."""
        self._own = own

    def publish(self) -> None:
        """Put down this worker's figures as they are now. For a thread: it asks every reader."""
        if self._own is None:
            return
        # One at a time: of two, the later reading must be the one that stays.
        with self._lock:
            sheets = [self._sheet(metric) for metric in self._own.collect() if metric.samples]
            _write(self._path, sheets)

    def collect(self) -> Iterator[Metric]:
        self.publish()
        return _merged(sheet for path in sorted(self._folder.glob(f"*{_SUFFIX}")) for sheet in _read(path))

    def _sheet(self, metric: Metric) -> Sheet:
        is_counter = metric.type == "counter"
        # One of a counter's samples is when it began, which no sum has a use for. JSON has no infinity.
        samples = [
            sample for sample in metric.samples if not sample.name.endswith("_created") and math.isfinite(sample.value)
        ]
        names = tuple(samples[0].labels) if samples else ()
        shown = []
        for sample in samples:
            labels = tuple(sample.labels[name] for name in names)
            before = self._before.get((metric.name, labels), 0.0) if is_counter else 0.0
            shown.append((labels, sample.value + before))
        if is_counter:
            told = {labels for labels, _ in shown}
            shown += [
                (labels, value)
                for (name, labels), value in self._before.items()
                if name == metric.name and labels not in told
            ]
        return Sheet(metric.name, metric.documentation, is_counter, names, shown)


def publish_sheets(folder: Path, number: int, metrics: Iterable[Metric]) -> None:
    """Put down ``metrics`` under ``number``: for who is no worker."""
    sheets = [
        Sheet(metric.name, metric.documentation, metric.type == "counter", (), [((), metric.samples[0].value)])
        for metric in metrics
    ]
    _write(folder / f"{number}{_SUFFIX}", sheets)


def forget_worker(folder: Path, number: int) -> None:
    """The worker ``number`` is dead: what it counted stays, what it was at no longer is."""
    path = folder / f"{number}{_SUFFIX}"
    if path.exists():
        _write(path, [sheet for sheet in _read(path) if sheet.is_counter])


def _read(path: Path) -> list[Sheet]:
    with contextlib.suppress(FileNotFoundError):
        return _decode(path.read_bytes())
    return []


def _write(path: Path, sheets: Sequence[Sheet]) -> None:
    # Whole or not at all: a reader, or a kill, may come at any moment.
    unfinished = path.with_suffix(".tmp")
    unfinished.write_bytes(_encode(sheets))
    unfinished.replace(path)


def _merged(sheets: Iterable[Sheet]) -> Iterator[Metric]:
    by_name: dict[str, tuple[Sheet, dict[Labels, float]]] = {}
    for sheet in sheets:
        _, sums = by_name.setdefault(sheet.name, (sheet, {}))
        over = _HOW.get(sheet.name, "sum")
        for labels, value in sheet.values:
            sums[labels] = _over(over, sums[labels], value) if labels in sums else value
    for sheet, sums in by_name.values():
        family = CounterMetricFamily if sheet.is_counter else GaugeMetricFamily
        metric = family(sheet.name, sheet.doc, labels=sheet.label_names)
        for labels, value in sums.items():
            metric.add_metric(labels, value)
        yield metric


def _over(over: Over, a: float, b: float) -> float:
    if over == "sum":
        return a + b
    return max(a, b) if over == "max" else min(a, b)
