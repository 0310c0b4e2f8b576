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
    pages = _Pages(render, catch_up)

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
        body, content_type = await pages.of(accept.decode("latin-1"))
        await send_whole(send, 200, [(b"content-type", content_type.encode("latin-1"))], body)

    return {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


class _Pages:
    """Renders one page at a time, for all who had asked for it by then.

    Several at once would share the interpreter with the calls, and be no sooner done. One for each of many who ask
    together, or who ask again since they were not answered in time, would have the last wait for all of them.
    """

    def __init__(self, render: Render, catch_up: Callable[[], None]) -> None:
        self._render = render
        self._catch_up = catch_up
        self._rendering = asyncio.Lock()
        self._next: dict[str, asyncio.Task[tuple[bytes, str]]] = {}
        """By the Accept header: not begun yet."""

    async def of(self, accept: str) -> tuple[bytes, str]:
        """A page of now or later, and its content type."""
        page = self._next.get(accept)
        if page is None:
            page = self._next[accept] = asyncio.create_task(self._rendered(accept))
        # Others may wait for it too.
        return await asyncio.shield(page)

    async def _rendered(self, accept: str) -> tuple[bytes, str]:
        async with self._rendering:
            del self._next[accept]
            self._catch_up()
            return await asyncio.to_thread(self._render, accept)
