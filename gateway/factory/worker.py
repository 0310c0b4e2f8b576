"""One of several worker processes, as it knows itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from gateway.core.clock import Clock
from gateway.factory.background import in_background
from gateway.telemetry.recent import Recent
from gateway.telemetry.shared import SharedFigures

READY = b"r"
FAILED = b"!"
"""What a worker says to its parent: that it answers; or, with the reason behind it, that it can't start."""
LEAVE = b"t"
LEAVE_QUIETLY = b"i"
END = b"q"
"""What a parent says to a worker: leave, with and without giving notice; and wait for nobody any more."""

PUBLISH_S = 1.0
_log = logging.getLogger("sluice")


class Leave(Protocol):
    """``Server.leave``."""

    def __call__(self, *, gives_notice: bool = True) -> None: ...


class Worker:
    """``number`` counts from 1. Whoever takes a dead worker's place takes its number, and finds its files by it
    (``takes_over``).

    ``link`` leads to the parent, and ends when the parent does: then the worker leaves too. Not every system can have
    a process killed with its parent, and who is killed settles nothing.
    """

    def __init__(self, number: int, link: socket.socket, folder: Path, *, takes_over: bool = False) -> None:
        self.number = number
        self.takes_over = takes_over
        self.figures = SharedFigures(folder, number)
        self.folder = folder
        """Of all workers together; it goes with their parent."""
        self._publishers: list[Callable[[], None]] = [self.figures.publish]
        self._link = link
        link.setblocking(False)

    def recent(self, clock: Clock) -> Recent:
        """What calls did lately, shared with the other workers."""
        recent = Recent(clock, folder=self.folder, number=self.number)
        self._publishers.append(recent.publish)
        return recent

    def say(self, what: bytes) -> None:
        """To the parent; if there is none any more, to nobody."""
        with contextlib.suppress(OSError):
            self._link.sendall(what)

    @contextlib.contextmanager
    def heeding_its_parent(self, leave: Leave, end: Callable[[], None]) -> Iterator[None]:
        """Do as the parent says, on the running loop."""
        loop = asyncio.get_running_loop()

        def hear() -> None:
            try:
                said = self._link.recv(64)
            except BlockingIOError:
                return
            except OSError:
                said = b""
            if not said:
                _log.error("worker %d: the parent process is gone", self.number)
                loop.remove_reader(self._link)
                shutil.rmtree(self.folder, ignore_errors=True)
            if END in said:
                end()
            leave(gives_notice=LEAVE_QUIETLY not in said)

        loop.add_reader(self._link, hear)
        try:
            yield
        finally:
            loop.remove_reader(self._link)

    def publishing(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Have the other workers know this one's figures, to the second, while the block runs."""
        return in_background(self._publish())

    async def _publish(self) -> None:
        while True:
            # A folder that is gone went with the parent: nobody scrapes any more.
            with contextlib.suppress(OSError):
                for publish in self._publishers:
                    await asyncio.to_thread(publish)
            await asyncio.sleep(PUBLISH_S)

    def __repr__(self) -> str:
        return f"<Worker {self.number}>"
