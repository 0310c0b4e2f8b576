"""A log without a thread, for a process that forks."""

from __future__ import annotations

import logging
import os
import select

from gateway.telemetry.logs import JsonFormatter, PrettyFormatter
from gateway.telemetry.request_log import LogFormat

_STDERR = 2


def direct_logging(format: LogFormat, level: str) -> None:
    """Send every logger's lines to stderr, each at once. One that stderr does not take now is lost: nobody waits."""
    handler = _Direct()
    handler.setFormatter(JsonFormatter() if format == "json" else PrettyFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


class _Direct(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            # Writable means that a pipe has room for PIPE_BUF (pipe(7)): no more is written than goes without a wait.
            if select.select([], [_STDERR], [], 0)[1]:
                os.write(_STDERR, self.format(record).encode()[: select.PIPE_BUF - 1] + b"\n")
        except OSError:
            return
