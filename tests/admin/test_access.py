"""Who may use the control plane, and what a stranger learns of it."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from gateway.admin import app as admin
from tests.admin.controlling import ADMIN_KEY, CLIENT_KEY, CONFIG, PATHS, controlling, error_of
from tests.serving import serving

ROOT = Path(__file__).parent.parent.parent
WITHOUT_KEY = {**CONFIG, "server": {}, "admins": []}


@pytest.mark.parametrize("config", [WITHOUT_KEY, {**WITHOUT_KEY, "server": {"admin_key": ""}}], ids=["none", "empty"])
async def test_without_an_admin_key_there_is_no_control_plane(config):
    async with controlling(config) as (_, client):
        for path in (*PATHS, "/admin/v1/explain", "/admin", "/docs", "/openapi.json"):
            reply = await client.get(path)

            assert (reply.status_code, error_of(reply)["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer admin-0123456789abcdeX"},
        {"authorization": f"Basic {ADMIN_KEY}"},
        {"authorization": f"Bearer {CLIENT_KEY}"},
        {"authorization": f"Bearer {ADMIN_KEY * 100}"},
    ],
)
async def test_a_missing_or_wrong_key_is_a_401_whatever_is_asked(headers):
    async with serving(CONFIG) as served, httpx.AsyncClient(base_url=served.url, headers=headers) as client:
        for method, path in [("GET", path) for path in PATHS] + [("POST", "/admin/v1/explain"), ("PUT", "/admin/x")]:
            reply = await client.request(method, path, content=b"{")

            error = error_of(reply)
            assert (reply.status_code, error["code"]) == (401, "invalid_api_key")
            assert reply.headers["www-authenticate"] == "Bearer"
            assert "server.admin_key" in error["message"]


@pytest.mark.parametrize("header", ["api-key", "x-api-key"])
async def test_the_key_is_taken_in_any_header_that_a_client_s_key_is(header):
    async with serving(CONFIG) as served, httpx.AsyncClient(base_url=served.url) as client:
        assert (await client.get("/admin/v1/keys", headers={header: ADMIN_KEY})).status_code == 200


async def test_the_admin_key_makes_no_calls():
    async with controlling() as (_, client):
        assert (await client.get("/v1/models")).status_code == 401


async def test_the_documentation_is_for_anyone_and_loads_nothing_from_elsewhere():
    async with serving(CONFIG) as served, httpx.AsyncClient(base_url=served.url) as client:
        page = await client.get("/docs")

        assert page.status_code == 200
        assert not re.search(r"""(src|href)=["'](https?:)?//""", page.text)
        assert '"validatorUrl": null' in page.text
        for asset in re.findall(r"""(?:src|href)=["']([^"']+)["']""", page.text):
            reply = await client.get(asset)
            assert reply.status_code == 200, asset
            assert len(reply.content) > 1_000


@pytest.mark.parametrize("module", ["gateway.factory.server", "gateway.factory.gateway", "gateway.admin.control"])
def test_a_gateway_starts_without_fastapi(module):
    script = f"import sys, {module}; print(*sorted({{'fastapi', 'starlette', 'fastapi_offline'}} & set(sys.modules)))"

    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert run.stdout.split() == []


async def test_those_who_come_first_at_the_same_time_share_one_load(monkeypatch):
    loads = []
    load = admin.control_plane
    monkeypatch.setattr(admin, "control_plane", lambda control: loads.append(None) or load(control))
    async with controlling() as (_, client):
        replies = await asyncio.gather(*[client.get("/admin/v1/keys") for _ in range(8)])

        assert {reply.status_code for reply in replies} == {200}
        assert len(loads) == 1
