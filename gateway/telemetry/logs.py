"""The process's ordinary log, through stdlib ``logging``, in the request log's format and by the same thread."""

from __future__ import annotations

import logging
import traceback

import msgspec

from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.redaction import redact
from gateway.telemetry.request_log import LogFormat
from gateway.telemetry.text import clock_time, encodable, iso_time, printable

_MAX_TEXT = 32 * 1024
"""Characters of a message or a traceback."""

_QUIET = ("httpx", "httpcore", "hpack", "h2")
"""Libraries that would log a line for each upstream call."""

_encode = msgspec.json.Encoder().encode


def logging_setup(
    format: LogFormat = "json",
    level: str = "info",
    *,
    writer: LogWriter | None = None,
) -> LogWriter:
    """Send every logger's lines to ``writer`` (stderr unless given) as JSON or for a terminal; gives the writer back.

    Takes the root logger over. uvicorn's loggers go the same way and its access log is off, since the request log says
    more: run it with ``log_config=None``. Close the writer as the last thing of the process.
    Raises ValueError for an unknown level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"{level!r} is not a log level: use debug, info, warning, error or critical")
    writer = writer or LogWriter()
    handler = WriterHandler(writer)
    handler.setFormatter(JsonFormatter() if format == "json" else PrettyFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
        logger.setLevel(logging.NOTSET)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    logging.captureWarnings(capture=True)
    return writer


class WriterHandler(logging.Handler):
    """Formats a record where it was logged, while its arguments are what they were; the writing is the thread's."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001  a bad format string is no reason to fail
            # stdlib would print a traceback to stderr, which may block, and with the arguments in it.
            line = self.format(_unformattable(record))
        self._writer.put(_line, line)

    def flush(self) -> None:
        self._writer.flush()


class JsonFormatter(logging.Formatter):
    """One JSON object: ``time``, ``level``, ``event`` (``log``), ``logger``, ``message``, ``traceback`` if any."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": iso_time(record.created),
            "level": record.levelname.lower(),
            "event": "log",
            "logger": record.name,
            "message": _message(record),
        }
        if trace := _traceback(record):
            fields["traceback"] = trace
        return _encode(fields).decode()


class PrettyFormatter(logging.Formatter):
    """``12:30:00.123 WARNING gateway.wire: message``, further lines indented so that none can pass for another's."""

    def format(self, record: logging.LogRecord) -> str:
        text = _message(record)
        if trace := _traceback(record):
            text += "\n" + trace
        shown = "\n    ".join(printable(line) for line in text.splitlines())
        return f"{clock_time(record.created)} {record.levelname} {record.name}: {shown}"


def _message(record: logging.LogRecord) -> str:
    return redact(encodable(record.getMessage()[:_MAX_TEXT]))


def _traceback(record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info and record.exc_info[0] is not None:
        parts.append("".join(traceback.format_exception(*record.exc_info)).rstrip())
    if record.stack_info:
        parts.append(record.stack_info)
    # The end of a traceback is the part that tells.
    return redact(encodable("\n".join(parts)[-_MAX_TEXT:]))


def _unformattable(record: logging.LogRecord) -> logging.LogRecord:
    what = f"a line logged at {record.filename}:{record.lineno} could not be formatted"
    return logging.LogRecord(record.name, logging.ERROR, record.pathname, record.lineno, what, None, None)


def _line(text: str) -> bytes:
    return text.encode() + b"\n"
