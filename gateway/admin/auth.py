"""Who may use the control plane: whoever shows an admin key, or the console's session, for what its role allows."""

from __future__ import annotations

from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.admin.console.cookie import SAFE, check_own, session_of
from gateway.admin.console.sessions import Sessions
from gateway.admin.errors import error_response
from gateway.admin.roles import Operations, Role, check
from gateway.core.clock import Clock
from gateway.core.errors import Forbidden, InvalidKey
from gateway.core.types import Caller
from gateway.identity.bearer import bearer
from gateway.identity.keys import KeyRing, KeyRow, digest
from gateway.settings import Settings
from gateway.settings.access import ADMIN

OPEN = ("/docs", "/openapi.json", "/console")
"""The documentation, and what lets one sign in: its files are the same for every gateway."""
_UNKNOWN = (
    "The control plane needs an admin key: server.admin_key, or one of admins. Send it as "
    "'Authorization: Bearer <admin key>'."
)
_ENDED = "You are not signed in, or your session has ended."
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
        self.sessions = Sessions({row.name: row.sha256 for row in rows}, clock)

    def known(self, key: bytes | None) -> tuple[str, Role]:
        """The name and role of whoever has ``key``. Raises InvalidKey."""
        try:
            name = self._ring.known(key).key
        except InvalidKey:
            raise InvalidKey(_UNKNOWN, headers=_HEADERS) from None
        return name, self._roles[name]

    def signed_in(self, session: str | None) -> tuple[str, Role]:
        """The name and role of whose ``session`` this is. Raises InvalidKey."""
        name = None if session is None else self.sessions.whose(session)
        if name is None:
            raise InvalidKey(_ENDED, code="not_signed_in", headers=_HEADERS)
        return name, self._roles[name]


def admins_in_force(state: State) -> Admins:
    """Those of the configuration in force, which may be another than that of the last request. ``state`` is the app's,
    with the ``control`` that is in force.
    """
    made_for, admins = getattr(state, "admins", (None, None))
    if admins is None or made_for is not state.control:
        admins = Admins(state.control.settings, state.control.clock)
        state.admins = state.control, admins
    return admins


class Guard:
    """ASGI middleware: everything is for admins alone, but for what is the same for every gateway and says nothing of
    this one. Whose key or session it was stands in the request's ``state.by``.

    It stands before FastAPI, so that no byte is read of the body of a stranger, or of one who may not do this. A key in
    a header goes before a session: a program is who it says.
    """

    def __init__(self, app: ASGIApp, operations: Operations) -> None:
        self._app = app
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(OPEN):
            try:
                name, role = _who(scope)
                check(name, role, self._operations.role_for(scope["method"], scope["path"]))
            except (InvalidKey, Forbidden) as error:
                await error_response(error)(scope, receive, send)
                return
            scope.setdefault("state", {})["by"] = name
        await self._app(scope, receive, send)


def _who(scope: Scope) -> tuple[str, Role]:
    admins, headers = admins_in_force(scope["app"].state), scope["headers"]
    key = bearer(headers)
    session = session_of(headers) if key is None else None
    if session is None:
        return admins.known(key)
    known = admins.signed_in(session)
    if scope["method"] not in SAFE:
        check_own(scope)
    return known
