"""What a load balancer and Prometheus ask: is it alive, can it serve, what has it counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from gateway.edge.asgi import JSON, App, Receive, Scope, Send, send_whole

Render = Callable[[str], tuple[bytes, str]]
"""The metrics page for an Accept header, and its content type. Called in a thread: a big page takes its time."""
Readiness = Callable[[], Mapping[str, object] | None]
"""What hinders serving, None if nothing does."""


def operations(
    *, render: Render, catch_up: Callable[[], None], hindrance: Readiness, config: Callable[[], str]
) -> dict[str, App]:
    """The operations endpoints, by path. ``config`` is the hash of the configuration in force; ``catch_up`` has what
    ended before a scrape be counted.
    """
    # One page at a time: several at once would share the interpreter with the calls, and be no sooner done.
    rendering = asyncio.Lock()

    async def healthz(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send_whole(send, 200, [JSON], b'{"status":"ok"}')

    async def readyz(_scope: Scope, _receive: Receive, send: Send) -> None:
        hinders = hindrance()
        if hinders is None:
            await send_whole(send, 200, [JSON], msgspec.json.encode({"status": "ready", "config": config()}))
        else:
            said = {"status": "not ready", **hinders, "config": config()}
            await send_whole(send, 503, [JSON], msgspec.json.encode(said))

    async def metrics(scope: Scope, _receive: Receive, send: Send) -> None:
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        async with rendering:
            catch_up()
            body, content_type = await asyncio.to_thread(render, accept.decode("latin-1"))
        await send_whole(send, 200, [(b"content-type", content_type.encode("latin-1"))], body)

    return {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
