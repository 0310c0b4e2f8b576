"""``sqlite:///``: sums in a file of their own, beside that of the budgets."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from gateway.core.clock import Clock
from gateway.core.errors import StoreUnavailable
from gateway.core.sqlite import Migrations, SqliteFile
from gateway.spend.base import AMOUNTS, BATCH_KEPT_S, Amounts, Cell, Group, Query, Report
from gateway.spend.days import first_kept

T = TypeVar("T")

MIGRATIONS: Migrations = (
    (
        """
        CREATE TABLE spend (
            day TEXT NOT NULL,
            key TEXT NOT NULL,
            team TEXT NOT NULL,
            model TEXT NOT NULL,
            provider TEXT NOT NULL,
            tags TEXT NOT NULL,
            cost_nanousd INTEGER NOT NULL,
            requests INTEGER NOT NULL,
            input_tokens INTEGER NOT NULL,
            output_tokens INTEGER NOT NULL,
            images INTEGER NOT NULL,
            PRIMARY KEY (day, key, team, model, provider, tags)
        ) WITHOUT ROWID
        """,
        "CREATE TABLE batch (id TEXT PRIMARY KEY, at_s REAL NOT NULL) WITHOUT ROWID",
        "CREATE INDEX batch_by_time ON batch (at_s)",
    ),
)

UPSERT = (
    "INSERT INTO spend VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  constants
    f" ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in AMOUNTS)}"
)
_SUMS = ", ".join(f"coalesce(sum({name}), 0)" for name in AMOUNTS)
_ROWS = "FROM spend WHERE day BETWEEN ? AND ?"
# Tags are a JSON array; a row without any counts under the empty one. json_each has columns of its own: key, value.
_EACH_TAG = "FROM spend LEFT JOIN json_each(spend.tags) AS tag WHERE day BETWEEN ? AND ?"
_HAS_TAG = " AND CASE ? WHEN '' THEN tags = '[]' ELSE EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?) END"


class SqliteSpending:
    """A Spending in one SQLite file. Each batch is on the disk when ``add`` returns.

    One thread does all that blocks. Others may read the file meanwhile, and even write it: the command ``sluice spend``
    does, while a gateway runs.
    """

    def __init__(self, path: Path, clock: Clock, *, busy_s: float = 1.0) -> None:
        self._file = SqliteFile(path, MIGRATIONS, busy_s=busy_s)
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sluice-spend")
        self._pruned = ""

    def __repr__(self) -> str:
        return f"<SqliteSpending {self._file!r}>"

    async def start(self) -> None:
        await self._blocking(self._file.open)

    async def add(self, batch_id: str, rows: Mapping[Cell, Amounts]) -> None:
        await self._blocking(lambda: self._add(batch_id, rows))

    async def report(self, query: Query) -> Report:
        return await self._blocking(lambda: self._report(query))

    async def aclose(self) -> None:
        await self._blocking(self._file.close)
        self._thread.shutdown(wait=False)

    async def _blocking(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(
                f"{self._file.path} can't be used for reports of spend: {error}. Check that its folder is writable, "
                "that the disk has room and that no other program has the file locked."
            ) from error

    # What follows runs in the thread.

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        db = self._file.open()
        try:
            with db:
                yield db
        except sqlite3.Error:
            self._file.disconnect()
            raise

    def _add(self, batch_id: str, rows: Mapping[Cell, Amounts]) -> None:
        now_s = self._clock.time()
        with self._transaction() as db:
            taken = db.execute("INSERT INTO batch VALUES (?, ?) ON CONFLICT DO NOTHING", (batch_id, now_s))
            if taken.rowcount:
                db.executemany(UPSERT, map(_row, rows.items()))
            self._prune(db, now_s)

    def _prune(self, db: sqlite3.Connection, now_s: float) -> None:
        first = first_kept(now_s)
        if first != self._pruned:
            db.execute("DELETE FROM spend WHERE day < ?", (first,))
            db.execute("DELETE FROM batch WHERE at_s < ?", (now_s - BATCH_KEPT_S,))
            self._pruned = first

    def _report(self, query: Query) -> Report:
        where, values = _condition(query)
        columns = ["coalesce(tag.value, '')" if name == "tag" else f"spend.{name}" for name in query.by]
        rows = _EACH_TAG if "tag" in query.by else _ROWS
        ordinals = ", ".join(str(number) for number in range(1, len(columns) + 1))
        grouped = f" GROUP BY {ordinals} ORDER BY {len(columns) + 1} DESC, {ordinals}" if columns else ""
        with self._transaction() as db:
            # One snapshot, so that the total is that of these groups.
            db.execute("BEGIN")
            total = db.execute(f"SELECT {_SUMS} {_ROWS}{where}", values).fetchone()
            found = db.execute(f"SELECT {', '.join([*columns, _SUMS])} {rows}{where}{grouped}", values)
            groups = [_group(row, len(columns)) for row in found]
        return Report(groups if columns or groups[0][1].requests else [], Amounts(*total))


def _condition(query: Query) -> tuple[str, list[str]]:
    text, values = "", [query.first_day, query.last_day]
    for name, value in query.where.items():
        if name == "tag":
            text += _HAS_TAG
            values += [value, value]
        else:
            text += f" AND spend.{name} = ?"
            values.append(value)
    return text, values


def _row(item: tuple[Cell, Amounts]) -> tuple[Any, ...]:
    cell, amounts = item
    tags = msgspec.json.encode(cell.tags).decode()
    return (cell.day, cell.key, cell.team, cell.model, cell.provider, tags, *msgspec.structs.astuple(amounts))


def _group(row: tuple[Any, ...], columns: int) -> Group:
    return row[:columns], Amounts(*row[columns:])
