"""SQLite files, whatever is kept in them. What a newer release or another program wrote: tests/state."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gateway.core.sqlite import SqliteFile, beside

NOTES = (("CREATE TABLE note (said TEXT)",),)


@pytest.fixture
def file(tmp_path):
    file = SqliteFile(tmp_path / "new" / "notes.db", NOTES)
    yield file
    file.close()


def test_a_file_of_the_same_folder_is_named_after_what_it_belongs_to():
    assert beside(Path("data/sluice.db"), "spend") == Path("data/sluice-spend.db")
    assert beside(Path("/var/lib/state"), "2") == Path("/var/lib/state-2")


def test_one_connection_serves_until_it_is_given_up(file):
    first = file.open()
    assert file.open() is first
    assert file.connection() is first

    file.disconnect()

    assert file.connection() is not first


def test_a_new_file_is_its_owners_alone_and_one_that_is_there_stays_as_it_is(file):
    file.open().execute("INSERT INTO note VALUES ('mine')")
    modes = {each.name: each.stat().st_mode & 0o777 for each in file.path.parent.iterdir()}
    assert modes == {"notes.db": 0o600, "notes.db-wal": 0o600, "notes.db-shm": 0o600}

    file.close()
    file.path.chmod(0o660)
    file.open()
    assert file.path.stat().st_mode & 0o777 == 0o660


def test_each_commit_is_flushed_to_the_disk_and_readers_wait_for_no_writer(file):
    db = file.open()

    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_schema_is_brought_up_to_date_whole_or_not_at_all(file):
    with file.open() as db:
        db.execute("INSERT INTO note VALUES ('kept')")
    file.close()

    broken = SqliteFile(file.path, (*NOTES, ("ALTER TABLE note ADD COLUMN at REAL", "CREATE TABLE note (again)")))
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        broken.open()
    assert not broken.is_open

    later = SqliteFile(file.path, (*NOTES, ("ALTER TABLE note ADD COLUMN at REAL",)))
    assert later.open().execute("SELECT said, at FROM note").fetchall() == [("kept", None)]
    later.close()
