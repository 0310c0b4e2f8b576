"""What only a directory in a file can meet: other programs, locks, newer releases, the plan of a query."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import threading
from contextlib import closing

import pytest

from gateway.core.errors import StoreUnavailable
from gateway.directory.memory import MemoryDirectory
from gateway.directory.open import open_directory
from gateway.directory.records import Change
from gateway.directory.sqlite import SqliteDirectory
from tests.clock import FrozenClock, MovableClock
from tests.directory.made import Heard, a_full_key, a_key, a_team, an_entry
from tests.waiting import until


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.db"


@pytest.fixture
async def directory(path):
    directory = SqliteDirectory(path)
    await directory.start()
    yield directory
    await directory.aclose()


async def test_what_was_kept_is_there_after_a_restart(path):
    for run in range(2):
        directory = SqliteDirectory(path)
        await directory.start()
        if not run:
            await directory.put_key(a_full_key(), an_entry())
            await directory.put_team(a_team(), an_entry())
        else:
            assert (await directory.keys()).keys == (a_full_key(),)
            assert await directory.teams() == (a_team(),)
            assert len(await directory.audit()) == 2
        await directory.aclose()


async def test_a_file_of_a_newer_release_is_left_alone(path, directory):
    await directory.aclose()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE schema_version SET version = 99")

    newer = SqliteDirectory(path)
    with pytest.raises(StoreUnavailable, match="written by a newer release"):
        await newer.start()
    await newer.aclose()


async def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreUnavailable, match=r"keys\.db can't be used for keys and teams"):
        await SqliteDirectory(tmp_path / "file" / "keys.db").start()


async def test_a_file_that_another_program_has_locked_is_an_outage_of_about_a_second(path, directory):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="keys and teams"):
            await directory.put_key(a_key("k"), an_entry())
        assert await directory.key("k") is None, "it can be read meanwhile"
        other.execute("ROLLBACK")

    await directory.put_key(a_key("k"), an_entry())
    assert await directory.key("k") == a_key("k")


async def test_a_poll_that_fails_is_said_once_and_goes_on(path, monkeypatch, caplog):
    directory = SqliteDirectory(path, poll_s=0.01)
    await directory.start()
    news, asked, failed = directory._file.news, asyncio.Event(), []
    loop = asyncio.get_running_loop()

    def fails_thrice():
        if len(failed) < 3:
            failed.append(1)
            raise sqlite3.OperationalError("disk I/O error")
        loop.call_soon_threadsafe(asked.set)
        return news()

    monkeypatch.setattr(directory._file, "news", fails_thrice)
    await asyncio.wait_for(asked.wait(), 15)
    await directory.aclose()

    assert caplog.text.count("by other processes are not seen") == 1


async def test_no_look_up_and_no_page_reads_all_keys(path, directory):
    queries = (
        "SELECT record FROM keys WHERE id = 'x'",
        "SELECT record FROM keys WHERE name = 'x' AND NOT is_revoked",
        "SELECT record FROM keys WHERE id > 'x' ORDER BY id LIMIT 9",
        "SELECT record FROM keys WHERE team = 'x' AND id > 'x' ORDER BY id LIMIT 9",
        "SELECT id FROM audit WHERE id < 9 ORDER BY id DESC LIMIT 9",
    )
    with closing(sqlite3.connect(path)) as db:
        plans = [" ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {query}")) for query in queries]

    assert all(plan.startswith("SEARCH") and "TEMP B-TREE" not in plan for plan in plans), plans


async def test_the_audit_log_does_not_grow_for_ever(directory, monkeypatch):
    monkeypatch.setattr("gateway.directory.file.AUDITED", 3)
    for number in range(5):
        await directory.note(an_entry(str(number)))

    assert [entry.id for entry in await directory.audit()] == ["5", "4", "3"]


def test_each_url_has_its_directory():
    clock = FrozenClock()

    assert isinstance(open_directory("memory://", None, clock), MemoryDirectory)
    assert "data/sluice-directory.db" in repr(open_directory("sqlite:///data/sluice.db", None, clock))
    assert "/var/sluice-directory.db" in repr(open_directory("sqlite:////var/sluice.db", None, clock))
    with pytest.raises(ValueError, match="needs a client") as wrong:
        open_directory("redis://:secret@host", None, clock)
    assert "secret" not in str(wrong.value)


async def test_a_write_that_took_too_long_is_told_since_it_may_be_made(path, directory, monkeypatch):
    await directory.put_key(a_key("k"), an_entry())
    heard = Heard()
    directory.subscribe(heard)
    put_keys, goes_on = directory._file.put_keys, threading.Event()

    def is_slow(*said):
        goes_on.wait(15)
        return put_keys(*said)

    monkeypatch.setattr(directory._file, "put_keys", is_slow)
    monkeypatch.setattr("gateway.directory.sqlite.DEADLINE_S", 0.05)
    with pytest.raises(StoreUnavailable):
        await directory.put_key(a_key("k", version=2, revoked_at=1.0), an_entry())
    monkeypatch.setattr("gateway.directory.sqlite.DEADLINE_S", 15)
    goes_on.set()

    assert heard == [Change("key", "k")]
    assert (await directory.key("k")).revoked_at == 1.0, "whoever asks at the news sees what was made"


async def test_what_a_write_was_cancelled_of_is_told_since_it_may_be_made(directory):
    heard = Heard()
    directory.subscribe(heard)
    writing = asyncio.create_task(directory.put_team(a_team("red"), an_entry()))
    await asyncio.sleep(0)
    writing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await writing
    assert heard == [Change("team", "red")]


async def test_it_is_said_until_when_all_news_have_come_and_no_further_while_they_can_not_be_read(path, monkeypatch):
    clock = MovableClock()
    directory = SqliteDirectory(path, clock, poll_s=0.01)
    await directory.start()
    assert directory.told_until == -math.inf
    clock.advance(5)
    await until(lambda: directory.told_until > -math.inf)

    def fails():
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr(directory._file, "news", fails)
        await until(lambda: directory._is_deaf)
        later = clock.monotonic() + 60
        clock.advance(60)
        await asyncio.sleep(0.05)
        assert directory.told_until < later
    await until(lambda: directory.told_until >= later)
    await directory.aclose()


async def test_what_was_changed_before_that_moment_was_told_before_it_was_said(path, directory):
    clock = MovableClock()
    reader = SqliteDirectory(path, clock, poll_s=0.01)
    heard = Heard()
    reader.subscribe(heard)
    await reader.start()
    told_at: list[float] = []
    reader.subscribe(lambda _change: told_at.append(reader.told_until))

    for number in range(10):
        await directory.put_key(a_key(str(number)), an_entry())
        clock.advance(1)
        made_before = clock.monotonic()
        await until(lambda since=made_before: reader.told_until >= since)
        assert heard[-1] == Change("key", str(number))
        assert told_at[-1] < made_before
    await reader.aclose()
