"""Who may use the control plane: whoever shows an admin key, for what its role allows."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.admin.control import Control
from gateway.admin.errors import error_response
from gateway.admin.roles import Operations, Role, check
from gateway.core.clock import Clock
from gateway.core.errors import Forbidden, InvalidKey
from gateway.core.types import Caller
from gateway.identity.bearer import bearer
from gateway.identity.keys import KeyRing, KeyRow, digest
from gateway.settings import Settings
from gateway.settings.access import ADMIN

OPEN = ("/docs", "/openapi.json")
_UNKNOWN = (
    "The control plane needs an admin key: server.admin_key, or one of admins. Send it as "
    "'Authorization: Bearer <admin key>'."
)
_HEADERS = (("www-authenticate", "Bearer"),)


class Admins:
    """The admin keys of one configuration. They are kept as clients' are: a keyed hash, compared in constant time."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._roles: dict[str, Role] = {admin.name: admin.role for admin in settings.admins}
        rows = [KeyRow(caller=Caller(key=admin.name), sha256=admin.digest) for admin in settings.admins]
        key = settings.server.admin_key
        if key is not None and key.get_secret_value():
            self._roles[ADMIN] = "admin"
            rows.append(KeyRow(caller=Caller(key=ADMIN), sha256=digest(key.get_secret_value())))
        self._ring = KeyRing(rows, clock)

    def known(self, key: bytes | None) -> tuple[str, Role]:
        """The name and role of whoever has ``key``. Raises InvalidKey."""
        try:
            name = self._ring.known(key).key
        except InvalidKey:
            raise InvalidKey(_UNKNOWN, headers=_HEADERS) from None
        return name, self._roles[name]


class Guard:
    """ASGI middleware: everything is for those with an admin key alone, but for the documentation, which is the same
    for every gateway and says nothing of this one. Whose key it was stands in the request's ``state.by``.

    It stands before FastAPI, so that no byte is read of the body of a stranger, or of one who may not do this.
    """

    def __init__(self, app: ASGIApp, operations: Operations) -> None:
        self._app = app
        self._operations = operations
        self._of: tuple[Control | None, Admins | None] = (None, None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(OPEN):
            try:
                name, role = self._admins(scope["app"].state.control).known(bearer(scope["headers"]))
                check(name, role, self._operations.role_for(scope["method"], scope["path"]))
            except (InvalidKey, Forbidden) as error:
                await error_response(error)(scope, receive, send)
                return
            scope.setdefault("state", {})["by"] = name
        await self._app(scope, receive, send)

    def _admins(self, control: Control) -> Admins:
        """Those of the configuration in force, which may be another than that of the last request."""
        made_for, admins = self._of
        if admins is None or made_for is not control:
            admins = Admins(control.settings, control.clock)
            self._of = control, admins
        return admins
