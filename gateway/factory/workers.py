"""The parent of several worker processes: it starts them, replaces one that dies, and ends when they have ended.

It serves nothing itself. Each worker has a listener of its own on the one address; the kernel spreads connections over
them (``SO_REUSEPORT``). The parent holds the listeners open: who waits in the queue of a worker that died is served by
the one that takes its place.

Workers are forked, so this process has neither threads nor an event loop, and its log is written at once.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from gateway.core.errors import ConfigError, SluiceError
from gateway.factory.listening import listen, listen_for_each, url
from gateway.factory.signals import caught, uncaught
from gateway.factory.worker import END, FAILED, LEAVE, LEAVE_QUIETLY, READY, Worker
from gateway.settings.server import Server as ServerSettings
from gateway.telemetry.direct_log import direct_logging
from gateway.telemetry.readings import WORKER_RESTARTS, WORKERS
from gateway.telemetry.shared import forget_worker, publish_sheets

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 30.0
"""Between the death of a worker and its replacement; it doubles with each death."""
STEADY_S = 30.0
"""Who lived this long is no sign of trouble: the next pause is the first again."""
QUEUE_WAITS_S = 1.0
"""The longest pause for which connections wait in the queue of a dead worker."""
DRAIN_S = 30.0
"""How long workers may take beyond the grace time to deliver what they hold, before they are killed."""
LOADED_AHEAD = ("gateway.state.redis.engine", "gateway.state.shared", "gateway.directory.redis", "gateway.spend.redis")
"""What every worker is about to load, for they share a Redis: 10 MB and 0.1 s of each."""
OWN_NUMBER = 0
"""No worker's: the parent's own figures are put down under it."""
_log = logging.getLogger("sluice")


class Run(Protocol):
    """Serves in this process until it is told to leave."""

    def __call__(self, listener: socket.socket, on_ready: Callable[[], None], worker: Worker) -> None: ...


class Place(msgspec.Struct):
    """Where one worker is, or the next one will be."""

    number: int
    listener: socket.socket | None
    pid: int | None = None
    link: socket.socket | None = None
    """To the worker; it ends when the worker does."""
    said: bytes = b""
    is_ready: bool = False
    started_at: float = 0.0
    deaths: int = 0
    """In a row, each too soon after the start."""
    due_at: float = 0.0


class Workers:
    """``run`` starts ``settings.workers`` of them, and returns the exit status when all have ended.

    ``on_ready`` is given the URL once all of them answer.
    """

    def __init__(self, settings: ServerSettings, serve: Run, on_ready: Callable[[str], None]) -> None:
        self._settings = settings
        self._serve = serve
        self._on_ready = on_ready
        self._was_ready = False
        self._restarts = 0
        self._status = 0
        self._kill_at: float | None = None
        """When those that still live are killed; None unless it is leaving."""

    def run(self) -> int:
        """Raises ConfigError for an address that can't be had."""
        settings = self._settings
        listeners = listen_for_each(settings.host, settings.port, settings.workers)
        self._address = listeners[0].getsockname()[:2]
        self._url = url(listeners[0])
        direct_logging(settings.log.format, settings.log.level)
        self._places = [Place(number, listener) for number, listener in enumerate(listeners, 1)]
        self._folder = Path(tempfile.mkdtemp(prefix="sluice-metrics-"))
        # What is there already is shared with the workers, as long as nobody writes to it: the collector would.
        for name in LOADED_AHEAD:
            importlib.import_module(name)
        gc.collect()
        gc.freeze()
        try:
            with caught(SIGNALS) as self._wake, selectors.DefaultSelector() as self._selector:
                self._selector.register(self._wake, selectors.EVENT_READ)
                self._watch()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
        return self._status

    def _watch(self) -> None:
        while self._kill_at is None or any(place.pid for place in self._places):
            now = time.monotonic()
            for place in self._places:
                if place.pid is None and self._kill_at is None and place.due_at <= now:
                    self._start(place)
            for key, _ in self._selector.select(self._timeout(now)):
                if key.fileobj is self._wake:
                    self._signalled(self._wake.recv(64))
                else:
                    self._hear(key.data)
            self._reap()
            if self._kill_at is not None and time.monotonic() > self._kill_at:
                self._kill()

    def _timeout(self, now: float) -> float | None:
        """Until the next thing that is due."""
        if self._kill_at is not None:
            return max(0.0, self._kill_at - now)
        due = [place.due_at for place in self._places if place.pid is None]
        return max(0.0, min(due) - now) if due else None

    def _signalled(self, numbers: bytes) -> None:
        for number in numbers:
            if number in (signal.SIGTERM, signal.SIGINT):
                self._leave(LEAVE if number == signal.SIGTERM else LEAVE_QUIETLY)
            elif number == signal.SIGHUP and self._kill_at is None:
                for place in self._places:
                    if place.pid is not None:
                        os.kill(place.pid, signal.SIGHUP)

    def _leave(self, how: bytes) -> None:
        """Tell all to leave; the second time, to wait for nobody."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._settings.shutdown_grace_s + DRAIN_S
            # From now on a listener lives as long as its worker, who serves what is left in its queue.
            for place in self._places:
                self._close_listener(place)
        else:
            how = END
        for place in self._places:
            if place.link is not None:
                with contextlib.suppress(OSError):
                    place.link.sendall(how)

    def _kill(self) -> None:
        for place in self._places:
            if place.pid is not None:
                _log.error("worker %d did not end in time: it is killed", place.number)
                os.kill(place.pid, signal.SIGKILL)
        self._kill_at = float("inf")

    def _start(self, place: Place) -> None:
        if place.listener is None:
            place.listener = listen(*self._address, is_one_of_many=True)
        place.link, theirs = socket.socketpair()
        place.pid, place.said, place.is_ready = None, b"", False
        place.started_at = time.monotonic()
        assert threading.active_count() == 1, "a lock that another thread holds would never be free in the child"
        pid = os.fork()
        if pid == 0:
            os._exit(self._be(place, theirs))
        theirs.close()
        place.pid = pid
        place.link.setblocking(False)
        self._selector.register(place.link, selectors.EVENT_READ, place)
        self._publish()

    def _be(self, place: Place, link: socket.socket) -> int:
        """The worker's whole life, in its own process; its exit status."""
        try:
            self._let_go_of_the_parents(place)
            assert place.listener is not None
            worker = Worker(place.number, link, self._folder, takes_over=self._was_ready)
            self._serve(place.listener, lambda: worker.say(READY), worker)
        except ConfigError as error:
            worker.say(FAILED + "\n".join(map(str, error.problems)).encode())
            return 2
        except SluiceError as error:
            worker.say(FAILED + f"sluice: {error}".encode())
            return 1
        except BaseException:  # noqa: BLE001  nothing of the child's may run on as the parent's
            sys.excepthook(*sys.exc_info())
            return 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        return 0

    def _let_go_of_the_parents(self, place: Place) -> None:
        uncaught(SIGNALS)
        # One that comes before the gateway listens to it would end the worker.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._selector.close()
        self._wake.close()
        for other in self._places:
            if other.link is not None:
                other.link.close()
            if other is not place:
                self._close_listener(other)

    def _hear(self, place: Place) -> None:
        assert place.link is not None
        with contextlib.suppress(BlockingIOError):
            said = place.link.recv(65_536)
            if not said:
                self._selector.unregister(place.link)
            place.said += said
        if place.said == READY and not place.is_ready:
            place.is_ready = True
            self._publish()
            if not self._was_ready and all(each.is_ready for each in self._places):
                self._was_ready = True
                self._on_ready(self._url)

    def _reap(self) -> None:
        for place in self._places:
            if place.pid is not None:
                pid, status = os.waitpid(place.pid, os.WNOHANG)
                if pid:
                    self._ended(place, os.waitstatus_to_exitcode(status))

    def _ended(self, place: Place, status: int) -> None:
        assert place.link is not None
        self._hear_out(place)
        reason = place.said.removeprefix(READY).removeprefix(FAILED).decode(errors="replace")
        pid, place.pid = place.pid, None
        forget_worker(self._folder, place.number)
        if self._kill_at is not None:
            self._status = self._status or (1 if status else 0)
        elif not self._was_ready:
            # It never worked: what one can't start with, none can.
            print(reason or f"sluice: worker {place.number} ended with {status} before it was ready", file=sys.stderr)  # noqa: T201
            self._status = status if status > 0 else 1
            self._leave(LEAVE_QUIETLY)
        else:
            self._plan_next(place, f"{_told(status)}{': ' + reason if reason else ''}", pid)
        self._publish()

    def _hear_out(self, place: Place) -> None:
        assert place.link is not None
        with contextlib.suppress(KeyError):
            self._selector.unregister(place.link)
        with contextlib.suppress(OSError):
            place.said += place.link.recv(65_536)
        place.link.close()
        place.link = None
        place.is_ready = False

    def _plan_next(self, place: Place, how: str, pid: int | None) -> None:
        now = time.monotonic()
        place.deaths = 0 if now - place.started_at > STEADY_S else place.deaths + 1
        pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** max(0, place.deaths - 1))
        place.due_at = now + pause_s
        if pause_s > QUEUE_WAITS_S:
            # Nobody is to wait that long: without this listener, the others get its connections.
            self._close_listener(place)
        self._restarts += 1
        _log.error("worker %d (process %s) ended: %s; the next starts in %.1f s", place.number, pid, how, pause_s)

    def _close_listener(self, place: Place) -> None:
        if place.listener is not None:
            place.listener.close()
            place.listener = None

    def _publish(self) -> None:
        alive = sum(place.is_ready for place in self._places)
        metrics = (
            GaugeMetricFamily(WORKERS.name, WORKERS.doc, alive),
            CounterMetricFamily(WORKER_RESTARTS.name, WORKER_RESTARTS.doc, self._restarts),
        )
        publish_sheets(self._folder, OWN_NUMBER, metrics)


def _told(status: int) -> str:
    """An exit status in words."""
    return f"exit status {status}" if status >= 0 else f"killed by {signal.Signals(-status).name}"
