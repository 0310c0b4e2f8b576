"""Bodies are bounded here as they are in the data plane."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BoundedBody:
    """ASGI middleware: a request's body is refused as soon as more of it has come than the settings in
    force allow.

    The framework's own bound answers in plain text, and these replies are OpenAI's error objects.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        left: int = scope["app"].state.control.settings.server.max_body_bytes

        async def bounded() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                # Of all errors, this alone gets through whatever in the framework reads the body.
                raise HTTPException(413)
            return message

        await self._app(scope, bounded, send)
