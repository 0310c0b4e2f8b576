"""Memory, CPU, files and garbage collection of this process, under the names that every Prometheus client uses."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from gateway.telemetry.tally import Family, Merge

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_MERGES: dict[str, Merge] = {"process_start_time_seconds": "min", "process_max_fds": "min", "python_info": "max"}
"""Of several workers; everything else is added up."""


def process_families() -> list[Family]:
    """As they stand now. The first time takes 50 ms, for an import that a start should not wait for."""
    families = []
    for metric in _registry().collect():
        family = Family(
            name=metric.name,
            kind="counter" if metric.type == "counter" else "gauge",
            doc=metric.documentation,
            labels=tuple(metric.samples[0].labels) if metric.samples else (),
            merge=_MERGES.get(metric.name, "sum"),
        )
        for sample in metric.samples:
            family.cells[tuple(sample.labels.values())] = [sample.value]
        families.append(family)
    return families


@cache
def _registry() -> CollectorRegistry:
    from prometheus_client import (  # noqa: PLC0415  its import drags in an HTTP server
        CollectorRegistry,
        GCCollector,
        PlatformCollector,
        ProcessCollector,
    )

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
