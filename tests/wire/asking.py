"""What tests of the wire say again and again."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpReply, HttpRequest, Pieces, Timeouts

DEADLINE = 10_000.0
"""On the frozen clock, which begins at 1,000."""


def request(origin, body: bytes | Pieces = b"{}", *, method=b"POST", path=b"/v1/chat", headers=()) -> HttpRequest:
    payload = body if not isinstance(body, bytes) else Pieces(body)
    return HttpRequest(method, origin, path, [(b"content-type", b"application/json"), *headers], payload)


async def ask(connector, origin, body=b"{}", *, timeouts=None, deadline=DEADLINE, **more) -> HttpReply:
    return await connector.send(request(origin, body, **more), timeouts or Timeouts(), deadline)


async def whole(reply: HttpReply) -> bytes:
    """The rest of the body."""
    pieces = []
    while piece := await reply.read():
        pieces.append(piece)
    return b"".join(pieces)


async def ask_whole(connector, origin, body=b"{}", **more) -> bytes:
    return await whole(await ask(connector, origin, body, **more))


async def fails(work, reason: Reason) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await work
    assert caught.value.reason is reason
    return caught.value


async def turns(count: int = 5) -> None:
    """Let the event loop turn: what was asked for to be done soon is done."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition) -> None:
    """Let the event loop turn until ``condition()`` holds."""
    while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
        await asyncio.sleep(0)
