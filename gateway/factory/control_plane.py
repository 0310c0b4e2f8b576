"""Loads the control plane when it is first asked for: FastAPI takes longer to import than all the rest."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

from gateway.admin.control import Control
from gateway.core.errors import NotFound
from gateway.edge.asgi import JSON, Receive, Scope, Send, send_whole

PREFIXES = ("/admin", "/docs", "/openapi.json", "/console")


class ControlPlane:
    """An ASGI app in place of the control plane, until somebody asks for it. Off while no settings let anybody in."""

    def __init__(self, control: Control) -> None:
        self.control = control
        """Of the configuration in force. Whoever puts another one in force puts it here."""
        self._app: Any = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path == "/" and self.control.settings.has_admins and _is_browser(scope):
            # Whoever types the gateway's address looks for a page, and there is one.
            await send_whole(send, 307, [(b"location", b"/console")], b"")
            return
        if not path.startswith(PREFIXES) or not self.control.settings.has_admins:
            error = NotFound(f"there is nothing at {scope['method']} {path}")
            await send_whole(send, error.status, [JSON], error.body())
            return
        if self._app is None:
            await asyncio.to_thread(self._load)
        self._app.state.control = self.control
        await self._app(scope, receive, send)

    def _load(self) -> None:
        """In a thread, so that calls go on meanwhile. Whoever asks at the same time waits for the one load."""
        from gateway.admin import app

        with self._lock:
            if self._app is None:
                self._app = app.control_plane(self.control)
                # It lives as long as the process. Unfrozen, its 30,000 objects add 11 ms to each full collection.
                gc.freeze()


def _is_browser(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
