"""What the SQLite store adds to counting: that budgets outlive the process."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from gateway.core.errors import StoreUnavailable
from gateway.state.base import Claim, Level, Rate, Refusal, Reservation, Slots, Spend
from gateway.state.journal import MIGRATIONS
from gateway.state.sqlite import SqliteStore
from tests.clock import FrozenClock

DAILY = Spend(100, "day")
TOTAL = Spend(10**15, "total")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sluice.db"


async def opened(path: Path, clock: FrozenClock, **options: float) -> SqliteStore:
    store = SqliteStore(path, clock, **options)
    await store.start()
    return store


async def spend(store: SqliteStore, key: str, amount: int, rule: Spend = DAILY) -> None:
    id = f"{key} {amount} {time.monotonic_ns()}"
    assert isinstance(await store.hold([Reservation(id, (Claim(key, rule, amount),))]), tuple)
    store.settle(id, [amount])


async def used(store: SqliteStore, key: str, rule=DAILY) -> int:
    (level,) = await store.levels([Claim(key, rule, 0)])
    return level.used


def traffic(what: str, path: Path, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("traffic.py")), what, str(path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def moment(line: str) -> float:
    """When the process said so, on the clock that all processes share."""
    return float(line.split(maxsplit=1)[0])


async def test_a_graceful_close_loses_nothing(path, clock):
    store = await opened(path, clock)
    for number in range(200):
        await spend(store, f"key {number % 20}", 1)
    await store.aclose()

    again = await opened(path, clock)
    assert [await used(again, f"key {number}") for number in range(20)] == [10] * 20
    assert isinstance(await again.hold([Reservation("r", (Claim("key 1", DAILY, 91),))]), Refusal)
    await again.aclose()


async def test_what_is_settled_while_the_last_rows_are_written_is_kept_too(path, clock):
    store = await opened(path, clock)
    await store.hold([Reservation("late", (Claim("key", DAILY, 50),))])
    flushing = asyncio.create_task(store.flush())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert store.backlog == 0, "the rows are with the thread"
    store.settle("late", [20])
    await flushing
    await store.aclose()

    again = await opened(path, clock)
    assert await used(again, "key") == 20
    await again.aclose()


async def test_a_correction_of_a_worst_case_outlives_the_process(path, clock):
    store = await opened(path, clock)
    clock.advance(6_400)
    await spend(store, "key", 10)
    await store.hold([Reservation("late", (Claim("key", DAILY, 50),))])
    clock.advance(3_600)
    assert await used(store, "key") == 60
    assert await store.flush()
    store.settle("late", [5])
    assert await store.flush()
    await spend(store, "key", 1)
    await store.aclose()

    again = await opened(path, clock)
    assert await used(again, "key") == 16
    await again.aclose()


async def test_rates_and_slots_begin_anew(path, clock):
    store = await opened(path, clock)
    await store.hold([Reservation("r", (Claim("rpm", Rate(5), 5), Claim("slots", Slots(1), 1)))])
    await store.aclose()

    again = await opened(path, clock)
    assert await used(again, "rpm", Rate(5)) == 0
    assert await used(again, "slots", Slots(1)) == 0
    await again.aclose()


async def test_holds_found_open_are_charged_at_their_worst_case_and_said_once(path, clock, caplog):
    store = await opened(path, clock)
    await spend(store, "key", 10)
    await store.hold([Reservation("open", (Claim("key", DAILY, 40), Claim("other", DAILY, 30)))])
    await store.aclose()
    with caplog.at_level(logging.WARNING):
        again = await opened(path, clock)

    assert await again.levels([Claim("key", DAILY, 0)]) == (Level(limit=100, used=50, held=0, reset_s=6_400.0),)
    (record,) = caplog.records
    assert record.getMessage().startswith("the last run was cut off: what its calls held on 2 budgets is charged")
    assert record.getMessage().endswith("70 nano-dollars in all")
    again.settle("open", [1, 1])
    assert await used(again, "key") == 50
    await again.aclose()
    caplog.clear()
    third = await opened(path, clock)
    assert await used(third, "key") == 50
    assert not caplog.records
    await third.aclose()


async def test_a_window_that_ended_between_two_runs_is_over(path, clock):
    store = await opened(path, clock)
    await spend(store, "key", 90)
    await spend(store, "ever", 90, TOTAL)
    await store.aclose()
    clock.advance(86_400)

    again = await opened(path, clock)
    assert await used(again, "key") == 0
    assert await used(again, "ever", TOTAL) == 90
    await again.aclose()


async def test_a_hold_settled_after_its_windows_end_is_written_to_its_own_window(path, clock):
    clock.advance(6_399)
    store = await opened(path, clock)
    await store.hold([Reservation("late", (Claim("key", DAILY, 40),))])
    clock.advance(1)
    await spend(store, "key", 5)
    store.settle("late", [30])
    await store.aclose()

    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT period, spent, held FROM spend ORDER BY period").fetchall()
    assert rows == [("2023-11-14", 30, 0), ("2023-11-15", 5, 0)]


async def test_old_windows_are_forgotten_after_their_retention(path, clock):
    store = await opened(path, clock, retention_days=30)
    await spend(store, "key", 1)
    clock.advance(20 * 86_400)
    await spend(store, "key", 2)
    await store.flush()
    clock.advance(11 * 86_400)
    await spend(store, "key", 3)
    await spend(store, "ever", 4, TOTAL)
    await store.aclose()

    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT spent FROM spend ORDER BY spent").fetchall()
    assert rows == [(2,), (3,), (4,)]


async def test_an_amount_larger_than_sqlite_can_hold_does_not_stop_the_journal(path, clock):
    store = await opened(path, clock)
    await spend(store, "huge", 2**70, Spend(2**80, "total"))
    await spend(store, "key", 7)
    await store.aclose()

    again = await opened(path, clock)
    assert await used(again, "huge", TOTAL) == 2**63 - 1
    assert await used(again, "key") == 7
    await again.aclose()


async def test_a_second_store_on_the_same_file_is_refused_until_the_first_closes(path, clock):
    first = await opened(path, clock)
    with pytest.raises(StoreUnavailable, match="in use by another running gateway"):
        await opened(path, clock)
    await spend(first, "key", 5)
    await first.aclose()

    second = await opened(path, clock)
    assert await used(second, "key") == 5
    await second.aclose()


async def test_a_second_process_is_refused_and_a_killed_one_leaves_no_lock(path, clock):
    child = traffic("kill", path)
    assert child.stdout is not None
    child.stdout.readline()
    with pytest.raises(StoreUnavailable, match="in use by another running gateway"):
        await opened(path, clock)
    child.kill()
    child.communicate()

    store = await opened(path, clock)
    await store.aclose()


async def test_a_kill_under_traffic_loses_no_more_than_the_last_moments(path, clock):
    child = traffic("kill", path)
    assert child.stdout is not None
    lines = [child.stdout.readline()]
    while moment(lines[-1]) < moment(lines[0]) + 1:
        lines.append(child.stdout.readline())
    killed_at = time.monotonic()
    child.send_signal(signal.SIGKILL)
    rest, _ = child.communicate()
    lines += [line for line in rest.splitlines() if len(line.split()) == 3]

    said = [(float(at), word, int(number)) for at, word, number in map(str.split, lines)]
    # 100 ms are promised; the rest is patience with a machine that is busy with other tests.
    at_least = max(number for at, word, number in said if word == "spent" and at < killed_at - 0.5)
    assert at_least > 0
    at_most = max(number for _, word, number in said if word == "may")
    with closing(sqlite3.connect(path)) as db:
        ((written, held),) = db.execute("SELECT spent, held FROM spend").fetchall()
    assert at_least <= written
    store = await opened(path, clock)
    assert await used(store, "usd", TOTAL) == written + held <= at_most
    await store.aclose()


async def test_a_full_disk_stops_no_call_is_said_once_and_loses_nothing_once_it_has_room(path, clock):
    child = traffic("disk", path)
    out, err = child.communicate(timeout=30)

    assert [line.split()[1:] for line in out.splitlines()] == [
        ["written", "1"],
        ["written", "0"],
        ["behind", "1"],
        ["backlog", "1"],
        ["backlog", "0"],
    ], err
    assert [line.split()[0] for line in err.splitlines()] == ["ERROR", "WARNING"]
    assert "takes no writes" in err
    assert "takes writes again" in err
    store = await opened(path, clock)
    # 10 of them held and never settled.
    assert await used(store, "usd", TOTAL) == 10 + 5_000
    await store.aclose()


async def test_a_file_that_another_program_locks_is_written_when_it_lets_go(path, clock, caplog):
    store = await opened(path, clock, retry_s=0.01)
    store._journal._file._busy_s = 0.01
    store._journal._file.disconnect()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await spend(store, "key", 5)
        assert not await store.flush()
        assert store.is_behind
        assert isinstance(await store.hold([Reservation("r", (Claim("key", DAILY, 96),))]), Refusal)
        other.execute("ROLLBACK")
    assert await store.flush()
    assert not store.is_behind
    await store.aclose()

    again = await opened(path, clock)
    assert await used(again, "key") == 5
    await again.aclose()


async def test_what_the_disk_never_took_is_said_at_the_close(path, clock, caplog):
    store = await opened(path, clock, retry_s=0.01)
    store._journal._file._busy_s = 0.01
    store._journal._file.disconnect()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await spend(store, "key", 5)
        await store.aclose()

    assert "the last spend of 1 budgets could not be written, and is lost" in caplog.text


async def test_others_may_read_the_file_meanwhile(path, clock):
    store = await opened(path, clock)
    await spend(store, "key", 5)
    await store.flush()

    with closing(sqlite3.connect(path)) as reader:
        assert reader.execute("SELECT counter, spent FROM spend").fetchall() == [("key", 5)]
    await store.aclose()


async def test_a_folder_that_can_not_be_made_is_refused_with_what_to_do(tmp_path, clock):
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(StoreUnavailable, match="Check that its folder is writable"):
        await opened(tmp_path / "file" / "sluice.db", clock)


async def test_a_file_that_is_no_database_is_refused(path, clock):
    path.write_bytes(b"not a database, but long enough to look at" * 100)

    with pytest.raises(StoreUnavailable, match="can't be used as the state store"):
        await opened(path, clock)


async def test_a_database_of_another_program_is_left_alone(path, clock):
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE bookmarks (url TEXT)")

    with pytest.raises(StoreUnavailable, match="some other program"):
        await opened(path, clock)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]


async def test_a_file_of_a_newer_release_is_refused(path, clock):
    store = await opened(path, clock)
    await store.aclose()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE schema_version SET version = 99")

    with pytest.raises(StoreUnavailable, match=f"schema 99, this one knows {len(MIGRATIONS)}"):
        await opened(path, clock)


async def test_an_outer_run_that_failed_to_start_leaves_the_file_free(path, clock):
    path.write_bytes(b"not a database, but long enough to look at" * 100)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="file is not a database"):
            await opened(path, clock)


async def test_a_store_that_was_never_started_closes_and_writes_nothing(path, clock):
    store = SqliteStore(path, clock)
    await store.aclose()

    assert not path.exists()
