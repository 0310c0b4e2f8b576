"""Changing the behaviour of a running simulator, and asking what it saw."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

CHAT = "/v1/chat/completions"
BODY: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


async def test_the_behaviour_changes_for_all_requests_and_back(http: httpx.AsyncClient) -> None:
    changed = await http.post("/_sim/behaviour", json={"status": 503, "retry_after_s": 2})
    assert changed.json()["status"] == 503
    await http.post("/_sim/behaviour", json={"status": 502})
    reply = await http.post(CHAT, json=BODY)
    assert reply.status_code == 502
    assert (await http.get("/_sim/behaviour")).json()["retry_after_s"] == 2
    assert (await http.delete("/_sim/behaviour")).json()["status"] is None
    assert (await http.post(CHAT, json=BODY)).status_code == 200


async def test_one_request_can_be_spared(http: httpx.AsyncClient) -> None:
    await http.post("/_sim/behaviour", json={"status": 503})
    reply = await http.post(CHAT, json=BODY, headers={"x-sim-fault": "status=null"})
    assert reply.status_code == 200


@pytest.mark.parametrize("options", [{"speed": 9}, {"ttft_ms": "x"}, [1], "fast"])
async def test_a_wrong_option_changes_nothing(http: httpx.AsyncClient, options: Any) -> None:
    before = (await http.get("/_sim/behaviour")).json()
    reply = await http.post("/_sim/behaviour", json=options)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"]
    assert (await http.get("/_sim/behaviour")).json() == before


async def test_requests_are_counted_and_the_controls_are_not(http: httpx.AsyncClient) -> None:
    await http.post(CHAT, json=BODY)
    await http.post(CHAT, json={**BODY, "model": "m?status=503"})
    await http.get("/v1/models")
    await http.get("/_sim/behaviour")
    assert (await http.get("/_sim/stats")).json() == {
        "requests": 3,
        "open": 0,
        "most_open": 1,
        "disconnects": 0,
        "last_disconnect": None,
        "statuses": {"200": 2, "503": 1},
    }


async def test_counts_can_begin_anew(http: httpx.AsyncClient) -> None:
    await http.post(CHAT, json=BODY)
    assert (await http.delete("/_sim/stats")).json()["requests"] == 0
    assert (await http.get("/_sim/stats")).json()["statuses"] == {}


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/_sim/"), ("POST", "/_sim/stats"), ("PUT", "/_sim/behaviour"), ("GET", "/_sim/x")]
)
async def test_there_are_no_other_controls(http: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await http.request(method, path)).status_code == 404
