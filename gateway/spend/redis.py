"""``redis://``: sums that all replicas add to.

One hash a day, ``sluice:{spend:2026-11-20}``, its tag spreading the days over a cluster. A field is a cell, its names a
JSON array: ``["ci","research","gpt-5-mini","openai","project-x"]``. The value has its figures, as ``scripts/add.lua``
says. A field for each figure, for ``HINCRBY``, takes three times the memory and twice the time to read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import cast

import msgspec

from gateway.core.clock import Clock
from gateway.core.money import NANOUSD
from gateway.core.redis import Client, Script, asking
from gateway.spend.base import BATCH_KEPT_S, RETENTION_DAYS, Amounts, Cell, Query, Report
from gateway.spend.days import first_kept, last_possible
from gateway.spend.totals import Totals

Part = tuple[str, str, list[str]]
"""A day's hash, the mark of a part of a batch, and pairs of field and figures."""

PART = 200
"""Cells that one script call adds: about a millisecond of Redis's time."""
SCANNED = 500
"""Cells that are asked for at once."""
DEADLINE_S = 5.0
WHAT = "reports of spend"
_DAY_KEPT_S = RETENTION_DAYS * 86_400
_ADD = Script(Path(__file__).parent / "scripts", "add")
_names = msgspec.json.Decoder(tuple[str, ...]).decode


class RedisSpending:
    """A Spending of all replicas on one Redis, or a cluster of them.

    A batch goes in parts, each whole or not at all, and each marked with the batch's id for a day.
    """

    def __init__(self, client: Client, clock: Clock) -> None:
        """``client`` stays its owner's, who closes it."""
        self._client = client
        self._clock = clock

    def __repr__(self) -> str:
        return "<RedisSpending>"

    async def start(self) -> None:
        """Nothing to do: Redis is told the script when it misses it."""

    async def add(self, batch_id: str, rows: Mapping[Cell, Amounts]) -> None:
        for day, mark, pairs in _parts(batch_id, rows):
            async with asking(WHAT, DEADLINE_S):
                await _ADD.run(self._client, (day, mark), (BATCH_KEPT_S, _DAY_KEPT_S, *pairs))

    async def report(self, query: Query) -> Report:
        totals = Totals(query)
        now_s = self._clock.time()
        for day in _days(max(query.first_day, first_kept(now_s)), min(query.last_day, last_possible(now_s))):
            told: set[bytes] = set()
            async for fields in self._scanned(day):
                # A scan may tell a field twice.
                new = fields.keys() - told
                told |= new
                await totals.add([(_cell(day, field), _amounts(fields[field])) for field in new])
        return await totals.report()

    async def aclose(self) -> None:
        """The client is closed by its owner."""

    async def _scanned(self, day: str) -> AsyncIterator[dict[bytes, bytes]]:
        cursor = None
        while cursor != 0:
            async with asking(WHAT, DEADLINE_S):
                cursor, found = await self._client.hscan(_key(day), cursor or 0, count=SCANNED)
            yield cast("dict[bytes, bytes]", found)


def _parts(batch_id: str, rows: Mapping[Cell, Amounts]) -> Iterator[Part]:
    """The same for the same batch, however often it is given: its rows stand in one order."""
    days: dict[str, list[Cell]] = {}
    for cell in rows:
        days.setdefault(cell.day, []).append(cell)
    for day, cells in days.items():
        each = iter(cells)
        number = 0
        while piece := list(islice(each, PART)):
            pairs = [text for cell in piece for text in (_names_of(cell), _figures(rows[cell]))]
            yield _key(day), f"{_key(day)}:{batch_id}:{number}", pairs
            number += 1


def _names_of(cell: Cell) -> str:
    return msgspec.json.encode((cell.key, cell.team, cell.model, cell.provider, *cell.tags)).decode()


def _figures(amounts: Amounts) -> str:
    cost, *rest = msgspec.structs.astuple(amounts)
    return " ".join(map(str, (*divmod(cost, NANOUSD), *rest)))


def _amounts(figures: bytes) -> Amounts:
    dollars, nanousd, *rest = map(int, figures.split())
    return Amounts(dollars * NANOUSD + nanousd, *rest)


def _cell(day: str, names: bytes) -> Cell:
    key, team, model, provider, *tags = _names(names)
    return Cell(day, key, team, model, provider, tuple(tags))


def _key(day: str) -> str:
    return f"sluice:{{spend:{day}}}"


def _days(first: str, last: str) -> Iterator[str]:
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    while day <= end:
        yield day.isoformat()
        day += timedelta(days=1)
