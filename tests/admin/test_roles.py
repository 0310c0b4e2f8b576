"""Who may do what: every operation has a role, and nobody with a lesser one gets past it."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from gateway.admin.app import PREFIX, ROUTERS
from gateway.admin.auth import Admins, Guard
from gateway.admin.roles import RANKS, Operations, needs
from gateway.settings import Settings
from tests.admin.controlling import ADMIN_KEY, ADMINS, CONFIG, authorized, controlling, error_of
from tests.clock import FrozenClock

ROLES = {
    "GET /audit": "admin",
    "GET /calls/{call}/payload": "admin",
    "POST /alerts/test": "operator",
    "POST /config/reload": "admin",
    "POST /keys": "operator",
    "PATCH /keys/{key}": "operator",
    "DELETE /keys/{key}": "operator",
    "POST /keys/{key}/rotate": "operator",
    "POST /teams": "operator",
    "PATCH /teams/{team}": "operator",
    "DELETE /teams/{team}": "operator",
    "POST /explain": "viewer",
}
"""Of the operations that are not for every viewer, and of those that only look like it."""
OPERATIONS = [
    (method, route.path)
    for each in ROUTERS
    for route in each.router.routes
    if isinstance(route, APIRoute)
    for method in route.methods
]


def test_the_table_names_no_operation_that_there_is_not():
    assert set(ROLES) <= {f"{method} {path}" for method, path in OPERATIONS}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("role", RANKS)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_each_operation_lets_its_role_and_those_above_through_and_no_other(admin, method, path, role):
    needed = ROLES.get(f"{method} {path}", "viewer" if method == "GET" else None)
    assert needed is not None, f"{method} {path} is new: say in ROLES who may do it"
    url = PREFIX + path.format(key="nobody", team="nobody", call="nobody")

    # A body that is not JSON: it changes nothing, and shows that a role is looked at before it.
    reply = await admin.request(method, url, content=b"{", headers=authorized(role))

    if RANKS[role] >= RANKS[needed]:
        assert reply.status_code not in (401, 403)
    else:
        error = error_of(reply)
        assert (reply.status_code, error["code"]) == (403, "insufficient_role")
        assert needed in error["message"]
        assert ADMINS[role] not in reply.text


def test_an_operation_without_a_role_is_a_fault():
    router = APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> None: ...

    with pytest.raises(LookupError, match="/forgotten"):
        Operations(PREFIX, [router])


def test_a_name_can_not_be_taken_for_another_path():
    router = APIRouter()

    @router.get("/keys/{key}", openapi_extra=needs("viewer"))
    async def show(key: str) -> None: ...

    operations = Operations(PREFIX, [router])

    assert operations.role_for("GET", f"{PREFIX}/keys/audit") == "viewer"
    for path in ("/keys/a/b", "/keys/", "/audit", "/keys/a/"):
        assert operations.role_for("GET", PREFIX + path) is None


class Asked:
    """One request to a guard, whose body and whose app must stay untouched."""

    def __init__(self, path: str, key: str, method: str = "POST") -> None:
        settings = Settings.model_validate(CONFIG)
        control = msgspec.defstruct("Control", ["settings", "clock"])(settings, FrozenClock())
        headers = [(b"authorization", f"Bearer {key}".encode())]
        app = type("App", (), {"state": type("State", (), {"control": control})})
        self.scope = {"type": "http", "method": method, "path": path, "headers": headers, "app": app}
        self.sent = []

    async def receive(self):
        raise AssertionError("the body was read")

    async def send(self, message):
        self.sent.append(message)

    async def app(self, scope, receive, send):
        raise AssertionError("the request went through")


@pytest.mark.parametrize(("key", "status"), [("nobody-0123456789", 401), (ADMINS["viewer"], 403)])
async def test_no_byte_is_read_of_the_body_of_one_who_may_not_do_this(key, status):
    asked = Asked("/admin/v1/keys", key)

    await Guard(asked.app, Operations(PREFIX, [each.router for each in ROUTERS]))(
        asked.scope, asked.receive, asked.send
    )

    assert asked.sent[0]["status"] == status


def test_no_admin_key_is_kept():
    admins = Admins(Settings.model_validate(CONFIG), FrozenClock())

    said = repr(vars(admins)) + repr(vars(admins._ring))
    assert admins.known(ADMIN_KEY.encode()) == ("admin", "admin")
    for key in ADMINS.values():
        assert key not in said
        assert hashlib.sha256(key.encode()).hexdigest() not in said


async def test_admins_without_an_admin_key_turn_the_control_plane_on_too():
    config = {**CONFIG, "server": {}}
    async with controlling(config, admin_key=ADMINS["viewer"]) as (_, client):
        assert (await client.get("/admin/v1/keys")).status_code == 200
        assert (await client.get("/admin/v1/keys", headers=authorized("admin"))).status_code == 401


async def test_a_key_may_be_given_by_its_digest():
    admins = [{"name": "dora", "key_sha256": hashlib.sha256(b"dora-0123456789ab").hexdigest(), "role": "operator"}]
    async with controlling({**CONFIG, "admins": admins}, admin_key="dora-0123456789ab") as (_, client):
        assert (await client.post("/admin/v1/teams", json={"name": "research-2"})).json()["created_by"] == "dora"


SPELT = (
    "{}",
    "/{}",
    "{}/",
    "{}%0A",
    "{}%00",
    "{};x",
    "/docs/..{}",
    "/docs{}",
    "/openapi.json/..{}",
    "/docs/assets/..{}",
)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("role", ["viewer", "operator"])
@pytest.mark.parametrize(("method", "path"), [each for each in OPERATIONS if " ".join(each) in ROLES])
async def test_however_a_path_is_spelt_nothing_answers_there_to_one_who_may_not_do_it(admin, method, path, role):
    if RANKS[role] >= RANKS[ROLES[f"{method} {path}"]]:
        return
    url = PREFIX + path.format(key="nobody", team="nobody", call="nobody")
    spellings = [spelling.format(url) for spelling in SPELT]
    spellings += [url.replace("/", "//"), url.upper(), url.replace("/v1/", "/v1%2F"), url.replace("a", "%61", 1)]

    for asked in (method, method.lower(), "HEAD", "OPTIONS"):
        for spelling in spellings:
            reply = await admin.request(asked, spelling, content=b"{}", headers=authorized(role))

            is_nothing = reply.status_code == 404 and (asked == "HEAD" or "there is nothing at" in reply.text)
            assert is_nothing or reply.status_code in (400, 403, 405), (asked, spelling, reply.text)
