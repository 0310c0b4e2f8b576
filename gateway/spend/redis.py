"""``redis://``: sums that all replicas add to.

One hash a day, ``sluice:{spend:2026-11-20}``, its tag spreading the days over a cluster. A field is one amount of one
cell: a letter, and the cell's names as a JSON array, ``c["ci","research","gpt-5-mini","openai","project-x"]``. Redis
adds 64-bit integers, so that sums are exact.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import cast

import msgspec
from redis.asyncio import Redis, RedisCluster
from redis.exceptions import NoScriptError, RedisError

from gateway.core.clock import Clock
from gateway.core.errors import StoreUnavailable
from gateway.spend.base import AMOUNTS, BATCH_KEPT_S, RETENTION_DAYS, Amounts, Cell, Query, Report
from gateway.spend.days import first_kept, last_possible
from gateway.spend.totals import Totals

Part = tuple[str, str, list[str | int]]
"""A day's hash, the mark of a part of a batch, and pairs of field and amount."""

PART = 250
"""Cells that one script call adds: less than a millisecond of Redis's time."""
SCANNED = 1_000
"""Fields that are asked for at once."""
DEADLINE_S = 5.0
_DAY_KEPT_S = RETENTION_DAYS * 86_400
_LETTERS = dict(zip("crioj", AMOUNTS, strict=True))
_names = msgspec.json.Decoder(tuple[str, ...]).decode


class RedisSpending:
    """A Spending of all replicas on one Redis, or a cluster of them.

    A batch goes in parts, each whole or not at all, and each marked with the batch's id for a day.
    """

    def __init__(self, client: Redis | RedisCluster, clock: Clock) -> None:
        """``client`` stays its owner's, who closes it."""
        self._client = client
        self._clock = clock
        self._script = (Path(__file__).parent / "scripts" / "add.lua").read_text()
        self._sha = hashlib.sha1(self._script.encode(), usedforsecurity=False).hexdigest()

    def __repr__(self) -> str:
        return "<RedisSpending>"

    async def start(self) -> None:
        """Nothing to do: the script is loaded when it is missed."""

    async def add(self, batch_id: str, rows: Mapping[Cell, Amounts]) -> None:
        for day, mark, pairs in _parts(batch_id, rows):
            async with _deadline():
                await self._run(day, mark, BATCH_KEPT_S, _DAY_KEPT_S, *pairs)

    async def report(self, query: Query) -> Report:
        totals = Totals(query)
        now_s = self._clock.time()
        for day in _days(max(query.first_day, first_kept(now_s)), min(query.last_day, last_possible(now_s))):
            cells: dict[bytes, tuple[Cell, Amounts]] = {}
            async for field, amount in self._fields(day):
                # A scan may tell a field twice: it sets, and adds nothing.
                cell = cells.get(field[1:]) or cells.setdefault(field[1:], (_cell(day, field[1:]), Amounts()))
                setattr(cell[1], _LETTERS[chr(field[0])], int(amount))
            await totals.add(cells.values())
        return await totals.report()

    async def aclose(self) -> None:
        """The client is closed by its owner."""

    async def _run(self, day: str, mark: str, *args: str | int) -> None:
        try:
            await self._client.evalsha(self._sha, 2, day, mark, *args)
        except NoScriptError:
            # Redis was restarted, or the slot has moved to a server that is new: this loads it, too.
            await self._client.eval(self._script, 2, day, mark, *args)

    async def _fields(self, day: str) -> AsyncIterator[tuple[bytes, bytes]]:
        cursor = None
        while cursor != 0:
            async with _deadline():
                cursor, found = await self._client.hscan(_key(day), cursor or 0, count=SCANNED)
            for field, amount in cast("dict[bytes, bytes]", found).items():
                yield field, amount


@asynccontextmanager
async def _deadline() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        # Not its text: that of a client's error may hold the URL.
        raise StoreUnavailable(f"Redis can't be reached for reports of spend ({type(error).__name__})") from None


def _parts(batch_id: str, rows: Mapping[Cell, Amounts]) -> Iterator[Part]:
    """The same for the same batch, however often it is given: its rows stand in one order."""
    days: dict[str, list[Cell]] = {}
    for cell in rows:
        days.setdefault(cell.day, []).append(cell)
    for day, cells in days.items():
        each = iter(cells)
        number = 0
        while piece := list(islice(each, PART)):
            yield _key(day), f"{_key(day)}:{batch_id}:{number}", [x for cell in piece for x in _pairs(cell, rows[cell])]
            number += 1


def _pairs(cell: Cell, amounts: Amounts) -> Iterator[str | int]:
    names = msgspec.json.encode((cell.key, cell.team, cell.model, cell.provider, *cell.tags)).decode()
    for letter, name in _LETTERS.items():
        if amount := getattr(amounts, name):
            yield letter + names
            yield amount


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
