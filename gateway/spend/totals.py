"""Rows summed by what a query asks for, in pieces: a report of 100,000 rows must not hold up the calls beside it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, product

from gateway.spend.base import Amounts, Cell, Group, Query, Report

PIECE = 1_000
"""Rows, or groups, that are worked on before others may run: some 2 ms."""


class Totals:
    """The sums of one query so far."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._groups: dict[tuple[str, ...], Amounts] = {}
        self._total = Amounts()

    async def add(self, rows: Iterable[tuple[Cell, Amounts]]) -> None:
        """Add those of ``rows`` that the query asks for."""
        each = iter(rows)
        while piece := list(islice(each, PIECE)):
            for cell, amounts in piece:
                if self._is_asked_for(cell):
                    self._add(cell, amounts)
            await asyncio.sleep(0)

    async def report(self) -> Report:
        """What has come together."""
        return Report(await _sorted(self._groups.items()), self._total)

    def _is_asked_for(self, cell: Cell) -> bool:
        query = self._query
        if not query.first_day <= cell.day <= query.last_day:
            return False
        for dimension, value in query.where.items():
            if dimension == "tag":
                if value not in (cell.tags or ("",)):
                    return False
            elif getattr(cell, dimension) != value:
                return False
        return True

    def _add(self, cell: Cell, amounts: Amounts) -> None:
        self._total.add(amounts)
        values = [(cell.tags or ("",)) if name == "tag" else (getattr(cell, name),) for name in self._query.by]
        for group in product(*values):
            found = self._groups.get(group)
            if found is None:
                found = self._groups[group] = Amounts()
            found.add(amounts)


async def _sorted(groups: Iterable[Group]) -> Sequence[Group]:
    """The dearest first. Sorted in runs that are merged: one sort of them all would hold the loop for 100 ms."""
    each = iter(groups)
    runs = []
    while run := list(islice(each, PIECE)):
        run.sort(key=_dearest_first)
        runs.append(run)
        await asyncio.sleep(0)
    merged: list[Group] = []
    rest: Iterator[Group] = heapq.merge(*runs, key=_dearest_first)
    while piece := list(islice(rest, PIECE)):
        merged += piece
        await asyncio.sleep(0)
    return merged


def _dearest_first(group: Group) -> tuple[int, tuple[str, ...]]:
    values, amounts = group
    return -amounts.cost_nanousd, values
