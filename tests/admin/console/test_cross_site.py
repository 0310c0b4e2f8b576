"""A page of another site gets a browser that is signed in to change nothing here (decision 34)."""

from __future__ import annotations

import pytest

from tests.admin.console.signed import OWN, browser, sign_in
from tests.admin.controlling import ADMIN_KEY, CONFIG, error_of
from tests.serving import serving

PROOF = {"x-sluice-console": "1"}


async def changed(client, headers):
    return await client.post("/admin/v1/keys", json={"name": "new"}, headers=headers)


@pytest.mark.parametrize("headers", [
    {},
    PROOF,
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "same-site", **PROOF},
    {"sec-fetch-site": "cross-site", **PROOF},
    {"sec-fetch-site": "none", **PROOF},
    {"origin": "null", **PROOF},
    {"origin": "https://evil.example", **PROOF},
    {"origin": "http://[", **PROOF},
    {"origin": "", **PROOF},
], ids=str)  # fmt: skip
async def test_what_does_not_come_from_the_console_changes_nothing(headers):
    async with serving(CONFIG) as served, browser(served) as client, browser(served, {}) as foreign:
        await sign_in(client)
        foreign.cookies = client.cookies
        for reply in (
            await changed(foreign, headers),
            await foreign.patch("/admin/v1/teams/research", json={}, headers=headers),
            await foreign.delete("/admin/v1/keys/ci", headers=headers),
            await foreign.post("/console/session", json={"key": ADMIN_KEY}, headers=headers),
            await foreign.delete("/console/session", headers=headers),
        ):
            assert (reply.status_code, error_of(reply)["code"]) == (403, "cross_site_request")
            assert "set-cookie" not in reply.headers
        assert (await client.get("/admin/v1/keys/new")).status_code == 404


async def test_what_comes_from_it_does():
    async with serving(CONFIG) as served, browser(served) as client:
        await sign_in(client)
        assert (await changed(client, OWN)).status_code == 201


async def test_where_the_browser_says_no_site_the_origin_must_be_this_gateway():
    # Over http, other than on loopback, browsers send no Sec-Fetch-Site.
    async with serving(CONFIG) as served, browser(served, PROOF) as client:
        own = {"origin": served.url}
        assert (await client.post("/console/session", json={"key": ADMIN_KEY}, headers=own)).status_code == 200
        assert (await changed(client, own)).status_code == 201


async def test_looking_takes_no_proof():
    async with serving(CONFIG) as served, browser(served) as client, browser(served, {}) as plain:
        await sign_in(client)
        plain.cookies = client.cookies
        assert (await plain.get("/admin/v1/targets")).status_code == 200


async def test_programs_with_the_key_need_none_of_it():
    async with serving(CONFIG) as served, browser(served, {}) as program:
        assert (await changed(program, {"authorization": f"Bearer {ADMIN_KEY}"})).status_code == 201
