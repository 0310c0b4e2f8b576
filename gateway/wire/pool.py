"""The connections to one origin: kept, bounded, and handed out in turn."""

from __future__ import annotations

import asyncio
from collections import deque

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import Origin
from gateway.wire.connection import Bounds, Connection
from gateway.wire.deadlines import Expired, Watched
from gateway.wire.dial import Dialer
from gateway.wire.request_head import host_line


class Pool:
    """At most ``bound`` connections. The one used last is used next, so that the others grow idle and expire.

    Whoever finds none free and no room waits in line; a connection or a room that falls free goes to the first.
    """

    def __init__(self, origin: Origin, *, dialer: Dialer, bounds: Bounds, bound: int) -> None:
        self.origin = origin
        self.host_line = host_line(origin)
        self.connections: set[Connection] = set()
        """All that are open, idle ones among them, until the event loop says that they are closed."""
        self.idle: list[Connection] = []
        self._dialer = dialer
        self._bounds = bounds
        self._bound = bound
        self._opening = 0
        """Connections on their way, and room that is kept for the first in line."""
        self._line: deque[_Place] = deque()
        self._is_closed = False

    def take(self, now: float) -> Connection | None:
        """An idle connection, if there is one that has not expired."""
        idle = self.idle
        while idle:
            connection = idle.pop()
            if not connection.is_closing and connection.due > now:
                return connection
            connection.abort()
        return None

    async def acquire(self, connect_s: float, deadline: float, *, is_fresh: bool = False) -> Connection:
        """A new connection or, where there is no room for one, the first that falls free.

        ``is_fresh`` is for whoever met a stale connection: it goes to the head of the line, and kept connections make
        room for it, as they may be no better; one that has answered this instant will do. Cancelled, it leaves nothing.
        Raises UpstreamError (CONNECT, CONNECT_TIMEOUT, TOTAL_TIMEOUT).
        """
        due = min(self._bounds.clock.monotonic() + connect_s, deadline)
        try:
            while self._is_full:
                if is_fresh and self.idle:
                    self.idle.pop(0).abort()
                connection = await self._stand_in_line(due, is_first=is_fresh)
                if connection is None:
                    break
                if not connection.is_closing:
                    return connection
            if not self._is_closed:
                return await self._open(due)
        except Expired:
            if not self._is_closed:
                if due >= deadline:
                    raise UpstreamError(Reason.TOTAL_TIMEOUT, "the call's deadline passed") from None
                raise UpstreamError(Reason.CONNECT_TIMEOUT, f"no connection within {connect_s:g} s") from None
        raise UpstreamError(Reason.CLOSED, "the gateway is shutting down")

    @property
    def is_busy(self) -> bool:
        """Something is open, or about to be."""
        return bool(self.connections) or self._opening > 0

    def close(self) -> None:
        self._is_closed = True
        for connection in tuple(self.connections):
            connection.shut_down()
        for place in self._line:
            place.refuse(UpstreamError(Reason.CLOSED, "the gateway is shutting down"))

    # What connections tell

    def opened(self, connection: Connection) -> None:
        self.connections.add(connection)

    def freed(self, connection: Connection) -> None:
        while self._line:
            if self._line.popleft().grant(connection):
                return
        self.idle.append(connection)

    def closed(self, connection: Connection) -> None:
        self.connections.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)
        self._serve_line()

    # Room

    @property
    def _is_full(self) -> bool:
        return len(self.connections) + self._opening >= self._bound

    async def _open(self, due: float) -> Connection:
        self._opening += 1
        connection = Connection(self, self._bounds)
        try:
            await self._bounds.wheel.bounded(self._dialer.dial(self.origin, connection), due)
        except BaseException:
            connection.abort()
            # uvloop, cancelled just after it told of the connection, closes that and never tells.
            self.connections.discard(connection)
            raise
        finally:
            self._opening -= 1
            self._serve_line()
        return connection

    async def _stand_in_line(self, due: float, *, is_first: bool) -> Connection | None:
        """A connection, or None for room to open one."""
        place = _Place(due)
        if is_first:
            self._line.appendleft(place)
        else:
            self._line.append(place)
        self._bounds.wheel.watch(place)
        try:
            connection = await place.granted
        except asyncio.CancelledError:
            # Granted and cancelled in the same turn of the loop: the next in line has it.
            if place.granted.done() and not place.granted.cancelled() and place.granted.exception() is None:
                self._give_back(place.granted.result())
            raise
        finally:
            self._bounds.wheel.forget(place)
            if place in self._line:
                self._line.remove(place)
        if connection is None:
            self._opening -= 1
        return connection

    def _give_back(self, connection: Connection | None) -> None:
        if connection is None:
            self._opening -= 1
            self._serve_line()
        elif not connection.is_closing:
            self.freed(connection)

    def _serve_line(self) -> None:
        while self._line and not self._is_full:
            if self._line.popleft().grant(None):
                self._opening += 1

    def __repr__(self) -> str:
        active = len(self.connections) - len(self.idle)
        return (
            f"<Pool {self.origin}: {active} active, {len(self.idle)} idle, {self._opening} opening, "
            f"{len(self._line)} in line>"
        )


class _Place(Watched):
    """In the line for a connection."""

    __slots__ = ("granted",)

    def __init__(self, due: float) -> None:
        super().__init__()
        self.due = due
        self.granted: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()

    def grant(self, connection: Connection | None) -> bool:
        if self.granted.done():
            return False
        self.granted.set_result(connection)
        return True

    def refuse(self, error: Exception) -> None:
        if not self.granted.done():
            self.granted.set_exception(error)

    def expire(self) -> None:
        self.refuse(Expired())
