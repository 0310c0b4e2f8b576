"""The session's cookie, and the proof that it is the console that uses it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.admin.console.sessions import LONGEST_S
from gateway.core.errors import Forbidden

NAME = "sluice_console"
_NAME = NAME.encode()
_TOKEN = re.compile(rb"[\w.-]{1,4096}", re.ASCII)
PROOF = b"x-sluice-console"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 section 9.2.1)."""

Headers = Iterable[tuple[bytes, bytes]]


class OwnCookieOnly:
    """ASGI middleware: of a request's cookies, only the session's goes on.

    Ports share a host's cookies, so those of other programs come too. The framework reads them all, for strangers as
    well, and by Python's ``http.cookies``: 50 KB of backslashes in quotes take it seconds of the event loop
    (CVE-2024-7592, mended in 3.11.10 and 3.12.6).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and any(name == b"cookie" for name, _ in scope["headers"]):
            token = session_of(scope["headers"])
            others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
            own = [] if token is None else [(b"cookie", f"{NAME}={token}".encode("ascii"))]
            scope = {**scope, "headers": others + own}
        await self._app(scope, receive, send)


def session_of(headers: Headers) -> str | None:
    """The token of a request's cookie; the first, if there are several. What stands in other cookies does not matter,
    be it well-formed or not.
    """
    pairs = (pair.partition(b"=") for name, value in headers if name == b"cookie" for pair in value.split(b";"))
    for name, _, value in pairs:
        if name.strip() == _NAME:
            token = value.strip()
            return token.decode("ascii") if _TOKEN.fullmatch(token) else None
    return None


def cookie(token: str, scope: Scope) -> str:
    """A ``set-cookie`` that keeps ``token``; an empty one makes the browser forget it.

    ``Secure`` where the client came by https, here or at the proxy in front. Anybody can claim that they did: it then
    is their own browser alone that keeps their cookie the better.
    """
    secure = "; Secure" if _is_https(scope) else ""
    age = LONGEST_S if token else 0
    return f"{NAME}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"


def check_own(scope: Scope) -> None:
    """Raises Forbidden unless the request was made by the console's own page (decision 34).

    Browsers say where a request comes from: ``Sec-Fetch-Site`` over https and on loopback, ``Origin`` everywhere. No
    script can set either. The header of our own can't be set by a form, nor by a foreign script without asking first.
    https://www.w3.org/TR/fetch-metadata/
    """
    headers = dict(scope["headers"])
    site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin", b"")
    if site is not None:
        is_own = site == b"same-origin"
    else:
        is_own = bool(origin) and _netloc(origin) == headers.get(b"host", b"").lower()
    if not is_own or PROOF not in headers:
        raise Forbidden(
            "A session of the console changes things for the console's own pages only. Programs send the admin key: "
            "'Authorization: Bearer <admin key>'.",
            code="cross_site_request",
        )


def _is_https(scope: Scope) -> bool:
    if scope["scheme"] == "https":
        return True
    forwarded = dict(scope["headers"]).get(b"x-forwarded-proto", b"")
    return bool(forwarded.split(b",")[0].strip().lower() == b"https")


def _netloc(origin: bytes) -> bytes:
    try:
        return urlsplit(origin.decode("latin-1")).netloc.lower().encode("latin-1")
    except ValueError:
        return b""
