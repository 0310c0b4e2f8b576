from __future__ import annotations

import os
import threading
from contextlib import suppress

import pytest

from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.request_log import RequestLog
from tests.telemetry.outcomes import outcome


def line(text):
    return f"{text}\n".encode()


@pytest.fixture
def pipe():
    """A real pipe; what is still open of it is closed in the end, the reader first, which frees a blocked writer."""
    reader, writer = os.pipe()
    yield reader, writer
    for fd in (reader, writer):
        with suppress(OSError):
            os.close(fd)


def fill(fd):
    os.set_blocking(fd, False)
    with suppress(BlockingIOError):
        while True:
            os.write(fd, b"." * 4096)
    os.set_blocking(fd, True)


def read_to_end(fd):
    parts = []
    while part := os.read(fd, 65536):
        parts.append(part)
    return b"".join(parts)


class Draining(threading.Thread):
    """Reads a pipe to its end."""

    def __init__(self, fd):
        super().__init__(daemon=True)
        self._fd = fd
        self.content = b""
        self.start()

    def run(self):
        self.content = read_to_end(self._fd)


def in_time(function):
    """Runs it in a thread; False if it has not returned after ten seconds, so that a test fails and doesn't hang."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


def test_lines_come_out_whole_and_in_order(pipe):
    reader, fd = pipe
    draining = Draining(reader)
    writer = LogWriter(fd)
    for i in range(5_000):
        writer.put(line, i)
    assert writer.close()
    os.close(fd)
    draining.join(10)
    assert draining.content == b"".join(line(i) for i in range(5_000))
    assert writer.dropped == 0


def test_a_flush_waits_for_what_was_put_before(pipe):
    reader, fd = pipe
    writer = LogWriter(fd, linger_s=60)
    writer.put(line, "one")
    assert writer.flush(10)
    assert os.read(reader, 100) == b"one\n"
    writer.put(line, "two")
    assert writer.flush(10)
    assert os.read(reader, 100) == b"two\n"
    assert writer.close(10)


def test_close_does_not_wait_for_the_linger(pipe):
    reader, fd = pipe
    writer = LogWriter(fd, linger_s=60)
    writer.put(line, "last words")
    assert writer.close(10)
    assert os.read(reader, 100) == b"last words\n"


def test_a_pipe_that_nobody_reads_costs_calls_nothing(pipe):
    reader, fd = pipe
    fill(fd)
    writer = LogWriter(fd, capacity=100, linger_s=0)
    log = RequestLog(writer)
    assert in_time(lambda: [log.observe(outcome(id=f"req-{i}")) for i in range(1_000)])
    assert 700 <= writer.dropped <= 900
    assert not writer.flush(0.01)
    assert not writer.close(0.01)
    os.close(reader)
    assert writer.close(10)


def test_when_the_reader_is_back_the_newest_lines_are_there_and_the_loss_is_counted(pipe, caplog):
    reader, fd = pipe
    fill(fd)
    writer = LogWriter(fd, capacity=100, linger_s=0)
    for i in range(1_000):
        writer.put(line, i)
    draining = Draining(reader)
    assert writer.close(10)
    os.close(fd)
    draining.join(10)
    written = draining.content.lstrip(b".").splitlines()
    assert [int(number) for number in written[-100:]] == list(range(900, 1_000))
    assert len(written) + writer.dropped == 1_000
    assert f"{writer.dropped} log lines were lost" in caplog.text


def test_a_reader_that_is_gone_costs_lines_and_nothing_else(pipe, caplog):
    reader, fd = pipe
    os.close(reader)
    writer = LogWriter(fd)
    for i in range(300):
        writer.put(line, i)
    assert writer.close(10)
    assert writer.dropped == 300
    # A word about it would go to the same dead reader and be the next loss.
    assert not caplog.records


def test_a_file_that_is_closed_costs_lines_and_nothing_else(pipe):
    _, fd = pipe
    os.close(fd)
    writer = LogWriter(fd)
    writer.put(line, "x")
    assert writer.close(10)
    assert writer.dropped == 1


def test_a_non_blocking_pipe_gets_every_line_too(pipe):
    reader, fd = pipe
    os.set_blocking(fd, False)
    writer = LogWriter(fd)
    for i in range(9_000):
        writer.put(line, f"{i:099}")
    draining = Draining(reader)
    assert writer.close(10)
    os.close(fd)
    draining.join(10)
    assert len(draining.content) == 900_000


def test_a_line_that_can_not_be_encoded_is_counted_and_the_rest_are_written(pipe, caplog):
    reader, fd = pipe
    writer = LogWriter(fd)
    writer.put(line, "before")
    writer.put(lambda _: 1 // 0, None)
    writer.put(line, "after")
    assert writer.close(10)
    assert os.read(reader, 100) == b"before\nafter\n"
    assert writer.dropped == 1
    assert "could not be encoded" in caplog.text


def test_many_threads_may_put(pipe):
    reader, fd = pipe
    draining = Draining(reader)
    writer = LogWriter(fd, capacity=100_000, linger_s=0)
    threads = [
        threading.Thread(target=lambda n=n: [writer.put(line, f"{n}:{i}") for i in range(2_000)]) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.close(10)
    os.close(fd)
    draining.join(10)
    lines = draining.content.decode().splitlines()
    for n in range(4):
        assert [entry for entry in lines if entry.startswith(f"{n}:")] == [f"{n}:{i}" for i in range(2_000)]


def test_its_repr_shows_no_line(pipe):
    _, fd = pipe
    fill(fd)
    writer = LogWriter(fd)
    writer.put(line, "marker")
    assert "marker" not in repr(writer)
    os.close(pipe[0])
    assert writer.close(10)
