from __future__ import annotations

import threading
import time

import pytest

from gateway.telemetry.batches import Batches


class Sink:
    """Keeps what it is given. While ``is_open`` is not set it hangs, as a disk or a collector may."""

    def __init__(self):
        self.batches = []
        self.is_open = threading.Event()
        self.is_open.set()
        self.is_asked = threading.Event()
        self.error = None

    def __call__(self, batch):
        self.is_asked.set()
        assert self.is_open.wait(20)
        if self.error is not None:
            raise self.error
        self.batches.append(list(batch))

    @property
    def items(self):
        return [item for batch in self.batches for item in batch]


@pytest.fixture
def sink():
    made = Sink()
    yield made
    made.is_open.set()


@pytest.fixture
def queue(sink):
    """Makes a queue over the sink; it is closed at the end."""
    made = []

    def make(**options):
        made.append(Batches("test", sink, **options))
        return made[-1]

    yield make
    sink.is_open.set()
    for each in made:
        each.close()


def test_everything_comes_once_and_in_order(sink, queue):
    batches = queue(batch=7)
    for number in range(1_000):
        batches.put(number)
    assert batches.close()
    assert sink.items == list(range(1_000))
    assert max(map(len, sink.batches)) <= 7
    assert (batches.written, batches.dropped, batches.backlog) == (1_000, 0, 0)


def test_what_comes_together_is_written_together(sink, queue):
    batches = queue(linger_s=60)
    for number in range(50):
        batches.put(number)
    assert batches.flush(10)
    assert sink.batches == [list(range(50))]


def test_behind_a_sink_that_hangs_the_oldest_is_dropped_and_nobody_waits(sink, queue):
    sink.is_open.clear()
    batches = queue(capacity=10, batch=1, linger_s=0)
    batches.put("first")
    assert sink.is_asked.wait(10)
    for number in range(25):
        batches.put(number)
    assert batches.dropped == 15
    sink.is_open.set()
    assert batches.flush(10)
    assert sink.items == ["first", *range(15, 25)]


def test_what_a_sink_refuses_is_counted_and_told_once_until_it_goes_well_again(sink, queue, caplog):
    batches = queue(linger_s=0)
    sink.error = OSError("the disk is full")
    for number in range(3):
        batches.put(number)
        assert batches.flush(10)
    assert batches.dropped == 3
    assert [record.message for record in caplog.records] == ["test: 1 items were lost: OSError: the disk is full"]
    sink.error = None
    batches.put("again")
    assert batches.flush(10)
    assert sink.items == ["again"]
    assert "written again; 3 items were lost in all" in caplog.records[-1].message


def test_an_error_shows_nothing_of_the_items(sink, queue, caplog):
    batches = queue(linger_s=0)
    sink.error = ValueError("no")
    batches.put("what a client wrote")
    assert batches.flush(10)
    assert "what a client wrote" not in caplog.text


def test_a_close_gives_up_on_a_sink_that_hangs(sink, queue):
    sink.is_open.clear()
    batches = queue()
    batches.put(1)
    assert not batches.close(timeout_s=0.05)


def test_a_full_queue_costs_whoever_puts_next_to_nothing(sink, queue):
    """Not a matter of speed but of waiting: behind a sink that hangs, 100,000 puts return at all."""
    sink.is_open.clear()
    batches = queue(capacity=100)
    thread = threading.Thread(target=lambda: [batches.put(number) for number in range(100_000)], daemon=True)
    began = time.monotonic()
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), f"still waiting after {time.monotonic() - began:.0f} s"
