"""Writes an answer to the client: JSON in one piece, or server-sent events. The only place that knows which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.core.errors import CallError, UpstreamError
from gateway.core.money import usd
from gateway.core.types import Event
from gateway.edge.asgi import JSON, Headers, Send, send_whole
from gateway.edge.body import breathe
from gateway.edge.head import EXPLAIN
from gateway.limits.refusal import ratelimit_headers
from gateway.pipeline.answer import Answer
from gateway.pipeline.bill import Bill
from gateway.routing import explain

_EVENTS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    # nginx would otherwise gather a stream before it passes it on.
    (b"x-accel-buffering", b"no"),
]


class Responder:
    """Answers one request. ``has_begun`` once a status went out: from then on an error can only be an event."""

    __slots__ = ("_is_streaming", "_send", "has_begun", "request_id", "rewrite")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._is_streaming = False
        self.request_id = request_id
        self.has_begun = False
        self.rewrite: Callable[[bytes], Awaitable[bytes]] | None = None
        """What is to be done to the body of a whole reply before it is sent."""

    async def __call__(self, answer: Answer) -> None:
        """Render ``answer``, reading it to its end."""
        event = await answer.read()
        assert event is not None, "an answer has at least one event"
        if answer.call.stream:
            await self._stream(answer, event)
        else:
            await self._whole(answer, event)

    async def error(self, error: CallError) -> None:
        """Answer with OpenAI's error object, whatever the request wanted."""
        self.has_begun = True
        headers = [JSON, (b"x-request-id", self.request_id.encode("ascii"))]
        headers += [(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in error.headers]
        await send_whole(self._send, error.status, headers, error.body())

    async def cut_off(self, error: CallError) -> None:
        """The gateway itself ends the request early: say so in whatever way is left. A whole reply has none."""
        if not self.has_begun:
            await self.error(error)
        elif self._is_streaming:
            await self._send({"type": "http.response.body", "body": _event(error)})

    async def _whole(self, answer: Answer, event: Event) -> None:
        data = event.data if self.rewrite is None else await self.rewrite(event.data)
        bill = answer.bill
        headers = self._headers(answer)
        headers.append(JSON)
        if bill.is_priced:
            headers.append((b"x-sluice-cost-usd", usd(bill.cost_nanousd).encode("ascii")))
        # A large one was decoded in this very turn of the loop, and takes as long to be written.
        await breathe(data)
        self.has_begun = True
        await send_whole(self._send, 200, headers, data)
        # Read to the end: the last of the reply has to be seen for its connection to serve again.
        await answer.read()

    async def _stream(self, answer: Answer, first: Event) -> None:
        send = self._send
        self.has_begun = self._is_streaming = True
        await send({"type": "http.response.start", "status": 200, "headers": self._headers(answer) + _EVENTS})
        wants_usage = answer.call.wants_usage
        event: Event | None = first
        last = b""
        try:
            while event is not None:
                data = event.data
                if event.usage is not None and (event.is_usage_frame or wants_usage):
                    data = _with_bill(event, answer) if wants_usage else b""
                if data:
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                event = await answer.read()
        except UpstreamError as error:
            last = error_event(error)
        await send({"type": "http.response.body", "body": last})

    def _headers(self, answer: Answer) -> Headers:
        target = answer.target
        headers: Headers = [
            (b"x-request-id", self.request_id.encode("ascii")),
            (b"x-sluice-provider", target.provider.encode("utf-8")),
            (b"x-sluice-model", target.model.encode("utf-8")),
            (b"x-sluice-attempts", b"%d" % answer.attempts),
            (b"x-sluice-overhead-ms", b"%.3f" % (answer.overhead_s * 1000)),
        ]
        if answer.levels:
            headers += [
                (name.encode("ascii"), value.encode("ascii"))
                for name, value in ratelimit_headers(answer.limits, answer.levels)
            ]
        if answer.call.wants_explanation:
            headers.append((EXPLAIN, explain.header(answer.decision).encode("ascii")))
        return headers


def error_event(error: UpstreamError) -> bytes:
    """The last event of a stream that broke off: a client must not take the part for the whole."""
    shown = CallError(
        f"the provider's reply broke off: {error.message}", code=error.code or "upstream_error", param=error.param
    )
    return _event(shown)


def _event(error: CallError) -> bytes:
    return b"data: " + error.body() + b"\n\n"


def _with_bill(event: Event, answer: Answer) -> bytes:
    """The usage frame with what the call cost, as a last field of its object.

    Usage may ride on a chunk of another kind: the last one, or (OpenRouter) one behind it; not on those before, which
    count as they go (Perplexity).
    """
    end = event.data.rfind(b"}")
    if end < 0 or not (event.is_usage_frame or answer.has_finished):
        return event.data
    return event.data[:end] + b',"sluice":' + _bill(answer.bill, answer) + event.data[end:]


def _bill(bill: Bill, answer: Answer) -> bytes:
    cost = usd(bill.cost_nanousd) if bill.is_priced else "null"
    return f'{{"cost_usd":{cost},"attempts":{answer.attempts}}}'.encode()
