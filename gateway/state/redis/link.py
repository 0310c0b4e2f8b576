"""One connection to one server of Redis, on which commands follow each other without waiting for answers.

redis-py opens it (TLS, password, database, Sentinels), then its socket is taken over: an answer costs 4 µs less than
through its stream reader and a task, and 24 less than through ``execute_command``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

import hiredis
from redis.asyncio.connection import AbstractConnection

from gateway.core.errors import StoreTimedOut, StoreUnavailable
from gateway.state.redis.failures import unconnected

READ_FIRST_S = 0.001
"""The shortest timer that lets the loop look at its sockets once."""

Answer = bytes | Exception
Done = Callable[[Answer], None]
"""Is told the answer, once: bytes, an error that Redis answered with, or StoreUnavailable."""


class Link(asyncio.Protocol):
    """Connects when it is used, and again when it was lost. What is not answered within ``deadline_s`` has failed, and
    all that was sent with it: the connection is dropped, since nobody knows what it still carries.

    One timer serves all: it waits for the oldest command.
    """

    def __init__(self, open_connection: Callable[[], AbstractConnection], deadline_s: float) -> None:
        self._open_connection = open_connection
        self._deadline_s = deadline_s
        self._waiting: deque[tuple[float, Done, bytes]] = deque()
        self._transport: asyncio.Transport | None = None
        self._connection: AbstractConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._replies = hiredis.Reader()

    def __repr__(self) -> str:
        state = "connected" if self._transport else "connecting" if self._connecting else "not connected"
        return f"<Link {state}, {len(self._waiting)} unanswered>"

    @property
    def unanswered(self) -> int:
        return len(self._waiting)

    async def connected(self) -> None:
        """Wait for the connection, as long as redis-py does. Raises StoreUnavailable."""
        if self._transport is None:
            await asyncio.shield(self._connect())

    def send(self, command: bytes, done: Done) -> None:
        loop = asyncio.get_running_loop()
        expires_at = loop.time() + self._deadline_s
        self._waiting.append((expires_at, done, command))
        if self._timer is None:
            self._timer = loop.call_at(expires_at, self._expire)
        if self._transport is not None:
            self._transport.write(command)
        else:
            self._connect()

    def close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._drop(StoreUnavailable("the connection to Redis was closed"))

    def drop(self) -> None:
        """Connect anew at the next command: the server is the wrong one."""
        self._drop(StoreUnavailable("the connection to Redis was given up"))

    def data_received(self, data: bytes) -> None:
        self._replies.feed(data)
        try:
            while (answer := self._replies.gets()) is not False:
                self._waiting.popleft()[1](answer)
        except (hiredis.ProtocolError, IndexError):
            self._drop(StoreUnavailable("what answers is no Redis"))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's shape
        # What was dropped is heard of again, and a new connection may be there by then.
        if self._transport is not None and self._transport.is_closing():
            self._drop(StoreUnavailable("the connection to Redis was lost"))

    def _connect(self) -> asyncio.Task[None]:
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._open())
            self._connecting.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._connecting

    async def _open(self) -> None:
        connection = self._open_connection()
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py's
            self._replies = hiredis.Reader()
            self._transport = _take_over(connection, self)
            self._connection = connection
        except asyncio.CancelledError:
            await connection.disconnect(nowait=True)
            raise
        except Exception as error:  # noqa: BLE001  whatever it was, who waits must hear of it
            await connection.disconnect(nowait=True)
            problem = unconnected(error)
            self._fail(problem)
            raise problem from None
        finally:
            self._connecting = None
        for _, _, command in self._waiting:
            self._transport.write(command)

    def _expire(self) -> None:
        """Not before what has come is read: a loop that is late itself calls its timers first."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(READ_FIRST_S, self._give_up, loop.time())

    def _give_up(self, now: float) -> None:
        """Fail all that should have been answered by ``now``."""
        loop = asyncio.get_running_loop()
        self._timer = None
        if self._waiting and self._waiting[0][0] <= now:
            late = StoreTimedOut(f"Redis did not answer within {self._deadline_s * 1000:g} ms")
            if self._transport is not None:
                self._drop(late)
            while self._waiting and self._waiting[0][0] <= now:
                self._waiting.popleft()[1](late)
        if self._waiting and self._timer is None:
            self._timer = loop.call_at(self._waiting[0][0], self._expire)

    def _drop(self, why: StoreUnavailable) -> None:
        transport, self._transport = self._transport, None
        connection, self._connection = self._connection, None
        if transport is not None:
            transport.abort()
        if connection is not None:
            _let_go(connection)
        self._fail(why)

    def _fail(self, why: StoreUnavailable) -> None:
        waiting, self._waiting = self._waiting, deque()
        for _, done, _ in waiting:
            done(why)


def _take_over(connection: AbstractConnection, protocol: asyncio.Protocol) -> asyncio.Transport:
    # No part of redis-py's interface: here alone, and in _let_go. Its handshake has read all that it asked for.
    transport = cast("asyncio.Transport", connection._writer.transport)  # type: ignore[union-attr]  # noqa: SLF001
    transport.set_protocol(protocol)
    return transport


def _let_go(connection: AbstractConnection) -> None:
    connection._writer = connection._reader = None  # noqa: SLF001
