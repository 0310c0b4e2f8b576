"""One signs in with an admin key, and is then known by a cookie: in the control plane, nowhere else."""

from __future__ import annotations

import asyncio

import pytest
import yaml

from gateway.admin.console.guesses import MOST_ADDRESSES, PER_S, Guesses
from tests.admin.console.signed import OWN, browser, sign_in
from tests.admin.controlling import ADMIN_KEY, ADMINS, CLIENT_KEY, CONFIG, error_of
from tests.clock import FrozenClock
from tests.serving import serving


@pytest.mark.parametrize(("key", "who"), [
    (ADMINS["viewer"], {"name": "vera", "role": "viewer"}),
    (ADMINS["operator"], {"name": "otto", "role": "operator"}),
    (ADMIN_KEY, {"name": "admin", "role": "admin"}),
])  # fmt: skip
async def test_whoever_signs_in_is_told_who_they_are_and_known_from_then_on(key, who):
    async with serving(CONFIG) as served, browser(served) as client:
        assert (await client.get("/console/session")).json() is None
        assert (await client.get("/admin/v1/targets")).status_code == 401

        reply = await sign_in(client, key)
        assert (reply.status_code, reply.json()) == (200, who)
        assert (await client.get("/console/session")).json() == who
        assert (await client.get("/admin/v1/targets")).status_code == 200


async def test_the_cookie_is_for_this_gateway_alone_and_for_no_script():
    async with serving(CONFIG) as served, browser(served) as client:
        said = (await sign_in(client)).headers["set-cookie"]
        parts = set(said.split("; ")[1:])

        assert said.startswith("sluice_console=")
        assert parts == {"Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Strict"}
        assert ADMIN_KEY not in said


async def test_where_the_client_came_by_https_so_must_the_cookie():
    async with serving(CONFIG) as served, browser(served, {**OWN, "x-forwarded-proto": "https, http"}) as client:
        assert (await sign_in(client)).headers["set-cookie"].endswith("; Secure")


@pytest.mark.parametrize(
    "others", ['prefs={"a": 1}', "x=a b", "a flag", "u=\xe9", 'open="', "a[b]=1", "=;;=", "sluice_console2=x"]
)
async def test_cookies_of_other_programs_on_the_host_are_no_matter(others):
    async with serving(CONFIG) as served, browser(served) as client, browser(served) as another:
        await sign_in(client)
        (own,) = client.cookies.items()
        for said in (f"{others}; {'='.join(own)}", f"{'='.join(own)};{others}"):
            reply = await another.get("/admin/v1/targets", headers={"cookie": said.encode("latin-1")})
            assert reply.status_code == 200, said


@pytest.mark.parametrize("path", ["/console", "/console/session", "/docs", "/admin/v1/keys"])
async def test_the_framework_reads_no_cookie_of_a_stranger(path, monkeypatch):
    # It would, and 50 KB of backslashes in quotes hold the event loop for seconds (CVE-2024-7592).
    read = []
    monkeypatch.setattr("starlette.requests.cookie_parser", lambda said: read.append(said) or {})
    slow = '"' + "\\" * 1_000 + '"'
    async with serving(CONFIG) as served, browser(served) as client:
        await client.get(
            path, headers={"cookie": f"a={slow}; sluice_console={slow}", "authorization": f"Bearer {ADMIN_KEY}"}
        )

    assert not any("\\" in said for said in read)


@pytest.mark.parametrize("key", ["", "wrong-0123456789", CLIENT_KEY, ADMIN_KEY[:-1]])
async def test_another_key_opens_nothing_and_is_told_nothing(key):
    async with serving(CONFIG) as served, browser(served) as client:
        reply = await sign_in(client, key)

        error = error_of(reply)
        assert (reply.status_code, error["code"], error["message"]) == (
            401,
            "invalid_api_key",
            "No admin has this key.",
        )
        assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"key": 7, "hint": "secret-marker"}', b'{"password": "secret-marker"}']
)
async def test_a_body_that_is_not_understood_is_not_repeated(body):
    async with serving(CONFIG) as served, browser(served) as client:
        reply = await client.post("/console/session", content=body)

        assert (reply.status_code, error_of(reply)["param"]) == (400, "key")
        assert "secret-marker" not in reply.text


async def test_a_body_is_read_no_further_than_a_key_goes():
    async with serving(CONFIG) as served, browser(served) as client:
        assert (await client.post("/console/session", content=b" " * 20_000)).status_code == 413


