"""The log in SQLite: what is written is found, however it is asked for, and whatever becomes of the file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.clock import SystemClock
from gateway.core.errors import StoreUnavailable
from gateway.telemetry.attempts import kinds
from gateway.telemetry.batches import Batches
from gateway.telemetry.calls.file import LogFile
from gateway.telemetry.calls.query import Query, cursor, number
from gateway.telemetry.calls.reader import Reader
from gateway.telemetry.calls.record import entry
from gateway.telemetry.calls.retention import Keep, forget_old
from gateway.telemetry.calls.writer import Writer
from tests.clock import FrozenClock
from tests.telemetry.calls.strategies import NOW, matches, outcomes, queries
from tests.telemetry.outcomes import attempt, outcome

KEEP = Keep(days=30, payload_days=7, bytes=1_000_000_000)
DAY_S = 86_400


def numbered(count, **changes):
    return [outcome(id=f"r{index}", at=NOW, **changes) for index in range(count)]


@asynccontextmanager
async def reading(path, clock=None, **parts):
    reader = Reader(path, clock or FrozenClock(NOW), **parts)
    try:
        yield reader
    finally:
        await reader.aclose()


async def ids(path, **asked):
    async with reading(path) as reader:
        return [one.id for one in (await reader.page(Query(**{"limit": 100_000, **asked}))).entries]


def writer(path, keep=KEEP, clock=None):
    return Writer(path, clock or FrozenClock(NOW), keep)


def unnumbered(found):
    """As it was written: its number it gets by that."""
    return msgspec.structs.replace(found, number="")


async def test_a_call_comes_back_with_all_that_is_known_of_it(tmp_path):
    attempts = (attempt(error="overloaded", status=529), attempt(), attempt("azure/gpt-5-mini"))
    one = outcome(attempts=attempts, hold_after_s=0.001, hold_s=0.002, image_quality="high", image_size="1024x1024")
    writing = writer(tmp_path / "calls.db")
    writing.write([one])
    async with reading(tmp_path / "calls.db") as reader:
        found = await reader.call("req-1")
    assert unnumbered(found) == entry(one)
    assert kinds(found.attempts) == ["first", "retry", "failover"]


@given(st.lists(outcomes, max_size=30), queries)
@settings(max_examples=150, deadline=None)
def test_every_filter_finds_what_a_plain_look_finds_page_by_page(written, query):
    async def pages(path):
        found, before = [], None
        async with reading(path) as reader:
            while True:
                page = await reader.page(msgspec.structs.replace(query, before=before))
                found += map(unnumbered, page.entries)
                if page.next is None:
                    return found
                before = number(page.next)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calls.db"
        writing = writer(path)
        for begin in range(0, len(written), 7):
            writing.write(written[begin : begin + 7])
        writing.close()
        assert asyncio.run(pages(path)) == [entry(one) for one in reversed(written) if matches(query, one)]


async def test_pages_neither_repeat_nor_miss_a_call_while_others_come_in(tmp_path):
    path, clock = tmp_path / "calls.db", FrozenClock(NOW)
    writing = writer(path, clock=clock)
    writing.write(numbered(50))
    found, before = [], None
    async with reading(path) as reader:
        while True:
            page = await reader.page(Query(limit=7, before=before))
            found += [one.id for one in page.entries]
            clock.advance(1)
            writing.write([outcome(id="new"), outcome(id="newer")])
            if page.next is None:
                break
            before = number(page.next)
    assert found == [f"r{index}" for index in reversed(range(50))]


async def test_who_follows_gets_each_call_once_in_the_order_of_their_ends(tmp_path):
    path = tmp_path / "calls.db"
    writing = writer(path)
    writing.write(numbered(5))
    async with reading(path) as reader:
        page = await reader.page(Query(limit=2))
        assert [one.id for one in page.entries] == ["r4", "r3"]
        writing.write([outcome(id=f"new{index}") for index in range(3)])
        page = await reader.page(Query(limit=2, after=page.numbers[0]))
        assert ([one.id for one in page.entries], page.has_more) == (["new1", "new0"], True)
        page = await reader.page(Query(limit=2, after=page.numbers[0]))
        assert ([one.id for one in page.entries], page.has_more) == (["new2"], False)


def test_cursors_are_read_as_they_were_written():
    assert number(cursor(1_700_000_000_000_001)) == 1_700_000_000_000_001


async def test_of_calls_with_one_id_the_last_is_told(tmp_path):
    writing = writer(tmp_path / "calls.db")
    writing.write([outcome(id="same", status=200), outcome(id="same", status=404)])
    async with reading(tmp_path / "calls.db") as reader:
        assert (await reader.call("same")).status == 404
        assert await reader.call("other") is None


async def test_each_of_them_is_told_by_its_number(tmp_path):
    writing = writer(tmp_path / "calls.db")
    writing.write([outcome(id="same", status=200), outcome(id="else"), outcome(id="same", status=404)])
    async with reading(tmp_path / "calls.db") as reader:
        page = await reader.page(Query())
        second, other, first = page.numbers
        assert [cursor(each) for each in page.numbers] == [each.number for each in page.entries]
        assert (await reader.call("same", first)).status == 200
        assert (await reader.call("same", second)).status == 404
        assert await reader.call("same", other) is None


async def test_a_log_that_nobody_has_written_is_empty_and_stays_away(tmp_path):
    assert await ids(tmp_path / "calls.db") == []
    assert list(tmp_path.iterdir()) == []


# How long, and how much


async def test_what_is_past_its_days_is_forgotten_and_its_room_given_back(tmp_path):
    path, clock = tmp_path / "calls.db", FrozenClock(NOW)
    writing = writer(path, clock=clock)
    writing.write(numbered(3_000))
    clock.advance(20 * DAY_S)
    writing.write([outcome(id="later")])
    writing.close()
    size = path.stat().st_size
    pauses = []
    clock.advance(11 * DAY_S)
    forget_old(file := LogFile(path), KEEP, clock.time(), lambda: pauses.append(1))
    file.close()
    assert await ids(path) == ["later"]
    assert len(pauses) >= 6, "in steps"
    assert path.stat().st_size < size / 3


async def test_the_file_never_grows_beyond_its_size_and_keeps_the_latest(tmp_path):
    path, most = tmp_path / "calls.db", 1_000_000
    writing = writer(path, Keep(days=30, payload_days=7, bytes=most))
    sizes = []
    for batch in range(40):
        writing.write([outcome(id=f"{batch}-{index}", user="u" * 200) for index in range(100)])
        sizes.append(path.stat().st_size)
    assert max(sizes) <= most
    found = await ids(path)
    assert found[:2] == ["39-99", "39-98"]
    assert 300 < len(found) < 2_000
    assert len(found) == len(set(found))


async def test_a_smaller_size_shrinks_the_file_that_is_there(tmp_path):
    path, clock = tmp_path / "calls.db", FrozenClock(NOW)
    writing = writer(path)
    for _ in range(30):
        writing.write(numbered(100))
    writing.close()
    smaller = Keep(days=30, payload_days=7, bytes=400_000)
    writing = writer(path, smaller)
    writing.write([outcome(id="last")])
    forget_old(file := LogFile(path), smaller, clock.time(), lambda: None)
    file.close()
    writing.close()
    assert path.stat().st_size <= 400_000
    assert (await ids(path))[0] == "last"


# What may become of the file


async def test_a_file_that_is_deleted_is_begun_anew(tmp_path):
    path = tmp_path / "calls.db"
    writing = writer(path)
    writing.write([outcome(id="before")])
    async with reading(path) as reader:
        assert (await reader.call("before")) is not None
        path.unlink()
        writing.write([outcome(id="after")])
        assert [one.id for one in (await reader.page(Query())).entries] == ["after"]


@pytest.mark.parametrize(
    "damage", [lambda size: (0, b"no database at all"), lambda size: (4_096, b"\xff" * (size - 4_096))]
)
async def test_a_file_that_is_damaged_is_moved_aside_and_begun_anew(tmp_path, damage, caplog):
    path = tmp_path / "calls.db"
    writing = writer(path)
    writing.write(numbered(500))
    writing.close()
    at, data = damage(path.stat().st_size)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)
    writing = writer(path)
    with pytest.raises(sqlite3.DatabaseError):
        writing.write([outcome(id="lost")])
    writing.write([outcome(id="after")])
    assert await ids(path) == ["after"]
    assert (tmp_path / "calls.db.corrupt").exists()
    assert sum("moved to" in record.message for record in caplog.records) == 1


async def test_a_damage_that_a_question_finds_is_an_error_there_and_mended(tmp_path):
    path = tmp_path / "calls.db"
    path.write_bytes(b"no database at all, and long enough to be looked at" * 20)
    async with reading(path) as reader:
        with pytest.raises(StoreUnavailable):
            await reader.page(Query())
        assert (await reader.page(Query())).entries == ()


async def test_a_file_of_another_program_is_left_as_it_is(tmp_path):
    path = tmp_path / "calls.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreUnavailable, match=r"calls\.path"):
        writer(path).write([outcome()])
    assert path.exists()
    assert not (tmp_path / "calls.db.corrupt").exists()


async def test_what_a_locked_file_does_not_take_is_lost_counted_and_told_once(tmp_path, caplog):
    path = tmp_path / "calls.db"
    writing = Writer(path, FrozenClock(NOW), KEEP, busy_s=0.01)
    writing.write([outcome(id="before")])
    queue = Batches("calls", writing.write, linger_s=0)
    locking = sqlite3.connect(path, isolation_level=None)
    locking.execute("BEGIN IMMEDIATE")
    for index in range(3):
        queue.put(outcome(id=f"lost{index}"))
        assert queue.flush(10)
    locking.execute("ROLLBACK")
    locking.close()
    queue.put(outcome(id="after"))
    assert queue.flush(10)
    assert (queue.dropped, queue.written) == (3, 1)
    assert queue.close()
    assert sum("were lost: " in record.message for record in caplog.records) == 1
    assert await ids(path) == ["after", "before"]


async def test_who_looks_waits_for_nobody_who_writes(tmp_path):
    path = tmp_path / "calls.db"
    writer(path).write(numbered(3))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await ids(path) == ["r2", "r1", "r0"]
    async with reading(path) as reader:
        assert (await reader.call("r1")).id == "r1"
    other.close()


async def test_a_folder_that_takes_no_file_costs_calls_and_nothing_else(tmp_path):
    (tmp_path / "taken").write_text("a file, and no folder")
    queue = Batches("calls", writer(tmp_path / "taken" / "calls.db").write, linger_s=0)
    queue.put(outcome())
    assert queue.flush(10)
    assert queue.dropped == 1
    assert queue.close()


async def test_a_disk_that_is_full_costs_what_comes_and_keeps_what_was_there(tmp_path):
    path = tmp_path / "calls.db"
    writing = writer(path)
    writing.write([outcome(id="before")])
    with writing._file.connected() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        writing.write(numbered(200))
    writing.write([outcome(id="after")])
    assert await ids(path) == ["after", "before"]


# Several processes

WRITES = """
import sys
from pathlib import Path
from gateway.core.clock import SystemClock
from gateway.telemetry.calls.retention import Keep
from gateway.telemetry.calls.writer import Writer
from tests.telemetry.outcomes import outcome

