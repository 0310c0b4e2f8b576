"""One connection to a provider: HTTP/1.1, one exchange after another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol, cast

from gateway.core.clock import Clock
from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import Buffer, HttpRequest, Origin, Timeouts
from gateway.wire.deadlines import Watched, Wheel
from gateway.wire.reply import Reply
from gateway.wire.reply_parser import Malformed, ReplyParser
from gateway.wire.upload import JOINED_BYTES, BadPayload, joined, slices

HIGH_WATER_BYTES = 128 * 1024
"""Unread bytes of a reply above which no more are received."""

STALE_S = 5.0
"""A kept connection that closes so soon after a request had most likely been closed before the request came. Later,
the provider has worked on it and died of it: sent again, it would be worked on, and maybe billed, twice."""

WRITE_BUFFER_BYTES = 256 * 1024
WRITES_A_TURN = 8
"""So many slices, then the event loop has its turn, however fast the provider takes them."""


class Bounds(Protocol):
    """What a connection shares with all others of its connector."""

    clock: Clock
    wheel: Wheel
    keepalive_s: float
    max_head_bytes: int


class Owner(Protocol):
    """The pool."""

    origin: Origin

    def opened(self, connection: Connection) -> None: ...

    def freed(self, connection: Connection) -> None:
        """It can serve the next request."""
        ...

    def closed(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol, Watched):
    """Sends a request, receives its reply, and enforces the timeouts of the exchange.

    Everything happens in callbacks of the event loop: no task, no lock. Timeouts run only while somebody waits for the
    provider: a slow client is no silence of the provider's.
    """

    __slots__ = (
        "_began_at",
        "_bounds",
        "_deadline",
        "_has_received",
        "_is_full",
        "_is_paused",
        "_loop",
        "_now",
        "_owner",
        "_parser",
        "_reply",
        "_timeouts",
        "_transport",
        "_unsent_bytes",
        "_upload",
        "is_closing",
        "served",
    )

    def __init__(self, owner: Owner, bounds: Bounds) -> None:
        super().__init__()
        self._owner = owner
        self._bounds = bounds
        self._now = bounds.clock.monotonic
        self._loop = asyncio.get_running_loop()
        self._transport = cast("asyncio.Transport", None)
        self._parser = ReplyParser(bounds.max_head_bytes)
        self._reply: Reply | None = None
        self._timeouts = Timeouts()
        self._deadline = 0.0
        self._began_at = 0.0
        self._upload: Iterator[Buffer] | None = None
        """What is still to be written; None once the whole request was."""
        self._unsent_bytes = 0
        """What the transport had left to send when we last looked."""
        self._is_full = False
        """The transport asked us to write no more."""
        self._is_paused = False
        """We asked the transport to receive no more."""
        self._has_received = False
        self.is_closing = False
        self.served = 0
        """Exchanges that ended well."""

    def begin(self, head: bytes, request: HttpRequest, timeouts: Timeouts, deadline: float) -> Reply:
        """Send ``request`` and answer with its reply, which is still to come. Errors are the reply's to raise."""
        reply = self._reply = Reply(self, self._loop)
        self._timeouts = timeouts
        self._deadline = deadline
        self._began_at = self._now()
        self._has_received = False
        self._parser.begin(reply, is_head_request=request.method == b"HEAD")
        if self.is_closing:
            self._lose()
        elif request.body.length > JOINED_BYTES:
            self._upload = slices(head, request.body)
            self._pump()
        else:
            try:
                self._transport.write(joined(head, request.body))
            except Exception as error:  # noqa: BLE001 - the payload is the caller's, so may be its errors
                self._refuse_payload(error)
        return reply

    def abort(self) -> None:
        """Close at once, whatever is under way. The pool hears of it in the loop's next turn."""
        if not self.is_closing:
            self.is_closing = True
            self._upload = None
            self._bounds.wheel.forget(self)
            if self._transport is not None:
                self._transport.abort()

    def shut_down(self) -> None:
        self._fail(Reason.CLOSED, "the gateway is shutting down")

    def expire(self) -> None:
        now, reply, timeouts = self._now(), self._reply, self._timeouts
        if reply is None:
            self.abort()
        elif now >= self._deadline:
            self._fail(Reason.TOTAL_TIMEOUT, "the call's deadline passed")
        elif self._upload is not None:
            unsent = self._transport.get_write_buffer_size()
            if unsent < self._unsent_bytes:
                self._unsent_bytes = unsent
                self.due = min(self._deadline, now + timeouts.idle)
            else:
                self._fail(Reason.IDLE_TIMEOUT, f"the request was not taken for {timeouts.idle:g} s")
        elif not reply.is_awaited:
            self.due = self._deadline
        elif reply.has_head or self._parser.silent_bytes:
            self._fail(Reason.IDLE_TIMEOUT, f"nothing came for {timeouts.idle:g} s")
        else:
            self._fail(Reason.FIRST_BYTE_TIMEOUT, f"no reply began within {timeouts.first_byte:g} s")

    # What the reply asks for

    def listen(self) -> None:
        reply = self._reply
        if reply is None or reply.has_head or self._upload is not None or self._parser.silent_bytes:
            self._set_due(self._now() + self._timeouts.idle)
        else:
            self._set_due(self._now() + self._timeouts.first_byte)

    def resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()

    def give_up(self) -> None:
        self._reply = None
        self.abort()

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self._owner.opened(self)
        if self.is_closing:
            self._transport.abort()
        else:
            self.due = self._now() + self._bounds.keepalive_s
            self._bounds.wheel.watch(self)

    def data_received(self, data: bytes) -> None:
        reply = self._reply
        if reply is None:
            # Nobody asked: whatever it is, it must not become the next request's reply.
            self.abort()
            return
        self._has_received = True
        try:
            self._parser.feed(data)
        except Malformed as error:
            self._fail(Reason.PROTOCOL, f"the provider's reply is not valid HTTP: {error}")
            return
        if self._parser.is_complete:
            self._finish(reply)
            return
        if reply.buffered > HIGH_WATER_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        if self._upload is not None and reply.has_head and reply.head.status >= 300:
            # The provider has made up its mind: the rest of the body would be thrown away.
            self._upload = None
            self._parser.is_reusable = False
        reply.wake()

    def eof_received(self) -> None:
        reply = self._reply
        if reply is not None and reply.has_head and not self._parser.is_delimited:
            self._parser.is_reusable = False
            self._finish(reply)
        else:
            self._lose()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(exc)
        self._parser.close()
        self._owner.closed(self)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._pump()

    # The rest

    def _pump(self) -> None:
        upload = self._upload
        if upload is None or self._is_full:
            return
        try:
            for _ in range(WRITES_A_TURN):
                piece = next(upload, None)
                if piece is None:
                    self._upload = None
                    break
                self._transport.write(piece)
                if self._is_full:
                    break
            else:
                self._loop.call_soon(self._pump)
        except Exception as error:  # noqa: BLE001 - the payload is the caller's, so may be its errors
            self._refuse_payload(error)
        else:
            self._unsent_bytes = self._transport.get_write_buffer_size()
            self.listen()

    def _refuse_payload(self, error: Exception) -> None:
        what = "has not the length it promised" if isinstance(error, BadPayload) else "could not be read"
        self._fail(Reason.CLOSED, f"the request's body {what}")

    def _finish(self, reply: Reply) -> None:
        self._reply = None
        if self._parser.is_reusable and self._upload is None and not self.is_closing:
            self.resume()
            self.served += 1
            # A second less than the provider says, so that we are the first to close.
            keepalive_s = min(self._bounds.keepalive_s, self._parser.keepalive_s - 1.0)
            self._set_due(self._now() + keepalive_s)
            self._owner.freed(self)
        else:
            self.abort()
        reply.end()

    def _lose(self, cause: Exception | None = None) -> None:
        """The provider has closed, or the network has."""
        reply = self._reply
        if reply is None:
            self.abort()
            return
        is_early = self._now() - self._began_at < STALE_S
        reply.is_stale = self.served > 0 and not self._has_received and is_early
        what = "the reply was whole" if reply.has_head else "a reply came"
        self._fail(Reason.CLOSED, f"the connection was closed before {what}", cause)

    def _fail(self, reason: Reason, message: str, cause: Exception | None = None) -> None:
        reply = self._reply
        self._reply = None
        self.abort()
        if reply is not None:
            error = UpstreamError(reason, message)
            error.__cause__ = cause
            reply.fail(error)

    def _set_due(self, due: float) -> None:
        if self._reply is not None and due > self._deadline:
            due = self._deadline
        self.due = due
        if due < self.visit_at:
            self._bounds.wheel.hasten(self)

    def __repr__(self) -> str:
        state = "CLOSING" if self.is_closing else "IDLE" if self._reply is None else "ACTIVE"
        return f"<Connection {self._owner.origin}, {state}, {self.served} served>"
