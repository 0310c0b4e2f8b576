"""Serves a gateway over HTTP until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager

import uvicorn
import uvloop

from gateway.catalog.catalog import Catalog
from gateway.core.errors import Problem
from gateway.factory.client_connection import ClientConnection
from gateway.factory.departure import ask_to_close, depart
from gateway.factory.gateway import Gateway, running_gateway
from gateway.factory.listening import BACKLOG, listen, url
from gateway.factory.source import Source
from gateway.factory.worker import Worker
from gateway.factory.workers import Workers
from gateway.settings import Settings
from gateway.settings.server import Server as ServerSettings
from gateway.telemetry.logs import logging_setup

KEEP_ALIVE_S = 75
ASKED_LATELY_S = 30
"""Who has asked something within this time may ask again."""
GC_OBJECTS = 10_000
"""Objects made and not yet freed, beyond those of the last look, before the collector looks again."""


class Server(uvicorn.Server):
    """uvicorn's, but it goes in its own way (``departure``), and tells whoever waits that it has begun.

    uvicorn would raise the caught signal anew as soon as the last connection is closed: the process would die of it
    before the store has delivered what it holds.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        gateway: Gateway,
        settings: ServerSettings,
        on_ready: Callable[[], None],
        *,
        is_worker: bool = False,
    ) -> None:
        super().__init__(config)
        self.gateway = gateway
        self.settings = settings
        self._on_ready = on_ready
        self._is_worker = is_worker
        self._answered = 0
        self._asked_at = float("-inf")
        self.told_at = 0.0
        """When it was told to leave, on the loop's clock."""
        self.gives_notice = True

    def leave(self, *, gives_notice: bool = True) -> None:
        """Begin to leave: from now on ``/readyz`` says so, and every response that its connection ends."""
        if not self.should_exit:
            self.gives_notice = gives_notice
            self.told_at = asyncio.get_running_loop().time()
            self.gateway.is_leaving = True
            self.should_exit = True
            ask_to_close(self)

    def end(self) -> None:
        """Wait for nobody any more."""
        self.leave(gives_notice=False)
        self.force_exit = True

    @property
    def has_callers(self) -> bool:
        """Somebody is connected, or asked something lately."""
        lately = asyncio.get_running_loop().time() - self._asked_at < ASKED_LATELY_S
        return lately or bool(self.server_state.connections)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)
        loop.add_signal_handler(signal.SIGHUP, self.gateway.live.ask, "SIGHUP")
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
            # Not handled, it would end the process before its store has delivered all.
            loop.remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _signalled(self, number: int) -> None:
        # A worker hears of the second from its parent: a service manager tells all processes of a group, and the
        # parent tells its workers, which makes two of one.
        if self.should_exit and not self._is_worker:
            self.end()
        # Whoever types Ctrl-C sends nobody elsewhere.
        self.leave(gives_notice=number != signal.SIGINT)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What was made to start up lives as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        # A call makes hundreds of objects and no cycles worth the name: looking for them each 700 objects took 4 % of
        # the time of a busy gateway.
        gc.set_threshold(GC_OBJECTS)
        if self.started:
            self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        if self.server_state.total_requests != self._answered:
            self._answered = self.server_state.total_requests
            self._asked_at = asyncio.get_running_loop().time()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await depart(self, sockets or [])

    def connection(self) -> ClientConnection:
        """For a client who has connected by another way than the listener."""
        return ClientConnection(self.config, self.server_state, self.lifespan.state)


def serve(
    settings: Settings,
    catalog: Catalog,
    on_ready: Callable[[str], None],
    *,
    problems: Sequence[Problem] = (),
    source: Source | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT: then no more connections, running calls end within the grace time, and every
    settlement is delivered. The exit status. ``on_ready`` is given the URL once the gateway answers; ``problems`` are
    the warnings that the settings were read with, ``source`` where they are read again.

    Raises ConfigError for an address that can't be had, and whatever the gateway can't start with.
    """

    def run(listener: socket.socket, on_ready: Callable[[], None], worker: Worker | None = None) -> None:
        writer = logging_setup(settings.server.log.format, settings.server.log.level)
        try:
            starting = running_gateway(
                settings, catalog=catalog, log_writer=writer, problems=problems, source=source, worker=worker
            )
            uvloop.run(_serve(settings.server, starting, listener, on_ready, worker))
        finally:
            writer.close()

    if settings.server.workers > 1:
        return Workers(settings.server, run, on_ready).run()
    listener = listen(settings.server.host, settings.server.port)
    address = url(listener)
    run(listener, lambda: on_ready(address))
    return 0


async def _serve(
    settings: ServerSettings,
    starting: AbstractAsyncContextManager[Gateway],
    listener: socket.socket,
    on_ready: Callable[[], None],
    worker: Worker | None,
) -> None:
    async with AsyncExitStack() as running:
        gateway = await running.enter_async_context(starting)
        server = Server(uvicorn_config(gateway), gateway, settings, on_ready, is_worker=worker is not None)
        if worker is not None:
            if worker.takes_over:
                # What the others have in force by now, not what the parent was started with.
                await gateway.live.reload(f"worker {worker.number}, which starts anew")
            running.enter_context(worker.heeding_its_parent(server.leave, server.end))
            await running.enter_async_context(worker.publishing())
        await server.serve(sockets=[listener])


def uvicorn_config(gateway: Gateway) -> uvicorn.Config:
    return uvicorn.Config(
        gateway.app,
        http=ClientConnection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
