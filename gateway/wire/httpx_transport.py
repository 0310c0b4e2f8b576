"""The transport for providers that need an egress proxy, SOCKS or HTTP/2: ``transport: httpx``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gateway.core.clock import Clock
from gateway.core.errors import ConfigError, Problem, Reason, UpstreamError
from gateway.core.exchange import HttpHead, HttpReply, HttpRequest, Payload, Timeouts
from gateway.wire.content_coding import decoded
from gateway.wire.deadlines import Expired, Wheel
from gateway.wire.tls import Tls
from gateway.wire.upload import slices

if TYPE_CHECKING:
    import httpx


class HttpxTransport:
    """A Transport over httpx, at some twenty times the connector's cost.

    ``proxy`` is an http, https, socks5 or socks5h URL, and may hold a user and a password; without one, those that the
    environment names (HTTPS_PROXY, NO_PROXY) are used. httpx is imported when the first of these is made.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        proxy: str | None = None,
        http2: bool = False,
        tls: Tls | None = None,
        max_connections: int = 512,
        keepalive_s: float = 30.0,
    ) -> None:
        """Raises ConfigError if the proxy's URL or a file of ``tls`` can't be used."""
        import httpx  # noqa: PLC0415 - 0.1 s that a start without such a provider doesn't spend

        from gateway.wire.httpx_errors import translated  # noqa: PLC0415 - it imports httpx

        # A line for each request, and the URL in it, is not for httpx to log.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        limits = httpx.Limits(
            max_connections=max_connections, max_keepalive_connections=max_connections, keepalive_expiry=keepalive_s
        )
        context = (tls or Tls()).context()
        try:
            self._client = httpx.AsyncClient(verify=context, proxy=proxy, http2=http2, limits=limits)
        except (ValueError, ImportError, httpx.InvalidURL):
            # The error is not shown, since it might show the URL.
            fix = "give an http, https, socks5 or socks5h URL"
            problem = Problem("configuration", None, "transport.proxy", "the proxy's URL can't be used", fix)
            raise ConfigError([problem]) from None
        self._httpx = httpx
        self.translated = translated
        self._version = "HTTP/2" if http2 else "HTTP/1.1"
        self._is_proxied = proxy is not None
        self._now = clock.monotonic
        self._wheel = Wheel(clock)
        self._closing: set[asyncio.Task[None]] = set()

    async def send(self, request: HttpRequest, timeouts: Timeouts, deadline: float) -> HttpReply:
        """See Transport."""
        # httpcore looks the timeouts up at each step, so that the body's may differ from the head's.
        spans = {
            "connect": timeouts.connect,
            "pool": timeouts.connect,
            "write": timeouts.idle,
            "read": timeouts.first_byte,
        }
        try:
            response = await self.bounded(self._client.send(self._translated(request, spans), stream=True), deadline)
        except self._httpx.ReadTimeout as error:
            words = f"no reply began within {timeouts.first_byte:g} s"
            raise UpstreamError(Reason.FIRST_BYTE_TIMEOUT, words) from error
        except Exception as error:  # what lies below httpx (h2, SOCKS) has errors of its own
            raise self.translated(error, timeouts) from error
        spans["read"] = timeouts.idle
        reply = _Reply(self, response, timeouts, deadline)
        coding = reply.head.get(b"content-encoding")
        return reply if coding is None else decoded(reply, coding.lower())

    async def aclose(self) -> None:
        self._wheel.close()
        await self._client.aclose()
        await asyncio.gather(*self._closing)

    async def bounded(self, work: Any, deadline: float) -> Any:
        """What ``work`` returns. Raises UpstreamError (TOTAL_TIMEOUT) once ``deadline`` has passed."""
        try:
            return await self._wheel.bounded(work, deadline)
        except Expired:
            raise UpstreamError(Reason.TOTAL_TIMEOUT, "the call's deadline passed") from None

    def discard(self, response: httpx.Response) -> None:
        """Close ``response`` soon. httpx can only do so in a coroutine."""
        task = asyncio.get_running_loop().create_task(_close(response))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def tick(self) -> None:
        """Enforce the deadlines now; tests that hold the clock call it."""
        self._wheel.tick()

    def _translated(self, request: HttpRequest, spans: dict[str, float]) -> httpx.Request:
        origin = request.origin
        headers = list(request.headers)
        if not any(name == b"accept-encoding" for name, _ in headers):
            headers.append((b"accept-encoding", b"identity"))
        headers.append((b"content-length", b"%d" % request.body.length))
        url = self._httpx.URL(scheme=origin.scheme, host=origin.host, port=origin.port, raw_path=request.path)
        content = _pieces(request.body)
        return self._httpx.Request(
            request.method.decode("ascii"), url, headers=headers, content=content, extensions={"timeout": spans}
        )

    def __repr__(self) -> str:
        return f"<HttpxTransport {self._version}{', through a proxy' if self._is_proxied else ''}>"


class _Reply:
    """An HttpReply over an httpx response."""

    def __init__(
        self, transport: HttpxTransport, response: httpx.Response, timeouts: Timeouts, deadline: float
    ) -> None:
        self.head = HttpHead(response.status_code, [(name.lower(), value) for name, value in response.headers.raw])
        self._transport = transport
        self._response = response
        self._pieces = response.aiter_raw()
        self._timeouts = timeouts
        self._deadline = deadline
        self._is_over = False
        self._error: UpstreamError | None = None

    async def read(self) -> bytes:
        """See HttpReply. Cancelled, it closes the connection."""
        if self._is_over:
            if self._error is not None:
                raise self._error
            return b""
        try:
            data: bytes = await self._transport.bounded(self._next(), self._deadline)
        except asyncio.CancelledError:
            self.abort()
            raise
        except Exception as error:
            self.abort()
            self._error = self._transport.translated(error, self._timeouts)
            raise self._error from error
        self._is_over = not data
        return data

    def abort(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._error = UpstreamError(Reason.CLOSED, "the exchange was given up")
            self._transport.discard(self._response)

    async def _next(self) -> bytes:
        async for piece in self._pieces:
            if piece:
                return piece
        return b""

    def __repr__(self) -> str:
        return f"<Reply {self.head!r}, {'over' if self._is_over else 'coming'}>"


async def _pieces(body: Payload) -> AsyncIterator[bytes]:
    for piece in slices(b"", body):
        yield bytes(piece)


async def _close(response: httpx.Response) -> None:
    with suppress(Exception):  # nobody wants this reply any more, so nobody wants its errors
        await response.aclose()
