"""The session's cookie, and the proof that it is the console that uses it."""

from __future__ import annotations

from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.types import Scope

from gateway.admin.console.sessions import LONGEST_S
from gateway.core.errors import Forbidden

NAME = "sluice_console"
PROOF = b"x-sluice-console"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 section 9.2.1)."""

Headers = Iterable[tuple[bytes, bytes]]


def session_of(headers: Headers) -> str | None:
    """The token of a request's cookie."""
    said = "; ".join(value.decode("latin-1") for name, value in headers if name == b"cookie")
    if NAME not in said:
        return None
    try:
        found = SimpleCookie(said).get(NAME)
    except CookieError:
        return None
    return found.value if found is not None else None


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
