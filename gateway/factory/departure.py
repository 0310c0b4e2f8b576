"""How a server goes, so that nobody who asks meanwhile goes without an answer.

1. notice   ``/readyz`` says no; whoever comes is served, and told by ``connection: close`` to come no more on that
            connection. Load balancers and clients with kept connections go elsewhere, in their own time.
2. close    the listener closes; who already stood in its queue is served.
3. wait     for the calls that run, until the grace time is over. A kept connection stays open as long as others are
            waited for: closing it may cross a request on its way.
4. cut off  what still runs ends with an error, and is settled as far as it got.

After that the caller drains what is to be kept. https://httpwg.org/specs/rfc9112.html#persistent.tear-down
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from gateway.factory.client_connection import ClientConnection
from gateway.pipeline.record import STOPPING

if TYPE_CHECKING:
    from gateway.factory.server import Server

STEP_S = 0.02
FIRST_REQUEST_S = 1.0
"""How long whoever has just connected has for a first request."""
CUT_OFF_S = 5.0
"""What the exits of calls, and the last bytes to their clients, may take."""
_CLOSE = (b"connection", b"close")
_log = logging.getLogger("sluice")


async def depart(server: Server, listeners: list[socket.socket]) -> None:
    """Take all four steps. ``server.force_exit`` cuts each wait short."""
    grace_s, notice_s = server.settings.shutdown_grace_s, server.settings.notice_s
    _log.info("stopping: told to; %d connections", len(server.server_state.connections))
    # Again: uvicorn renews the headers once a second, maybe since it was told.
    ask_to_close(server)
    if server.gives_notice and server.has_callers:
        await _pass(server, min(notice_s, grace_s))
    await _stop_listening(server, listeners)
    await _wait(server, lambda: bool(server.server_state.tasks), grace_s)
    loop = asyncio.get_running_loop()
    first_request_s = min(grace_s, loop.time() - server.told_at + FIRST_REQUEST_S)
    await _wait(server, lambda: bool(server.server_state.tasks) or _has_newcomers(server), first_request_s)
    await _cut_off(server)


def _connections(server: Server) -> list[ClientConnection]:
    return [cast("ClientConnection", connection) for connection in server.server_state.connections]


def _has_newcomers(server: Server) -> bool:
    return any(connection.cycle is None for connection in _connections(server))


def ask_to_close(server: Server) -> None:
    """Have every response that has not begun say ``connection: close``. One that has can't say it any more: its
    connection is kept for one request more, which is told.
    """
    state = server.server_state
    if _CLOSE not in state.default_headers:
        state.default_headers = [*state.default_headers, _CLOSE]
    for connection in _connections(server):
        if connection.cycle is not None and not connection.cycle.response_started:
            connection.cycle.keep_alive = False


async def _stop_listening(server: Server, listeners: list[socket.socket]) -> None:
    loop = asyncio.get_running_loop()
    # As long as one descriptor is open, the queue lives.
    last = [listener.dup() for listener in listeners]
    for closing in server.servers:
        closing.close()
    for listener in listeners:
        listener.close()
    await asyncio.sleep(0)
    for listener in last:
        with listener:
            listener.setblocking(False)
            while True:
                try:
                    accepted, _ = listener.accept()
                except OSError:
                    break
                accepted.setblocking(False)
                await loop.connect_accepted_socket(server.connection, accepted)


async def _pass(server: Server, until_s: float) -> None:
    await _wait(server, lambda: True, until_s)


async def _wait(server: Server, goes_on: Callable[[], bool], until_s: float) -> None:
    """While ``goes_on``, until so many seconds after the server was told to leave."""
    now = asyncio.get_running_loop().time
    until = server.told_at + until_s
    while goes_on() and not server.force_exit and (left := until - now()) > 0:  # noqa: ASYNC110 — counts tell nobody
        await asyncio.sleep(min(STEP_S, left))


async def _cut_off(server: Server) -> None:
    tasks = list(server.server_state.tasks)
    if tasks:
        _log.warning("stopping: %d calls are cut off", len(tasks))
        for task in tasks:
            task.cancel(STOPPING)
        await asyncio.wait(tasks, timeout=CUT_OFF_S)
    for connection in _connections(server):
        connection.transport.close()
    # A connection is closed when its last bytes are sent.
    until = asyncio.get_running_loop().time() + CUT_OFF_S
    while server.server_state.connections and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110
        await asyncio.sleep(STEP_S)
