"""Whatever goes wrong in the control plane, its client gets OpenAI's error object."""

from __future__ import annotations

import json

import msgspec
import pytest

from gateway.core.errors import StoreUnavailable
from tests.admin.controlling import CONFIG, controlling, error_of

EXPLAIN = "/admin/v1/explain"
pytestmark = pytest.mark.asyncio(loop_scope="module")
SECRET = "sk-do-not-repeat-me"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "model"),
        ({"model": 7}, "model"),
        ({"model": ""}, "model"),
        ({"model": "small", "endpoint": "files"}, "endpoint"),
        ({"model": "small", "messages": SECRET}, "messages"),
        ({"model": "small", "messages": [SECRET]}, "messages.0"),
        ({"model": "small", "tools": SECRET}, "tools"),
        ({"model": "small", "stream": SECRET}, "stream"),
        ({"model": "small", "max_tokens": SECRET}, "max_tokens"),
        ({"model": "small", "max_tokens": -1}, "max_tokens"),
        ({"model": "small", "n": 1000}, "n"),
        ({"model": "small", "key": SECRET}, "key"),
        ({"model": "small", "route": SECRET}, "route"),
        ({"model": "small", "route": {"by": SECRET}}, "route.by"),
        ({"model": "small", "prompt": [SECRET]}, "prompt"),
    ],
)
async def test_a_wrong_field_is_a_400_that_names_it_and_never_its_value(admin, body, param):
    reply = await admin.post(EXPLAIN, json=body)

    error = error_of(reply)
    assert (reply.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert param.partition(".")[0] in error["message"]
    assert SECRET not in reply.text


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"model": "small", "n": NaN}', b"[" * 100_000,
     b'{"model": "\\ud800"}', b'{"model": "small", "messages": [{"role": "user", "content": "\\ud800"}]}',
     b'{"model": "small", "seed": 1' + b"0" * 5_000 + b"}", b'{"model": "small", "max_tokens": 1e400}'],
    ids=lambda body: body[:24].decode("latin-1"),
)  # fmt: skip
async def test_no_body_is_a_fault_of_the_gateway(admin, body):
    reply = await admin.post(EXPLAIN, content=body, headers={"content-type": "application/json"})

    assert reply.status_code in (200, 400)
    if reply.status_code == 400:
        assert error_of(reply)["type"] == "invalid_request_error"


async def test_a_body_of_another_type_is_told_which_to_send(admin):
    reply = await admin.post(EXPLAIN, content=b'{"model": "small"}', headers={"content-type": "text/plain"})

    assert reply.status_code == 400
    assert "content-type: application/json" in error_of(reply)["message"]


async def test_a_body_over_the_bound_of_the_data_plane_is_refused():
    config = {**CONFIG, "server": {**CONFIG["server"], "max_body_mb": 0.001}}
    async with controlling(config) as (_, client):
        reply = await client.post(EXPLAIN, json={"model": "small", "prompt": "x" * 2_000})

        assert (reply.status_code, error_of(reply)["code"]) == (413, "request_too_large")


@pytest.mark.parametrize("path", ["/admin", "/admin/v1", "/admin/v1/nothing", "/admin/v1/keys/", "/console/nothing"])
async def test_an_unknown_path_is_a_404_that_names_it(admin, path):
    reply = await admin.get(path)

    assert (reply.status_code, error_of(reply)["code"]) == (404, "not_found")
    assert f"GET {path}" in error_of(reply)["message"]


async def test_a_wrong_method_is_a_405_that_says_which_is_right(admin):
    reply = await admin.delete("/admin/v1/targets")

    assert (reply.status_code, error_of(reply)["code"]) == (405, "method_not_allowed")
    assert reply.headers["allow"] == "GET"


class BrokenStore:
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def levels(self, claims):
        raise self._error


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StoreUnavailable(f"no route to redis://:{SECRET}@host"), 503, "store_unavailable"),
        (RuntimeError(SECRET), 500, "internal_error"),
    ],
)
async def test_a_fault_is_told_without_its_cause(error, status, code):
    async with controlling() as (served, client):
        plane = served.gateway.app._control_plane
        plane.control = msgspec.structs.replace(plane.control, store=BrokenStore(error))

        reply = await client.get("/admin/v1/usage")

        assert (reply.status_code, error_of(reply)["code"]) == (status, code)
        assert SECRET not in reply.text
        assert json.loads((await client.get("/admin/v1/keys")).text)["data"]