async def test_guesses_are_bounded():
    clock = FrozenClock()
    async with serving(CONFIG, clock=clock) as served, browser(served) as client:
        guesses = await asyncio.gather(*(sign_in(client, f"wrong-{i}") for i in range(PER_S + 3)))
        statuses = sorted(reply.status_code for reply in guesses)

        assert statuses == [401] * PER_S + [429] * 3
        late = await sign_in(client)
        assert (late.status_code, late.headers["retry-after"]) == (429, "1")
        clock.advance(1)
        assert (await sign_in(client)).status_code == 200


def test_one_address_guesses_at_no_others_expense_and_few_are_remembered():
    guesses = Guesses(FrozenClock())
    while guesses.of("10.0.0.1").take():
        pass

    assert not guesses.of("10.0.0.1").take()
    assert guesses.of("10.0.0.2").take()
    for number in range(MOST_ADDRESSES):
        guesses.of(f"10.1.0.{number}")
    assert len(guesses._of) == MOST_ADDRESSES


async def test_right_keys_are_no_guesses():
    clock = FrozenClock()
    async with serving(CONFIG, clock=clock) as served, browser(served) as client:
        for _ in range(PER_S * 2):
            assert (await sign_in(client)).status_code == 200


async def test_signing_out_makes_the_browser_forget():
    async with serving(CONFIG) as served, browser(served) as client:
        await sign_in(client)
        reply = await client.delete("/console/session")

        assert reply.status_code == 204
        assert "Max-Age=0" in reply.headers["set-cookie"]
        assert (await client.get("/console/session")).json() is None


async def test_a_session_that_has_ended_is_a_401_that_says_so():
    clock = FrozenClock()
    async with serving(CONFIG, clock=clock) as served, browser(served) as client:
        await sign_in(client)
        clock.advance(12 * 3_600)
        reply = await client.get("/admin/v1/targets")

        assert (reply.status_code, error_of(reply)["code"]) == (401, "not_signed_in")


async def test_a_role_that_changes_and_an_admin_who_goes_are_heeded_at_once(tmp_path):
    async def reload(**changes):
        file.write_text(yaml.safe_dump({**CONFIG, **changes}))
        await served.gateway.live.reload("the test")

    ann = {"name": "ann", "key": "ann-0123456789abcdef", "role": "admin"}
    file = tmp_path / "sluice.yaml"
    async with serving({**CONFIG, "admins": [ann]}, file=file) as served, browser(served) as client:
        await sign_in(client, ann["key"])
        assert (await client.get("/admin/v1/audit")).status_code == 200
        await reload(admins=[{**ann, "role": "viewer"}])
        assert (await client.get("/admin/v1/audit")).status_code == 403
        assert (await client.get("/console/session")).json() == {"name": "ann", "role": "viewer"}
        await reload(admins=[{**ann, "name": "bob"}])
        assert (await client.get("/admin/v1/keys")).status_code == 401
        await reload(admins=[])
        assert (await client.get("/console/session")).json() is None


async def test_a_session_may_what_its_role_may():
    async with serving(CONFIG) as served, browser(served) as client:
        await sign_in(client, ADMINS["viewer"])
        reply = await client.post("/admin/v1/keys", json={"name": "new"})

        assert (reply.status_code, error_of(reply)["code"]) == (403, "insufficient_role")


async def test_what_a_session_did_stands_under_its_admins_name():
    async with serving(CONFIG) as served, browser(served) as client:
        await sign_in(client, ADMINS["operator"])
        assert (await client.post("/admin/v1/keys", json={"name": "new"})).status_code == 201
        audit = await client.get("/admin/v1/audit", headers={"authorization": f"Bearer {ADMIN_KEY}"})

        assert [(entry["by"], entry["action"]) for entry in audit.json()["data"]] == [("otto", "key.create")]


async def test_a_key_in_a_header_goes_before_the_session():
    async with serving(CONFIG) as served, browser(served) as client:
        await sign_in(client)

        wrong = await client.get("/admin/v1/targets", headers={"authorization": "Bearer wrong"})
        assert wrong.status_code == 401


async def test_calls_never_go_by_the_session():
    async with serving(CONFIG) as served, browser(served) as client:
        await sign_in(client)
        call = {"model": "small", "messages": [{"role": "user", "content": "hi"}]}

        assert (await client.post("/v1/chat/completions", json=call)).status_code == 401
        assert (await client.get("/v1/models")).status_code == 401


async def test_without_admins_there_is_no_console():
    config = {**CONFIG, "server": {"admin_key": ""}, "admins": []}
    async with serving(config) as served, browser(served) as client:
        for path in ("/console", "/console/app.js", "/console/session", "/"):
            assert (await client.get(path, headers={"accept": "text/html"})).status_code == 404
