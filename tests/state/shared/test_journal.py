"""What waits for the engine outlives the process, and counts once."""

from __future__ import annotations

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
from tests.state.shared.scene import DAILY, OPEN, RPM, at_engine, idle, made
from tests.waiting import until

ROOT = Path(__file__).parents[3]


def rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT count(*) FROM waiting").fetchone()[0]


def untouched(path: Path) -> tuple[int, int]:
    return path.stat().st_mtime_ns, path.with_name(f"{path.name}-wal").stat().st_mtime_ns


async def test_nothing_touches_the_disk_while_the_engine_is_well(replica):
    before = untouched(replica.path)
    for _ in range(50):
        await replica.spend("usd", 1)
    await replica.delivered()
    replica.sleeps.advance(0.06)
    await idle()

    assert untouched(replica.path) == before


async def test_what_waits_when_a_delivery_fails_is_in_the_file_within_the_batch_s_time(replica):
    await replica.hold(("usd", DAILY, 40), id="call")
    replica.link.fault = "refused"
    replica.store.settle("call", [10])
    await idle()
    replica.sleeps.advance(0.05)

    await until(lambda: rows(replica.path) == 1)


async def test_a_process_that_was_killed_leaves_what_waits_to_the_next(tmp_path):
    replica = await made(tmp_path).start()
    await replica.hold(("usd", DAILY, 40), id="held by the engine")
    await replica.lose()
    replica.store.settle("held by the engine", [10])
    await replica.spend("usd", 7)
    await replica.written()
    replica.link.fault = "well"

    await replica.again()

    assert replica.store.status.is_reachable
    assert at_engine(replica.engine, "usd") == 17
    await replica.written()
    assert rows(replica.path) == 0
    await replica.store.aclose()


async def test_a_call_that_ran_without_the_engine_at_a_crash_is_charged_at_its_worst_case(tmp_path):
    replica = await made(tmp_path).start()
    await replica.lose()
    await replica.hold(("usd", DAILY, 40), ("rpm", RPM, 1), id="running")
    await replica.written()
    replica.link.fault = "well"

    await replica.again()

    assert at_engine(replica.engine, "usd") == 40
    await replica.store.aclose()


async def test_a_delivery_counts_once_though_the_process_died_before_it_struck_it_out(tmp_path):
    replica = await made(tmp_path).start()
    await replica.hold(("usd", DAILY, 40), id="call")
    await replica.lose()
    replica.store.settle("call", [10])
    await replica.spend("usd", 7)
    await replica.written()
    await replica.recover()
    assert at_engine(replica.engine, "usd") == 17

    await replica.again()

    assert replica.engine.applied["call"] == 2
    assert at_engine(replica.engine, "usd") == 17
    await replica.store.aclose()


async def test_the_truth_that_was_delivered_goes_before_the_worst_case_in_the_file(tmp_path):
    replica = await made(tmp_path).start()
    await replica.lose()
    await replica.hold(("usd", DAILY, 40), id="running")
    await replica.written()
    await replica.recover()
    replica.store.settle("running", [5])
    await replica.delivered()

    await replica.again()

    assert at_engine(replica.engine, "usd") == 5
    await replica.store.aclose()


async def test_a_free_call_leaves_nothing_to_charge(replica):
    await replica.lose()
    await replica.hold(("usd", DAILY, 40), id="running")
    await replica.written()
    assert rows(replica.path) == 1
    replica.store.settle("running", [0])
    await replica.written()

    assert rows(replica.path) == 0
    assert replica.store.status.backlog == 0


async def test_a_close_delivers_everything(tmp_path):
    replica = await made(tmp_path).start()
    await replica.hold(("usd", DAILY, 40), id="call")
    replica.store.settle("call", [10])
    await replica.store.aclose()

    assert at_engine(replica.engine, "usd") == 10


@pytest.mark.parametrize("fault", ["refused", "hangs"])
async def test_a_close_keeps_what_can_t_be_delivered_and_says_how_much(tmp_path, caplog, fault, monkeypatch):
    monkeypatch.setattr("gateway.state.shared.CLOSE_S", 0.05)
    replica = await made(tmp_path).start()
    await replica.hold(("usd", DAILY, 40), id="call")
    replica.link.fault = fault
    replica.store.settle("call", [10])
    await replica.store.aclose()

    assert f"1 settlements wait in {replica.path}" in caplog.text
    replica.link.fault = "well"
    await replica.again()
    assert at_engine(replica.engine, "usd") == 10
    await replica.store.aclose()


async def test_when_no_more_may_wait_calls_that_would_owe_are_refused_and_none_is_dropped(tmp_path):
    replica = await made(tmp_path, capacity=5).start()
    for number in range(4):
        await replica.hold(("usd", DAILY, 5), id=f"c{number}")
    await replica.lose()
    await replica.spend("usd", 3)
    for number in range(4):
        replica.store.settle(f"c{number}", [2])

    with pytest.raises(StoreUnavailable, match="5 settlements wait to be delivered"):
        await replica.spend("usd", 1)
    with pytest.raises(StoreUnavailable, match="no more may"):
        await replica.spend("usd", 1, OPEN)
    assert isinstance(await replica.hold(("rpm", RPM, 1)), tuple), "what owes no money passes"
    await replica.recover()
    assert at_engine(replica.engine, "usd") == 11
    assert await replica.spend("usd", 1)
    await replica.store.aclose()


