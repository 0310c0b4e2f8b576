"""Who may use the control plane: whoever shows the admin key."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.admin.errors import error_response
from gateway.core.clock import Clock
from gateway.core.errors import InvalidKey
from gateway.core.types import Caller
from gateway.identity.bearer import bearer
from gateway.identity.keys import KeyRing, KeyRow, digest

OPEN = ("/docs", "/openapi.json")
_UNKNOWN = "The control plane needs the admin key, server.admin_key. Send it as 'Authorization: Bearer <admin key>'."
_HEADERS = (("www-authenticate", "Bearer"),)


class AdminOnly:
    """ASGI middleware: everything is for the admin key alone, but for the documentation, which is the same for every
    gateway and says nothing of this one.

    It stands before FastAPI, so that no byte of a stranger's body is read. The key is kept as a client's is: a keyed
    hash, compared in constant time.
    """

    def __init__(self, app: ASGIApp, admin_key: str, clock: Clock) -> None:
        self._app = app
        self._ring = KeyRing([KeyRow(caller=Caller(key="admin"), sha256=digest(admin_key))], clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(OPEN):
            try:
                self._ring.known(bearer(scope["headers"]))
            except InvalidKey:
                await error_response(InvalidKey(_UNKNOWN, headers=_HEADERS))(scope, receive, send)
                return
        await self._app(scope, receive, send)
