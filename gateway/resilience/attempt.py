"""One upstream call: send, frame, decode until its first event. From there on it is a ``Reply`` to be read."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence

import msgspec

from gateway.core.clock import Clock
from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpReply, HttpRequest, Signer, Transport
from gateway.core.types import Call, Event, Target
from gateway.providers.base import Decoder, Dialect
from gateway.wire.framing import Framer, framer

MAX_ERROR_BODY = 64 * 1024
FILTERED = "content_filter"
"""OpenAI's finish reason of a reply that a content filter ended."""
LARGE_FRAME = 1024 * 1024
"""A frame above this is translated in a thread: pictures in it are copied several times, each for some milliseconds.
The loop has its turns between them."""


class Provider(msgspec.Struct, frozen=True):
    """A configured provider, ready to be asked: what it speaks, and what carries that."""

    name: str
    dialect: Dialect
    transport: Transport
    signer: Signer | None = None


class Reply:
    """A reply from its first event to its last. A whole reply is one event.

    ``waited_s`` is the time spent waiting for the provider so far. Whoever holds a reply must ``close`` it.
    """

    __slots__ = (
        "_broke",
        "_clock",
        "_decoder",
        "_error",
        "_framer",
        "_has_ended",
        "_http",
        "_ready",
        "status",
        "waited_s",
    )

    def __init__(self, http: HttpReply, decoder: Decoder, framer: Framer, clock: Clock, waited_s: float) -> None:
        self.status = http.head.status
        self.waited_s = waited_s
        self._http = http
        self._decoder = decoder
        self._framer = framer
        self._clock = clock
        self._ready: deque[Event] = deque()
        self._error: UpstreamError | None = None
        self._broke: UpstreamError | None = None
        self._has_ended = False

    async def read(self) -> Event | None:
        """The next event; None after the last. Raises UpstreamError once the events before it were read."""
        ready = self._ready
        while not ready:
            if self._error is not None:
                raise self._error
            if self._has_ended:
                return None
            await self._receive()
        return ready.popleft()

    async def begin(self) -> None:
        """Wait for the first event, and keep it for the first ``read``. An error before it is raised here, and so is
        an end without one: then a decoder that was given nothing may have seen nothing wrong.
        """
        while not self._ready:
            if self._error is not None:
                raise self._error
            if self._has_ended:
                raise self._broke or UpstreamError(Reason.UNREADABLE, "the provider's reply is empty")
            await self._receive()

    async def is_filtered(self) -> bool:
        """Whether a content filter ended the reply before it said anything. Waits until that is known: for the first
        word or the end. What was read is kept for ``read``.

        Words that came together with the end count for none: nobody was shown them.
        """
        ready = self._ready
        seen = 0
        while True:
            while seen < len(ready):
                event = ready[seen]
                if event.finish is not None:
                    return event.finish == FILTERED
                if event.tokens:
                    return False
                seen += 1
            if self._error is not None or self._has_ended:
                return False
            await self._receive()

    def close(self) -> None:
        """Let go of the exchange; the provider sees at once if it was not at its end."""
        self._http.abort()

    async def _receive(self) -> None:
        clock = self._clock
        began = clock.monotonic()
        try:
            data = await self._http.read()
            frames = self._framer.feed(data) if data else self._framer.finish()
        except UpstreamError as error:
            self._end(error)
            return
        finally:
            self.waited_s += clock.monotonic() - began
        if frames and len(frames[0]) > LARGE_FRAME:  # only the first can have been gathered from many reads
            await asyncio.to_thread(self._decode, frames)
        else:
            self._decode(frames)
        if not data and self._error is None:
            self._end(None)

    def _end(self, broke: UpstreamError | None) -> None:
        """The body is over, in order or broken off. A reply that had said all is whole in either case."""
        try:
            self._ready.extend(self._decoder.finish())
        except UpstreamError as error:
            self._error = broke or error
        self._broke = broke
        self._has_ended = True

    def _decode(self, frames: Sequence[bytes]) -> None:
        """Plain neighbours of one read become one event: each event costs the client's socket a write."""
        plain: list[Event] = []
        try:
            if len(frames) == 1:
                self._ready.extend(self._decoder.decode(frames[0]))
                return
            for frame in frames:
                for event in self._decoder.decode(frame):
                    if event.usage is None:
                        plain.append(event)
                    else:
                        self._flush(plain)
                        self._ready.append(event)
        except UpstreamError as error:
            self._error = error
        self._flush(plain)

    def _flush(self, plain: list[Event]) -> None:
        if len(plain) == 1:
            self._ready.append(plain[0])
        elif plain:
            finish = next((event.finish for event in reversed(plain) if event.finish), None)
            data = b"".join([event.data for event in plain])
            self._ready.append(Event(data, sum(event.tokens for event in plain), finish=finish))
        plain.clear()


async def attempt(
    provider: Provider, call: Call, target: Target, request: HttpRequest, *, deadline: float, clock: Clock
) -> Reply:
    """Send ``request``, which ``provider``'s dialect made for ``call`` and ``target``, and wait for the first event.

    ``deadline`` is the call's, in monotonic seconds. Raises UpstreamError. Cancelled or failed, it leaves nothing open.
    """
    dialect = provider.dialect
    began = clock.monotonic()
    if provider.signer is not None:
        request = await provider.signer.sign(request)
    http = await provider.transport.send(request, target.timeouts, deadline)
    try:
        head = http.head
        if head.status >= 300:
            raise dialect.failure(head, await _error_body(http))
        decoder = dialect.decoder(call, target, head)
        reply = Reply(http, decoder, framer(decoder.framing), clock, clock.monotonic() - began)
        await reply.begin()
    except BaseException:
        http.abort()
        raise
    return reply


async def _error_body(http: HttpReply) -> bytes:
    """The body of an error, as far as it is of use. An endless one is cut: reading it would keep failover waiting."""
    parts: list[bytes] = []
    size = 0
    # Where it breaks off, the status still says what is wrong.
    with contextlib.suppress(UpstreamError):
        while size < MAX_ERROR_BODY and (data := await http.read()):
            parts.append(data)
            size += len(data)
    return b"".join(parts)
