"""``/console``: the console's files, and signing in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.admin.auth import Admins, admins_in_force
from gateway.admin.console.cookie import check_own, cookie, session_of
from gateway.admin.console.files import INDEX, File
from gateway.admin.console.guesses import Guesses
from gateway.admin.roles import Role
from gateway.core.errors import InvalidKey, InvalidRequest, LimitExceeded, NotFound, TooLarge

PREFIX = "/console"
MAX_BODY_BYTES = 16_384

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, nothing inline: a name that an attacker chose, shown by mistake as HTML, runs nothing."""
DOCS_CSP = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The documentation's page has a script within it. It has the console's origin: nobody may frame it or add to it."""
DATA_CSP = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What is no page: whoever opens it as one sees text."""
HEADERS = [
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]

router = APIRouter(prefix=PREFIX, include_in_schema=False)


class Hardened:
    """ASGI middleware: each reply, errors among them, tells browsers to be strict. What the control plane answers is
    kept nowhere: it may hold a new key, or what was said in a call.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        csp = CSP if path.startswith(PREFIX) else DOCS_CSP if path.startswith("/docs") else DATA_CSP
        headers = [(b"content-security-policy", csp.encode()), *HEADERS]
        if path.startswith("/admin"):
            headers.append((b"cache-control", b"no-store"))

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        await self._app(scope, receive, hardened)


class SignIn(BaseModel):
    """What opens a session."""

    key: str


class Session(BaseModel):
    """Who is signed in."""

    name: str
    role: Role


async def _admins(request: Request) -> Admins:
    return admins_in_force(request.app.state)


InForce = Annotated[Admins, Depends(_admins)]


@router.get("/session")
async def session(request: Request, response: Response, admins: InForce) -> Session | None:
    """Whose session it is; null for nobody's, which is no error: the page asks before anybody has signed in."""
    response.headers["cache-control"] = "no-store"
    try:
        name, role = admins.signed_in(session_of(request.scope["headers"]))
    except InvalidKey:
        return None
    return Session(name=name, role=role)


@router.post("/session")
async def sign_in(request: Request, response: Response, admins: InForce) -> Session:
    """Begin a session. Raises InvalidKey for a key that no admin has, LimitExceeded after too many of them."""
    check_own(request.scope)
    guesses: Guesses = request.app.state.console_guesses
    allowance = guesses.of(request.client.host if request.client else "")
    if not allowance.take():
        raise LimitExceeded("Too many wrong keys; wait a second.", headers=[("retry-after", "1")])
    key = (await _asked(request)).key.strip().encode()
    try:
        name, role = admins.known(key or None)
    except InvalidKey:
        raise InvalidKey("No admin has this key.") from None
    allowance.give_back()
    try:
        token = admins.sessions.begin(name, key)
    except ValueError as error:
        raise InvalidRequest(f"A session can't be made: {error}.", param="key") from None
    response.headers["set-cookie"] = cookie(token, request.scope)
    response.headers["cache-control"] = "no-store"
    return Session(name=name, role=role)


@router.delete("/session", status_code=204)
async def sign_out(request: Request) -> Response:
    """Make this browser forget its session."""
    check_own(request.scope)
    return Response(status_code=204, headers={"set-cookie": cookie("", request.scope)})


@router.get("")
async def index(request: Request) -> Response:
    return _sent(request, INDEX)


@router.get("/{path:path}")
async def file(request: Request, path: str) -> Response:
    return _sent(request, path or INDEX)


async def _asked(request: Request) -> SignIn:
    """Bounded far below what the control plane takes: anybody may send it."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge("the request body is larger than a key takes")
    try:
        return SignIn.model_validate_json(body)
    except ValueError:
        # Without what was wrong: the words would repeat the key.
        raise InvalidRequest('The body is to be JSON: {"key": "<admin key>"}.', param="key") from None


def _sent(request: Request, path: str) -> Response:
    files: dict[str, File] = request.app.state.console_files
    found = files.get(path)
    if found is None:
        raise NotFound(f"there is nothing at GET {request.url.path}")
    headers = {"etag": found.etag, "cache-control": "no-cache"}
    if found.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(found.body, media_type=None, headers={**headers, "content-type": found.content_type})
