"""Signals for a process without an event loop."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def caught(numbers: Sequence[signal.Signals]) -> Iterator[socket.socket]:
    """Meanwhile these signals do nothing but turn up as bytes, their numbers, on the socket that this gives.

    https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        before = {number: signal.signal(number, lambda *_: None) for number in numbers}
        woken_before = signal.set_wakeup_fd(theirs.fileno())
        try:
            yield ours
        finally:
            signal.set_wakeup_fd(woken_before)
            for number, handler in before.items():
                signal.signal(number, handler)


def uncaught(numbers: Sequence[signal.Signals]) -> None:
    """For a child that was forked while they were caught: they do to it again what they do to any process."""
    signal.set_wakeup_fd(-1)
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)
