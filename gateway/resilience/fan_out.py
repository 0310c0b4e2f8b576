"""More images than a target makes at once: several requests side by side, and one reply of all that came.

A part that fails doesn't end the others, and is not asked again if any of them came: the client gets what was produced,
is told what was not, and pays for no more. Only if all failed has the attempt, with the first part's error. To breakers
and vitals it is one attempt.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec

from gateway.core.body import Body, FormBody, JsonBody
from gateway.core.clock import Clock
from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpRequest
from gateway.core.types import Call, Endpoint, Event, Feature, Target
from gateway.limits.drawing import at_once, pictures
from gateway.providers.base import Dialect
from gateway.providers.client.image_join import Part, joined, read_part
from gateway.resilience.attempt import Provider, Reply, attempt

MOST_AT_ONCE = 10
"""Requests of one call under way at a time: as many as the images that OpenAI makes for one."""
_OF_STREAMS = ("stream", "stream_options", "partial_images")


class Gathered:
    """The reply to all parts, read to its end: what a ``Reply`` is to those who read it."""

    __slots__ = ("_events", "status", "waited_s")

    def __init__(self, events: Sequence[Event], status: int, waited_s: float) -> None:
        self.status = status
        self.waited_s = waited_s
        self._events = deque(events)

    async def read(self) -> Event | None:
        """The next event; None after the last."""
        return self._events.popleft() if self._events else None

    def close(self) -> None:
        """Nothing is open."""


def split(call: Call, target: Target) -> Sequence[Call]:
    """The calls that ask ``target`` for what ``call`` wants: itself, or several that each want what it makes at once.

    Parts are whole replies. Those that want the same are the same object, so that they need be encoded but once.
    """
    if call.needs.images <= 1 and call.needs.choices <= 1:
        return (call,)
    asked, most = pictures(call, target), at_once(call, target)
    if asked <= most:
        return (call,)
    full, rest = divmod(asked, most)
    parts = [_part(call, most)] * full
    return [*parts, _part(call, rest)] if rest else parts


def encoded(dialect: Dialect, parts: Sequence[Call], target: Target) -> Sequence[HttpRequest]:
    """The request of each part. Raises what ``Dialect.encode`` does."""
    first, last = parts[0], parts[-1]
    request = dialect.encode(first, target)
    if len(parts) == 1:
        return (request,)
    requests = [request] * len(parts)
    if last is not first:
        requests[-1] = dialect.encode(last, target)
    return requests


async def fan_out(
    provider: Provider,
    call: Call,
    target: Target,
    parts: Sequence[Call],
    requests: Sequence[HttpRequest],
    *,
    deadline: float,
    clock: Clock,
) -> Gathered:
    """Send the ``requests`` of all ``parts`` of ``call`` and wait for their replies.

    ``deadline`` is the call's, in monotonic seconds. Raises UpstreamError if no part came. Cancelled, it gives up all
    parts at once and leaves nothing open.
    """
    began = clock.monotonic()
    room = asyncio.Semaphore(MOST_AT_ONCE)

    async def ask(part: Call, request: HttpRequest) -> Part | UpstreamError:
        async with room:
            try:
                reply = await attempt(provider, part, target, request, deadline=deadline, clock=clock)
                return read_part(call, target, await _whole(reply))
            except UpstreamError as error:
                return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(part, request)) for part, request in zip(parts, requests, strict=True)]
    results = [task.result() for task in tasks]
    failures = [result for result in results if isinstance(result, UpstreamError)]
    came = [result for result in results if isinstance(result, Part)]
    if not came:
        raise failures[0]
    # In a thread, as large replies are translated: four pictures of 6 MB would hold the loop for 40 ms.
    events = await asyncio.to_thread(joined, call, target, came, failures, time=clock.time())
    return Gathered(events, 200, clock.monotonic() - began)


async def _whole(reply: Reply) -> Event:
    """The one event of a whole reply, read to its end: its connection may then serve again."""
    try:
        event = await reply.read()
        if event is None:
            raise UpstreamError(Reason.UNREADABLE, "the provider's reply is empty")
        while await reply.read() is not None:
            pass
    finally:
        reply.close()
    return event


def _part(call: Call, count: int) -> Call:
    needs = call.needs
    features = needs.features - {Feature.STREAMING}
    if call.endpoint is Endpoint.CHAT:
        features = features if count > 1 else features - {Feature.CHOICES}
        needs = msgspec.structs.replace(needs, features=features, choices=count)
    else:
        needs = msgspec.structs.replace(needs, features=features, images=count, partial_images=0)
    body = _with_count(call.body, count)
    return msgspec.structs.replace(call, body=body, needs=needs, stream=False, wants_usage=False)


def _with_count(body: Body, count: int) -> Body:
    """``body`` as it asks for so many, whole. Its large fields and its files are shared, not copied."""
    if isinstance(body, FormBody):
        kept = [(name, value) for name, value in body.fields if name != "n" and name not in _OF_STREAMS]
        return FormBody((*kept, ("n", str(count))), body.files)
    fields = {name: value for name, value in body.fields.items() if name not in _OF_STREAMS}
    fields["n"] = msgspec.Raw(b"%d" % count)
    return JsonBody(body.raw, fields)
