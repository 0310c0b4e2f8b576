"""What was spent, for reports: sums by day, key, team, model, provider and tag. Budgets have counters of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

Dimension = Literal["day", "key", "team", "model", "provider", "tag"]


class Cell(msgspec.Struct, frozen=True, order=True):
    """One row's coordinates. ``day`` is ISO 8601 in the zone of ``server.timezone``; empty strings stand for none."""

    day: str
    key: str
    team: str
    model: str
    provider: str
    tags: tuple[str, ...] = ()
    """Sorted. One call with two tags is one row, found under either."""


class Amounts(msgspec.Struct, frozen=True):
    """What is summed."""

    cost_nanousd: int = 0
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows, and by what they are summed. Days are inclusive. By ``tag``, a row counts under each of its tags."""

    by: tuple[Dimension, ...]
    first_day: str
    last_day: str
    where: Mapping[Dimension, str] = {}


class Spending(Protocol):
    """Keeps the sums. ``add`` is exactly once: a batch is known by its id, and given twice it counts once."""

    async def start(self) -> None: ...

    async def add(self, batch_id: str, rows: Mapping[Cell, Amounts]) -> None:
        """Add ``rows``, all or none. Raises StoreUnavailable; then the same batch may be given again."""
        ...

    async def sums(self, query: Query) -> Sequence[tuple[tuple[str, ...], Amounts]]:
        """For each value of ``query.by``, in its order, the sum; the dearest first. Raises StoreUnavailable."""
        ...

    async def aclose(self) -> None: ...
