"""Serves a gateway over HTTP until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager

import uvicorn
import uvloop

from gateway.catalog.catalog import Catalog
from gateway.core.errors import ConfigError, Problem
from gateway.factory.client_connection import ClientConnection
from gateway.factory.gateway import Gateway, running_gateway
from gateway.settings import Settings
from gateway.telemetry.logs import logging_setup

BACKLOG = 2_048
KEEP_ALIVE_S = 75
GC_OBJECTS = 10_000
"""Objects made and not yet freed, beyond those of the last look, before the collector looks again."""
NOTICE_S = 5.0
"""The longest that connections are still taken after SIGTERM, for load balancers to see ``/readyz`` say no."""
_log = logging.getLogger("sluice")


class Server(uvicorn.Server):
    """uvicorn's, but it tells the gateway that it is leaving, and whoever waits that it has begun.

    Its way of ending is not uvicorn's, which raises the caught signal anew as soon as the last connection is closed:
    the process would die of it before the store has delivered what it holds.
    """

    def __init__(self, config: uvicorn.Config, gateway: Gateway, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._on_ready = on_ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """While calls run, ``/readyz`` says no and who comes nevertheless is served. Then it is uvicorn's way."""
        self._gateway.is_leaving = True
        grace_s = self.config.timeout_graceful_shutdown or 0
        now = asyncio.get_running_loop().time
        began = now()
        until = began + min(NOTICE_S, grace_s / 2)
        app = self._gateway.app
        while app.calls_in_flight and now() < until and not self.force_exit:  # noqa: ASYNC110 — counts tell nobody
            await asyncio.sleep(0.02)
        self.config.timeout_graceful_shutdown = max(1, round(grace_s - (now() - began)))
        await super().shutdown(sockets)


def serve(
    settings: Settings, catalog: Catalog, on_ready: Callable[[str], None], *, problems: Sequence[Problem] = ()
) -> None:
    """Serve until SIGTERM or SIGINT: then no more connections, running calls end within the grace time, and every
    settlement is delivered. ``on_ready`` is given the URL once the gateway answers; ``problems`` are the warnings that
    the settings were read with.

    Raises ConfigError for an address that can't be had, and whatever the gateway can't start with.
    """
    writer = logging_setup(settings.server.log.format, settings.server.log.level)
    try:
        listener = _listen(settings.server.host, settings.server.port)
        starting = running_gateway(settings, catalog=catalog, log_writer=writer, problems=problems)
        uvloop.run(_serve(settings, starting, listener, on_ready))
    finally:
        writer.close()


async def _serve(
    settings: Settings,
    starting: AbstractAsyncContextManager[Gateway],
    listener: socket.socket,
    on_ready: Callable[[str], None],
) -> None:
    async with starting as gateway:
        config = uvicorn.Config(
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
            timeout_graceful_shutdown=max(1, round(settings.server.shutdown_grace_s)),
        )
        url = _url(listener)
        await Server(config, gateway, lambda: on_ready(url)).serve(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        what = f"can't listen on {host}:{port}: {error.strerror or error}"
        fix = "Choose another with --port, or stop what uses it."
        raise ConfigError([Problem("configuration", None, "server.port", what, fix)]) from None
    listener.setblocking(False)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 — shown, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
