from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.core.clock import SystemClock
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.readings import BREAKER_STATE, CALLS_IN_FLIGHT
from gateway.telemetry.workers import WorkerMetrics
from tests.clock import FrozenClock
from tests.telemetry.outcomes import outcome


class Worker:
    """A worker's counts, and its place among the others."""

    def __init__(self, directory, clock, in_flight=0):
        self.metrics = Metrics(models=["gpt-5-mini"])
        self.metrics.register(CALLS_IN_FLIGHT, lambda: in_flight)
        self.shared = WorkerMetrics(self.metrics, directory, clock)

    def serve(self, calls):
        for _ in range(calls):
            self.metrics.observe(outcome())

    def die(self):
        """As at SIGKILL: the lock is let go, nothing is written."""
        os.close(self.shared._lock_fd)


def read(shared, name, labels=None):
    (family,) = [family for family in shared.families() if family.name == name]
    return sum(cell[0] for found, cell in family.cells.items() if labels in (None, found))


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def workers(tmp_path, clock):
    two = [Worker(tmp_path, clock, in_flight=3), Worker(tmp_path, clock, in_flight=4)]
    yield two
    for worker in two:
        worker.shared.close()


def test_whoever_is_asked_answers_for_all(workers):
    one, two = workers
    one.serve(5)
    two.serve(7)
    two.shared.publish()
    assert read(one.shared, "sluice_requests") == 12
    assert read(two.shared, "sluice_requests") == 12
    assert read(one.shared, "sluice_calls_in_flight") == 7
    assert b"sluice_requests_total{" in one.shared.render()[0]


def test_what_one_worker_has_shown_no_other_takes_back(workers):
    shown = 0
    for i in range(20):
        workers[i % 2].serve(1)
        now = read(workers[(i // 2) % 2].shared, "sluice_requests")
        assert now >= shown
        shown = now


def test_histograms_add_up_bucket_by_bucket(workers):
    one, two = workers
    one.serve(2)
    two.serve(3)
    two.shared.publish()
    (family,) = [family for family in one.shared.families() if family.name == "sluice_time_to_first_token_seconds"]
    (cell,) = family.cells.values()
    assert sum(cell[:-1]) == 5
    assert cell[-1] == pytest.approx(1.5)


def test_a_breaker_that_is_open_in_one_worker_shows_as_open(workers):
    one, two = workers
    one.metrics.register(BREAKER_STATE, lambda: {("t",): 0})
    two.metrics.register(BREAKER_STATE, lambda: {("t",): 2})
    two.shared.publish()
    assert read(one.shared, "sluice_breaker_state") == 2


def test_each_worker_has_a_place_of_its_own(workers):
    assert [worker.shared.place for worker in workers] == [0, 1]


def test_the_counters_of_a_dead_worker_stay_and_its_gauges_go(tmp_path, clock, workers):
    third = Worker(tmp_path, clock, in_flight=100)
    third.serve(9)
    third.shared.publish()
    third.die()
    one = workers[0]
    workers[1].shared.publish()
    assert read(one.shared, "sluice_calls_in_flight") == 107
    clock.advance(11)
    workers[1].shared.publish()
    assert read(one.shared, "sluice_calls_in_flight") == 7
    assert read(one.shared, "sluice_requests") == 9


def test_a_worker_that_takes_a_dead_one_s_place_goes_on_from_its_counts(tmp_path, clock, workers):
    third = Worker(tmp_path, clock, in_flight=100)
    third.serve(9)
    third.shared.publish()
    third.die()
    heir = Worker(tmp_path, clock, in_flight=1)
    assert heir.shared.place == 2
    assert read(workers[0].shared, "sluice_requests") == 9
    heir.serve(2)
    assert read(heir.shared, "sluice_requests") == 11
    workers[1].shared.publish()
    assert read(heir.shared, "sluice_calls_in_flight") == 8
    heir.shared.close()


def test_a_worker_s_last_counts_are_written_when_it_closes(tmp_path, clock, workers):
    third = Worker(tmp_path, clock)
    third.serve(4)
    third.shared.close()
    third.shared.close()
    assert read(workers[0].shared, "sluice_requests") == 4


def test_a_spoilt_file_is_logged_and_left_out(tmp_path, workers, caplog):
    workers[0].serve(1)
    (tmp_path / "worker-7.msgpack").write_bytes(b"\xffspoilt")
    assert read(workers[0].shared, "sluice_requests") == 1
    assert "worker-7.msgpack" in caplog.text


def test_a_directory_that_vanished_does_not_stop_a_worker_from_closing(tmp_path, clock, caplog):
    directory = tmp_path / "gone"
    directory.mkdir()
    worker = Worker(directory, clock)
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    worker.shared.close()
    assert "could not be shared" in caplog.text


def run_worker(directory, calls):
    """A worker process: serves, says so, and leaves when its standard input ends."""
    worker = Worker(Path(directory), SystemClock())
    worker.serve(calls)
    worker.shared.start()
    print("ready", flush=True)  # noqa: T201  the way it tells its parent
    sys.stdin.read()
    worker.shared.close()


def start_worker(directory, calls):
    code = f"from tests.telemetry.test_workers import run_worker; run_worker({str(directory)!r}, {calls})"
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_real_processes_add_up_even_when_one_is_killed(tmp_path):
    mine = Worker(tmp_path, SystemClock())
    with start_worker(tmp_path, 10) as one, start_worker(tmp_path, 20) as two:
        assert one.stdout.readline() == two.stdout.readline() == "ready\n"
        assert read(mine.shared, "sluice_requests") == 30
        one.kill()
        one.wait()
        mine.serve(1)
        assert read(mine.shared, "sluice_requests") == 31
        assert "worker-1.lock" in {path.name for path in tmp_path.iterdir()}
    assert two.returncode == 0
    assert read(mine.shared, "sluice_requests") == 31
    mine.shared.close()