path, name, batches = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
writing = Writer(path, SystemClock(), Keep(days=30, payload_days=7, bytes=10**9))
for batch in range(batches):
    writing.write([outcome(id=f"{name}-{batch}-{index}") for index in range(20)])
    print(batch, flush=True)
"""


def writes(path, name, batches):
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", WRITES, str(path), name, str(batches)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})


async def test_several_processes_write_one_file_and_lose_nothing(tmp_path):
    path = tmp_path / "calls.db"
    processes = [writes(path, f"p{index}", 30) for index in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    for process in processes:
        process.stdout.close()
    found = await ids(path)
    assert len(found) == len(set(found)) == 3 * 30 * 20
    assert Counter(one.split("-")[0] for one in found) == {"p0": 600, "p1": 600, "p2": 600}


async def test_a_process_that_is_killed_has_lost_nothing_that_it_had_written(tmp_path):
    path = tmp_path / "calls.db"
    process = writes(path, "p", 100_000)
    said = [int(process.stdout.readline()) for _ in range(20)]
    process.kill()
    process.wait(10)
    process.stdout.close()
    found = await ids(path)
    assert {f"p-{batch}-{index}" for batch in said for index in range(20)} <= set(found)
    writer(path, clock=SystemClock()).write([outcome(id="after")])
    assert (await ids(path))[0] == "after"