async def test_calls_that_owe_are_refused_too_while_a_full_outbox_empties(tmp_path):
    replica = await made(tmp_path, capacity=1).start()
    await replica.hold(("usd", DAILY, 5), id="call")
    replica.link.fault = "hangs"
    replica.store.settle("call", [1])

    with pytest.raises(StoreUnavailable, match="no more may"):
        await replica.hold(("usd", DAILY, 5))
    replica.link.fault = "well"
    replica.link.gate.set()
    await replica.delivered()
    assert isinstance(await replica.hold(("usd", DAILY, 5)), tuple)
    await replica.store.aclose()


async def test_one_delivery_that_the_engine_chokes_on_does_not_hold_up_the_others(replica):
    deliver = replica.engine.deliver

    def choke(delivery):
        if delivery.id == "bad":
            raise ValueError("what is this")
        deliver(delivery)

    replica.engine.deliver = choke
    await replica.hold(("usd", DAILY, 20), id="bad")
    replica.store.settle("bad", [5])
    await idle()
    assert not replica.store.status.is_reachable
    for number in range(5):
        await replica.hold(("usd", DAILY, 1), id=f"c{number}")
        replica.store.settle(f"c{number}", [1])
    for _ in range(20):
        replica.sleeps.advance(2.5)
        await idle()

    assert at_engine(replica.engine, "usd") == 25
    replica.engine.deliver = deliver
    await replica.recover()
    assert at_engine(replica.engine, "usd") == 10


async def test_a_disk_that_takes_no_write_is_told_once_and_nothing_is_lost_when_it_does(replica, caplog):
    await replica.lose()
    with closing(sqlite3.connect(replica.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        replica.store._writer.journal._file.connection().execute("PRAGMA busy_timeout = 0")
        for _ in range(3):
            await replica.spend("usd", 5)
            assert not await replica.store._writer.write()
        assert not replica.store.status.is_durable
        assert replica.store.status.backlog == 3
        assert caplog.text.count("takes no writes") == 1
    await replica.spend("usd", 5)
    await replica.written()

    assert replica.store.status.is_durable
    assert rows(replica.path) == 4
    assert "takes writes again" in caplog.text
    await replica.recover()
    assert at_engine(replica.engine, "usd") == 20


FULL_DISK = """
import asyncio, resource, signal, sys
from pathlib import Path
from tests.state.shared.scene import made, at_engine, OPEN

async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    replica = await made(Path(sys.argv[1])).start()
    await replica.lose()
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    for _ in range(2_000):
        assert await replica.spend("usd", 1, OPEN)
    assert not await replica.store._writer.write()
    assert not replica.store.status.is_durable
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert await replica.store._writer.write()
    assert replica.store.status.is_durable
    await replica.recover()
    print(at_engine(replica.engine, "usd", OPEN))

asyncio.run(main())
"""


def run(text: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_full_disk_loses_nothing_while_the_process_lives(tmp_path):
    with run(FULL_DISK, tmp_path) as process:
        assert process.communicate(timeout=60)[0].strip() == "2000"


KILLED = """
import asyncio, sys, time
from pathlib import Path
from tests.state.shared.scene import Replica, made, OPEN
from gateway.state.shared import SharedStore

async def main():
    replica = made(Path(sys.argv[1]))
    replica.link.fault = "refused"
    replica.store = SharedStore(replica.link, replica.path, replica.engine.clock)
    await replica.store.start()
    while True:
        await replica.spend("usd", 1, OPEN)
        print(time.monotonic(), flush=True)
        await asyncio.sleep(0.001)

asyncio.run(main())
"""


async def test_a_kill_during_an_outage_loses_at_most_the_last_moment(tmp_path):
    with run(KILLED, tmp_path) as process:
        lines = [process.stdout.readline() for _ in range(300)]
        process.send_signal(signal.SIGKILL)
        killed_at = time.monotonic()
        lines += process.stdout.readlines()
    moments = [float(line) for line in lines if line.endswith("\n")]
    replica = await made(tmp_path).start()
    # The bound is 0.1 s; the rest is for a machine that is busy with other tests.
    due = sum(moment < killed_at - 1.0 for moment in moments)

    assert due <= at_engine(replica.engine, "usd", OPEN) <= len(moments) + 1
    await replica.store.aclose()


async def test_a_file_that_another_process_has_is_refused_with_what_to_do(replica, tmp_path):
    second = made(tmp_path)

    with pytest.raises(StoreUnavailable, match=r"in use by another running gateway.*state\.journal"):
        await second.start()


async def test_a_folder_that_can_t_be_made_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(StoreUnavailable, match=r"can't be used as the journal.*state\.journal"):
        await made(tmp_path / "file" / "deeper").start()


async def test_a_file_that_is_no_journal_is_refused(tmp_path):
    (tmp_path / "journal.db").write_bytes(b"some text of another program, long enough" * 50)

    with pytest.raises(StoreUnavailable, match="can't be used as the journal"):
        await made(tmp_path).start()


async def test_a_database_of_another_program_is_left_alone(tmp_path):
    with closing(sqlite3.connect(tmp_path / "journal.db")) as other:
        other.execute("CREATE TABLE theirs (x)")

    with pytest.raises(StoreUnavailable, match=r"some other program.*state\.journal"):
        await made(tmp_path).start()
