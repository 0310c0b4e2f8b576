"""``memory://``: sums that end with the process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from itertools import islice

from gateway.core.clock import Clock
from gateway.spend.base import BATCH_KEPT_S, Amounts, Cell, Query, Report
from gateway.spend.days import first_kept
from gateway.spend.totals import PIECE, Totals


class MemorySpending:
    """A Spending of this process alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._days: dict[str, dict[Cell, Amounts]] = {}
        self._batches: set[str] = set()
        self._taken: deque[tuple[float, str]] = deque()

    def __repr__(self) -> str:
        return f"<MemorySpending {sum(map(len, self._days.values()))} rows>"

    async def start(self) -> None:
        """There is nothing to open."""

    async def add(self, batch_id: str, rows: Mapping[Cell, Amounts]) -> None:
        self._forget()
        if batch_id in self._batches:
            return
        self._batches.add(batch_id)
        self._taken.append((self._clock.time(), batch_id))
        each = iter(rows.items())
        while piece := list(islice(each, PIECE)):
            for cell, amounts in piece:
                day = self._days.setdefault(cell.day, {})
                found = day.get(cell)
                if found is None:
                    found = day[cell] = Amounts()
                found.add(amounts)
            await asyncio.sleep(0)

    async def report(self, query: Query) -> Report:
        totals = Totals(query)
        for day in sorted(self._days):
            # A list: the day may grow while others run.
            await totals.add(list(self._days.get(day, {}).items()))
        return await totals.report()

    async def aclose(self) -> None:
        """There is nothing to close."""

    def _forget(self) -> None:
        now_s = self._clock.time()
        while self._taken and self._taken[0][0] <= now_s - BATCH_KEPT_S:
            self._batches.discard(self._taken.popleft()[1])
        first = first_kept(now_s)
        for day in [day for day in self._days if day < first]:
            del self._days[day]
