"""The file of sums."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, closing

import pytest

from gateway.core.errors import StoreUnavailable
from gateway.spend.base import Amounts, Cell, Query
from gateway.spend.sqlite import SqliteSpending
from tests.clock import FrozenClock
from tests.spend.conftest import NOON

CI = Cell("2026-11-20", "ci", "research", "m", "p", ("x",))
TODAY = Query(by=("tag",), first_day="2026-11-20", last_day="2026-11-20")
SEVEN = {CI: Amounts(cost_nanousd=7, requests=1)}


@asynccontextmanager
async def opened(path, clock=None, **options):
    spending = SqliteSpending(path, clock or FrozenClock(NOON), **options)
    try:
        await spending.start()
        yield spending
    finally:
        await spending.aclose()


async def test_sums_and_batches_outlive_a_restart(tmp_path):
    path = tmp_path / "new" / "spend.db"
    async with opened(path) as spending:
        await spending.add("a", SEVEN)
    async with opened(path) as spending:
        await spending.add("a", SEVEN)
        await spending.add("b", SEVEN)

        assert (await spending.report(TODAY)).groups == [(("x",), Amounts(cost_nanousd=14, requests=2))]


async def test_two_processes_may_have_it_open(tmp_path):
    async with opened(tmp_path / "spend.db") as gateway, opened(tmp_path / "spend.db") as command:
        await gateway.add("a", SEVEN)

        assert (await command.report(TODAY)).total.requests == 1


async def test_a_batch_is_taken_whole_or_not_at_all(tmp_path):
    path = tmp_path / "spend.db"
    async with opened(path) as spending:
        poor = Amounts(cost_nanousd="nothing at all", requests=None)
        with pytest.raises(StoreUnavailable):
            await spending.add("a", {**SEVEN, Cell("2026-11-20", "z", "", "m", "p"): poor})
        assert (await spending.report(TODAY)).total == Amounts()

        await spending.add("a", SEVEN)
        assert (await spending.report(TODAY)).total.requests == 1


async def test_a_file_that_is_locked_takes_the_batch_later(tmp_path):
    path = tmp_path / "spend.db"
    async with opened(path, busy_s=0) as spending:
        with closing(sqlite3.connect(path)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="locked"):
                await spending.add("a", SEVEN)
        await spending.add("a", SEVEN)

        assert (await spending.report(TODAY)).total.requests == 1


async def test_batches_are_forgotten_after_a_day(tmp_path):
    path, clock = tmp_path / "spend.db", FrozenClock(NOON)
    async with opened(path, clock) as spending:
        await spending.add("a", SEVEN)
        clock.advance(2 * 86_400)
        await spending.add("b", SEVEN)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT id FROM batch").fetchall() == [("b",)]


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["CREATE TABLE notes (text TEXT)"], "some other program"),
        (["CREATE TABLE schema_version (version INTEGER)", "INSERT INTO schema_version VALUES (99)"], "newer release"),
    ],
)
async def test_a_file_that_is_not_its_own_is_refused(tmp_path, statements, said):
    path = tmp_path / "spend.db"
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(statement)

    with pytest.raises(StoreUnavailable, match=said):
        async with opened(path):
            pass


async def test_a_folder_that_can_not_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(StoreUnavailable, match=r"file/spend\.db can't be used"):
        async with opened(tmp_path / "file" / "spend.db"):
            pass
