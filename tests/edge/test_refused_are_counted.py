"""Requests that are refused before they are a call are counted and logged like calls, and no request twice."""

from __future__ import annotations

import pytest

from gateway.core.types import Endpoint
from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.server import running
from tests.client import CHAT, Client, ask, chat, get
from tests.serving import serving

KEY = "sk-a-key-of-the-test-0123456789"
FORM = {"content-type": "multipart/form-data; boundary=x"}


def config(upstream="http://127.0.0.1:1"):
    return {
        "server": {"max_body_mb": 1, "attempts": 1},
        "providers": {"a": {"kind": "simulator", "base_url": upstream}},
        "models": {"m": {"targets": [{"provider": "a", "model": "s", "price": "free"}]}},
        "teams": {"research": {}},
        "keys": [{"name": "ci", "key": KEY, "team": "research"}],
    }


@pytest.fixture
async def gateway():
    async with serving(config()) as serving_:
        yield serving_


@pytest.fixture
async def simulated():
    async with running(Simulator(Behaviour())) as url, serving(config(url)) as serving_:
        yield serving_


async def page(gateway):
    return (await get(gateway.url, "/metrics")).body.decode()


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        (CHAT, b"{not json", 400, "invalid_request_error"),
        (CHAT, {"messages": []}, 400, "invalid_request_error"),
        (CHAT, b"x" * 1_100_000, 413, "request_too_large"),
        ("/v1/embeddings", {"model": "m"}, 400, "invalid_request_error"),
        ("/v1/images/edits", b"no form at all", 400, "invalid_request_error"),
    ],
)
async def test_a_refused_request_has_one_outcome_that_says_why(gateway, path, body, status, error):
    answer = await ask(gateway.url, path, body, headers=FORM if "images" in path else {}, key=KEY)
    (outcome,) = gateway.outcomes
    assert answer.status == outcome.status == status
    assert (outcome.error, outcome.model, outcome.key, outcome.team) == (error, "", "ci", "research")
    assert outcome.endpoint is Endpoint(path.removeprefix("/v1/"))
    assert outcome.id == answer.headers["x-request-id"]
    assert outcome.attempts == ()
    assert outcome.duration_s >= 0


async def test_a_stranger_s_request_has_an_outcome_without_a_name(gateway):
    answer = await ask(gateway.url, CHAT, chat(), key="sk-unknown")
    (outcome,) = gateway.outcomes
    assert answer.status == outcome.status == 401
    assert (outcome.error, outcome.model, outcome.key, outcome.team) == ("invalid_api_key", "", "", None)


async def test_the_wrong_method_is_counted(gateway):
    answer = await get(gateway.url, CHAT, key=KEY)
    (outcome,) = gateway.outcomes
    assert answer.status == outcome.status == 405
    assert outcome.error == "method_not_allowed"


async def test_refusals_are_on_the_page_as_of_no_model(gateway):
    for _ in range(3):
        await ask(gateway.url, CHAT, chat(), key="sk-unknown")
    labels = 'endpoint="chat/completions",error="invalid_api_key",model="none",provider="none",status="4xx"'
    assert f"sluice_requests_total{{{labels}}} 3.0" in await page(gateway)
    assert "sluice_overhead_seconds_count" not in await page(gateway)


async def test_a_client_that_hangs_up_while_it_sends_is_counted_as_that(gateway):
    async with Client(gateway.url, KEY) as client:
        client.send(CHAT, b'{"model"', length=100)
        await gateway.until(lambda: gateway.gateway.app.calls_in_flight == 1)
        await client.close()
        await gateway.until(lambda: gateway.outcomes)
    (outcome,) = gateway.outcomes
    assert (outcome.status, outcome.error, outcome.key) == (499, "client_closed_request", "ci")
    assert gateway.gateway.app.calls_in_flight == 0


async def test_what_the_pipeline_refuses_is_counted_once(gateway):
    answer = await ask(gateway.url, CHAT, chat(model="unknown"), key=KEY)
    (outcome,) = gateway.outcomes
    assert answer.status == outcome.status == 404
    assert (outcome.error, outcome.model) == ("model_not_found", "unknown")


async def test_what_no_provider_serves_is_counted_once(gateway):
    answer = await ask(gateway.url, CHAT, chat(), key=KEY)
    (outcome,) = gateway.outcomes
    assert answer.status == outcome.status == 502
    assert outcome.model == "m"
    assert outcome.attempts


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_that_goes_well_is_counted_once(simulated, stream):
    await ask(simulated.url, CHAT, chat(stream=stream), key=KEY)
    await simulated.until(lambda: simulated.outcomes)
    (outcome,) = simulated.outcomes
    assert (outcome.status, outcome.error, outcome.model) == (200, None, "m")
    assert 'model="m"' in await page(simulated)
    assert 'model="none"' not in await page(simulated)


async def test_what_asks_for_no_call_is_not_counted(gateway):
    for path in ("/v1/models", "/v1/models/none-such", "/v1/nothing", "/healthz", "/metrics"):
        await get(gateway.url, path, key="sk-unknown")
    assert not gateway.outcomes


async def test_neither_the_page_nor_the_record_holds_the_key(gateway):
    await ask(gateway.url, CHAT, chat(), key="sk-marker-of-a-key")
    assert "marker" not in repr(gateway.outcomes)
    assert "marker" not in await page(gateway)
