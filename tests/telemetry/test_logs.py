from __future__ import annotations

import json
import logging
import os
import warnings

import pytest

from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.logs import logging_setup

MARKER = "sk-marker0123456789"
TOUCHED = ("uvicorn", "uvicorn.error", "uvicorn.asgi", "uvicorn.access", "httpx", "httpcore", "hpack", "h2")


class Log:
    """The process's log, at the other end of a pipe."""

    def __init__(self):
        self._reader, self._fd = os.pipe()
        self.writer = LogWriter(self._fd)

    def setup(self, *args):
        return logging_setup(*args, writer=self.writer)

    def lines(self):
        assert self.writer.flush(10)
        os.set_blocking(self._reader, False)
        try:
            return os.read(self._reader, 1_000_000).decode().splitlines()
        except BlockingIOError:
            return []

    def close(self):
        self.writer.close(10)
        os.close(self._reader)
        os.close(self._fd)


@pytest.fixture
def log():
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, TOUCHED)]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    log = Log()
    yield log
    logging.captureWarnings(capture=False)
    for logger, handlers, level, propagate in before:
        logger.handlers[:] = handlers
        logger.level = level
        logger.propagate = propagate
        logger.manager._clear_cache()
    log.close()


def test_a_line_is_a_json_object(log):
    assert log.setup("json", "info") is log.writer
    logging.getLogger("gateway.wire").warning("lost %d of %s", 3, "them")
    (line,) = map(json.loads, log.lines())
    assert line.pop("time").endswith("Z")
    assert line == {"level": "warning", "event": "log", "logger": "gateway.wire", "message": "lost 3 of them"}


def test_an_exception_stays_on_the_line(log):
    log.setup("json", "info")
    try:
        raise RuntimeError("no\nway")
    except RuntimeError:
        logging.getLogger("gateway").exception("failed")
    (line,) = map(json.loads, log.lines())
    assert line["message"] == "failed"
    assert line["traceback"].startswith("Traceback")
    assert line["traceback"].endswith("RuntimeError: no\nway")


def test_a_person_reads_plain_lines_that_can_not_be_forged(log):
    log.setup("pretty", "info")
    logging.getLogger("gateway").error("one\n12:00:00.000 INFO gateway: forged \x1b[31m")
    first, second = log.lines()
    assert first.endswith(" ERROR gateway: one")
    assert second == r"    12:00:00.000 INFO gateway: forged \x1b[31m"


@pytest.mark.parametrize("format", ["json", "pretty"])
def test_a_key_never_reaches_the_log_whichever_way_it_came(log, format):
    log.setup(format, "debug")
    logger = logging.getLogger("some.library")
    logger.info("request headers: %r", [(b"authorization", b"Bearer " + MARKER.encode())])
    logger.info("key=%s", MARKER)
    logger.info("connecting to redis://:%s@cache", MARKER)
    try:
        raise ValueError(f"bad key {MARKER}")
    except ValueError:
        logger.exception("refused", stack_info=True)
    text = "\n".join(log.lines())
    assert "refused" in text
    assert "marker" not in text.replace("MARKER", "")


def test_levels_are_held_to_and_chatty_libraries_kept_quiet(log):
    log.setup("json", "info")
    logging.getLogger("gateway").debug("not this")
    logging.getLogger("httpx").info("nor this")
    logging.getLogger("gateway").info("this")
    assert [json.loads(line)["message"] for line in log.lines()] == ["this"]


def test_an_unknown_level_is_refused_by_name(log):
    with pytest.raises(ValueError, match="'loud' is not a log level"):
        log.setup("json", "loud")


def test_uvicorn_s_own_lines_come_the_same_way_and_its_access_log_is_off(log):
    logging.getLogger("uvicorn").addHandler(logging.StreamHandler())
    log.setup("json", "info")
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("uvicorn.access").info("GET /")
    assert [json.loads(line)["logger"] for line in log.lines()] == ["uvicorn.error"]
    # What uvicorn asks before it builds an access line.
    assert not logging.getLogger("uvicorn.access").hasHandlers()


def test_warnings_are_lines_too(log):
    log.setup("json", "info")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    (line,) = map(json.loads, log.lines())
    assert line["logger"] == "py.warnings"
    assert "DeprecationWarning: old" in line["message"]


@pytest.mark.parametrize("format", ["json", "pretty"])
def test_a_line_with_a_wrong_format_string_says_where_it_is_and_not_its_arguments(log, format, capsys):
    log.setup(format, "info")
    logging.getLogger("gateway").info("%d of %d", "marker")  # noqa: PLE1206  it is what this is about
    (line,) = log.lines()
    assert "test_logs.py" in line
    assert "could not be formatted" in line
    assert "marker" not in line
    assert capsys.readouterr().err == ""


def test_half_a_surrogate_pair_is_no_trouble(log):
    log.setup("json", "info")
    logging.getLogger("gateway").info("odd \ud800 one")
    (line,) = log.lines()
    assert json.loads(line)["message"] == "odd ? one"


def test_a_message_is_bounded(log):
    log.setup("json", "info")
    logging.getLogger("gateway").info("x" * 10_000_000)
    (line,) = log.lines()
    assert len(line) < 40_000


def test_setting_it_up_twice_does_not_double_the_lines(log):
    log.setup("json", "info")
    log.setup("json", "info")
    logging.getLogger("gateway").info("once")
    assert len(log.lines()) == 1
