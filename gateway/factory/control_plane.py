"""Loads the control plane when it is first asked for: FastAPI takes longer to import than all the rest."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import cast

from gateway.admin.control import Control
from gateway.core.errors import NotFound
from gateway.edge.asgi import JSON, App, Receive, Scope, Send, send_whole

PREFIXES = ("/admin", "/docs", "/openapi.json", "/console")


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
        app = self._app
        if app is None:
            app = await asyncio.to_thread(self._loaded, self._load)
        await app(scope, receive, send)

    def _loaded(self, load: Callable[[], App]) -> App:
        """In a thread, so that calls go on meanwhile. Whoever asks at the same time waits for the one load."""
        with self._lock:
            if self._app is None:
                self._app = load()
                # It lives as long as the process. Unfrozen, its 30,000 objects add 11 ms to each full collection.
                gc.freeze()
            return self._app


def control_plane(control: Control) -> ControlPlane:
    """The control plane over ``control``; off unless its settings have an admin key."""
    key = control.settings.server.admin_key
    secret = key.get_secret_value() if key else ""
    return ControlPlane((lambda: _load(control, secret)) if secret else None)


def _load(control: Control, admin_key: str) -> App:
    from gateway.admin import app

    return cast("App", app.control_plane(control, admin_key))
