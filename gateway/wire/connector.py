"""The transport for nearly all providers: HTTP/1.1 straight on the event loop."""

from __future__ import annotations

import asyncio

from gateway.core.clock import Clock
from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpReply, HttpRequest, Origin, Timeouts
from gateway.wire.content_coding import decoded
from gateway.wire.deadlines import Wheel
from gateway.wire.dial import Dialer
from gateway.wire.pool import Pool
from gateway.wire.request_head import encode_head
from gateway.wire.tls import Tls


class Connector:
    """A Transport with a pool of kept connections for each origin. One for the life of the process, on one event loop.

    A request that was written to a kept connection which then closes before a byte of the reply came is sent once
    more, on a new connection: most likely the provider had closed it before the request arrived. Replies that come
    compressed although we ask for none are inflated. ``max_head_bytes`` bounds a reply's head, each header counting 32
    bytes more than it has.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        tls: Tls | None = None,
        max_connections_per_origin: int = 512,
        keepalive_s: float = 30.0,
        max_head_bytes: int = 64 * 1024,
    ) -> None:
        """Raises ConfigError if a file of ``tls`` can't be used."""
        self.clock = clock
        self.wheel = Wheel(clock)
        self.keepalive_s = keepalive_s
        self.max_head_bytes = max_head_bytes
        self._now = clock.monotonic
        self._max_connections = max_connections_per_origin
        self._dialer = Dialer(tls or Tls())
        self._pools: dict[Origin, Pool] = {}
        self._is_closed = False

    async def send(self, request: HttpRequest, timeouts: Timeouts, deadline: float) -> HttpReply:
        """See Transport."""
        pool = self._pools.get(request.origin) or self._pool(request.origin)
        now = self._now()
        if now >= deadline:
            raise UpstreamError(Reason.TOTAL_TIMEOUT, "the call's deadline passed")
        head = encode_head(request, pool.host_line)
        connection = pool.take(now) or await pool.acquire(timeouts.connect, deadline)
        reply = connection.begin(head, request, timeouts, deadline)
        try:
            await reply.headed()
        except UpstreamError:
            if not reply.is_stale or self._is_closed:
                raise
            connection = await pool.acquire(timeouts.connect, deadline, is_fresh=True)
            reply = connection.begin(head, request, timeouts, deadline)
            await reply.headed()
        return reply if reply.coding is None else decoded(reply, reply.coding)

    async def aclose(self) -> None:
        """Close every connection, those in use too, and wait until their sockets are closed."""
        self._is_closed = True
        self._dialer.close()
        while True:
            for pool in self._pools.values():
                pool.close()
            if not any(pool.is_busy for pool in self._pools.values()):
                break
            await asyncio.sleep(0)
        self._pools.clear()
        self.wheel.close()

    def forget(self, origin: Origin) -> None:
        """Close the connections to ``origin``, those in use too, and keep nothing of it."""
        if (pool := self._pools.pop(origin, None)) is not None:
            pool.close()

    def tick(self) -> None:
        """Enforce the timeouts now. It happens by itself every 50 ms; tests that hold the clock call it."""
        self.wheel.tick()

    @property
    def open_connections(self) -> int:
        """Those in use and those kept."""
        return sum(len(pool.connections) for pool in self._pools.values())

    @property
    def idle_connections(self) -> int:
        return sum(len(pool.idle) for pool in self._pools.values())

    def connections(self) -> dict[Origin, tuple[int, int]]:
        """How many are open to each origin, and how many of those are idle. May be called from any thread."""
        return {origin: (len(pool.connections), len(pool.idle)) for origin, pool in self._pools.copy().items()}

    def _pool(self, origin: Origin) -> Pool:
        if self._is_closed:
            raise UpstreamError(Reason.CLOSED, "the gateway is shutting down")
        pool = self._pools[origin] = Pool(origin, dialer=self._dialer, bounds=self, bound=self._max_connections)
        return pool

    def __repr__(self) -> str:
        return f"<Connector {list(self._pools.values())!r}>"
