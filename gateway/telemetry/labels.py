"""Bounds on labels: what strangers may name must not grow a page of metrics."""

from __future__ import annotations

from typing import Generic, TypeVar

from prometheus_client import Counter, Histogram

from gateway.telemetry.text import encodable

OTHER = "other"
"""Stands for every label value past a bound."""
NONE = "none"
"""Stands for a label that a call has no value for."""

Labels = tuple[str, ...]
M = TypeVar("M", Counter, Histogram)


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
            return NONE
        if value in self._known:
            return value
        if len(self._known) >= self._limit or not 0 < len(value) <= self._max_length:
            return OTHER
        plain = str(value)
        self._known.add(plain)
        return plain


class Capped(Generic[M]):
    """A metric's children by label values: the first ``limit``, then the one that is ``other`` in every label.

    ``prometheus_client`` itself sets no bound. It has the children too, behind a lock and a string of each value; here
    they are one look-up away.
    """

    def __init__(self, metric: M, limit: int, overflows: Counter) -> None:
        self._metric: M = metric
        self._limit = limit
        self._overflows = overflows
        self._children: dict[Labels, M] = {}

    def __call__(self, *labels: str) -> M:
        child = self._children.get(labels)
        if child is None:
            if len(self._children) >= self._limit:
                self._overflows.inc()
                labels = (OTHER,) * len(labels)
            # One label that UTF-8 can't hold would cost the whole page.
            child = self._metric.labels(*map(encodable, labels))
            self._children[labels] = child
        return child

    def __repr__(self) -> str:
        return f"<Capped {self._metric}: {len(self._children)} of {self._limit}>"


class Named:
    """A counter's children by the one label that it has: the first ``limit`` names, and ``other`` for all others."""

    def __init__(self, counter: Capped[Counter], limit: int) -> None:
        self._counter = counter
        self._word = Words(limit)
        self._children: dict[str, Counter] = {}

    def __call__(self, name: str) -> Counter:
        child = self._children.get(name)
        if child is None:
            word = self._word(name)
            child = self._counter(word)
            # Names past the bound are not kept: there may be a hundred thousand of them.
            if word != OTHER:
                self._children[name] = child
        return child
