"""Loads the control plane when it is first asked for: FastAPI takes longer to import than all the rest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from gateway.core.errors import CallError
from gateway.edge.asgi import JSON, App, Receive, Scope, Send, send_whole

PREFIXES = ("/admin", "/docs", "/openapi.json", "/console")


class NotFound(CallError):
    status = 404
    type = "invalid_request_error"
    code = "not_found"


class ControlPlane:
    """An ASGI app in place of the control plane, until somebody asks for it. ``load`` is None where it is off."""

    def __init__(self, load: Callable[[], App] | None) -> None:
        self._load = load
        self._app: App | None = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if self._load is None or not path.startswith(PREFIXES):
            error = NotFound(f"there is nothing at {scope['method']} {path}")
            await send_whole(send, error.status, [JSON], error.body())
            return
        if self._app is None:
            self._app = await asyncio.to_thread(self._loaded, self._load)
        await self._app(scope, receive, send)

    def _loaded(self, load: Callable[[], App]) -> App:
        with self._lock:
            return self._app or load()
