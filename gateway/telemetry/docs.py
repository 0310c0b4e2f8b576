"""``docs/metrics.md``, written from the metrics themselves.

``python -m gateway.telemetry.docs [--check] [FOLDER]`` writes it, or tells whether it is as it would be written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from gateway.core.usage import TOKEN_KINDS
from gateway.telemetry.families import (
    BUILD_INFO,
    COUNTERS,
    HISTOGRAM_SHARE,
    HISTOGRAMS,
    MAX_KEYS,
    MAX_SERIES,
    MAX_TEAMS,
    Family,
)
from gateway.telemetry.readings import WELL_KNOWN, Reading

FILE = "metrics.md"

_COUNTED = ("name", "labels", "what it says", "at most")
_READ = ("name", "type", "labels", "what it says", "workers")
_MOST_HISTOGRAMS = MAX_SERIES // HISTOGRAM_SHARE


def page() -> str:
    """The page: the guide, and in it a table of each kind of metric."""
    guide = Path(__file__).with_name("guide.md").read_text(encoding="utf-8")
    return guide.format(
        counters=_table(_COUNTED, map(_counter, COUNTERS)),
        histograms=_table(_COUNTED, map(_histogram, HISTOGRAMS)),
        buckets=_table(("name", "upper bounds, in seconds"), map(_buckets, HISTOGRAMS)),
        readings=_table(_READ, [_build(), *map(_reading, WELL_KNOWN)]),
        kinds=_names(TOKEN_KINDS),
        most=MAX_SERIES,
        most_histograms=_MOST_HISTOGRAMS,
        most_keys=MAX_KEYS,
        most_teams=MAX_TEAMS,
    )


def main(args: Sequence[str]) -> int:
    """Write the page into the folder (``docs`` unless named), or with ``--check`` compare it; 1 if it is stale."""
    file = Path(next((arg for arg in args if not arg.startswith("--")), "docs")) / FILE
    if "--check" not in args:
        file.write_text(page(), encoding="utf-8")
        return 0
    if file.exists() and file.read_text(encoding="utf-8") == page():
        return 0
    sys.stderr.write(f"{file} is not up to date: run scripts/metrics-docs\n")
    return 1


def _counter(family: Family) -> tuple[str, ...]:
    return f"`{family.name}_total`", _names(family.labels), family.doc, f"{family.most:,}"


def _histogram(family: Family) -> tuple[str, ...]:
    return f"`{family.name}`", _names(family.labels), family.doc, f"{min(family.most, _MOST_HISTOGRAMS):,}"


def _buckets(family: Family) -> tuple[str, ...]:
    return f"`{family.name}`", ", ".join(f"{bound:f}".rstrip("0").rstrip(".") for bound in family.bounds_s)


def _reading(reading: Reading) -> tuple[str, ...]:
    name = f"{reading.name}_total" if reading.kind == "counter" else reading.name
    return f"`{name}`", reading.kind, _names(reading.labels), reading.doc, reading.over_workers


def _build() -> tuple[str, ...]:
    return f"`{BUILD_INFO.name}`", "gauge", _names(BUILD_INFO.labels), BUILD_INFO.doc, "max"


def _names(labels: Iterable[str]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
