"""A metric family: its cells, one a set of label values, counted in place and never more than a bound.

``prometheus_client``'s own counters take a lock a step and share between processes only through memory-mapped files
that an environment variable turns on at import. These are plain lists: one event loop writes them, a scrape copies
them, and the same struct is what workers hand each other (``workers``).
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Literal

import msgspec

OTHER = "other"
"""Stands for every label value past a bound."""

Number = int | float
Labels = tuple[str, ...]
Cell = list[Number]
"""Counter and gauge: the value. Histogram: a count a bucket (each on its own, the last for +Inf), then the sum."""
Kind = Literal["counter", "gauge", "histogram"]
Merge = Literal["sum", "max", "min"]


class Family(msgspec.Struct, kw_only=True):
    """One metric. A counter's name has no ``_total``: that belongs to its samples."""

    name: str
    kind: Kind
    doc: str
    labels: Labels = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds, inclusive, ascending, without +Inf."""
    divisor: int = 1
    """Cells count in this part of the unit that is shown: 10^9 for money, which stays an integer until a scrape."""
    merge: Merge = "sum"
    """How the gauges of several workers become one. Counters and histograms are always added up."""
    max_cells: int = 2_000
    overflows: int = 0
    """How often a set of labels found no room and was counted as ``other``."""
    cells: dict[Labels, Cell] = {}

    def cell(self, labels: Labels = ()) -> Cell:
        """The cell of these label values, made if there is room; otherwise the one that is ``other`` in every label."""
        found = self.cells.get(labels)
        if found is not None:
            return found
        if labels and len(self.cells) >= self.max_cells:
            self.overflows += 1
            labels = (OTHER,) * len(labels)
        return self.cells.setdefault(labels, self._empty())

    def _empty(self) -> Cell:
        return [0] * (len(self.buckets) + 2) if self.kind == "histogram" else [0]

    def put(self, cell: Cell, value: float) -> None:
        """Count ``value`` into a histogram's cell."""
        cell[bisect_left(self.buckets, value)] += 1
        cell[-1] += value

    def copy(self) -> Family:
        """As it stands, for a reader in whatever thread; the cells themselves go on counting."""
        # dict.copy is one step of the interpreter: the loop can't add a cell halfway through it.
        cells = {labels: cell.copy() for labels, cell in self.cells.copy().items()}
        return msgspec.structs.replace(self, cells=cells)

    def absorb(self, other: Family) -> None:
        """Add another process's cells of the same family to these."""
        for labels, theirs in other.cells.items():
            ours = self.cells.get(labels)
            if ours is None:
                self.cells[labels] = theirs.copy()
            elif self.kind == "gauge" and self.merge != "sum":
                ours[0] = max(ours[0], theirs[0]) if self.merge == "max" else min(ours[0], theirs[0])
            elif len(ours) == len(theirs):
                ours[:] = [a + b for a, b in zip(ours, theirs, strict=True)]


class Words:
    """The values of one label, at most ``limit`` of them: the first that come, then ``other``.

    For labels whose values come from afar, such as the error codes that a provider makes up.
    """

    def __init__(self, limit: int, *, max_length: int = 128) -> None:
        self._known: set[str] = set()
        self._limit = limit
        self._max_length = max_length

    def __call__(self, value: str | None) -> str:
        if value is None:
            return "none"
        if value in self._known:
            return value
        if len(self._known) >= self._limit or not 0 < len(value) <= self._max_length:
            return OTHER
        plain = str(value)
        self._known.add(plain)
        return plain
