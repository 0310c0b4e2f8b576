"""What was spent, for reports: sums by day, key, team, model, provider and tag. Budgets have counters of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

Dimension = Literal["day", "key", "team", "model", "provider", "tag"]

RETENTION_DAYS = 400
"""How long a day's sums are kept: a year, and its last month once more."""
BATCH_KEPT_S = 86_400
"""How long a batch is known by its id: much longer than anybody goes on giving it."""


class Cell(msgspec.Struct, frozen=True, order=True, gc=False):
    """One row's coordinates. ``day`` is ISO 8601 in the zone of ``server.timezone``; empty strings stand for none."""

    day: str
    key: str
    team: str
    model: str
    provider: str
    tags: tuple[str, ...] = ()
    """Sorted. One call with two tags is one row, found under either."""


class Amounts(msgspec.Struct, gc=False):
    """What is summed. Not frozen: a sum grows in place with every call."""

    cost_nanousd: int = 0
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0

    def add(self, other: Amounts) -> None:
        """Let this sum grow by ``other``."""
        self.cost_nanousd += other.cost_nanousd
        self.requests += other.requests
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.images += other.images


AMOUNTS = Amounts.__struct_fields__


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows, and by what they are summed. Days are inclusive. By ``tag``, a row counts under each of its tags."""

    by: tuple[Dimension, ...]
    first_day: str
    last_day: str
    where: Mapping[Dimension, str] = {}
    """Rows with just these values; for ``tag``, rows that have it among theirs."""


Group = tuple[tuple[str, ...], Amounts]
"""The values of ``Query.by``, in its order, and their sum."""


class Report(msgspec.Struct, frozen=True):
    """The answer to a query."""

    groups: Sequence[Group]
    """The dearest first; of two that cost the same, in the order of their values."""
    total: Amounts
    """Each row once: by ``tag``, the groups may hold more together."""


class Spending(Protocol):
    """Keeps the sums. ``add`` is exactly once: a batch is known by its id, and given twice it counts once."""

    async def start(self) -> None:
        """Open it. Raises StoreUnavailable, saying what to do; one that is shared starts without an answer too."""
        ...

    async def add(self, batch_id: str, rows: Mapping[Cell, Amounts]) -> None:
        """Add ``rows``; they are the store's from here on, and change no more.

        Raises StoreUnavailable; then any part of them may have been added, and the same batch is to be given again,
        unchanged: what was added counts once.
        """
        ...

    async def report(self, query: Query) -> Report:
        """The sums that ``query`` asks for. Raises StoreUnavailable."""
        ...

    async def aclose(self) -> None: ...
