"""Faults on demand: what a client sees of each."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any

import httpx
import openai
import pytest

from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.faults import ERRORS, failure
from gateway.simulator.server import running
from tests.openapi import needs_spec, validate_reply
from tests.simulator.conftest import Naps
from tests.simulator.sse import chunks, data

PATH = "/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "hello there"}]


async def ask(http: httpx.AsyncClient, fault: str, **fields: Any) -> httpx.Response:
    return await http.post(PATH, json={"model": "m", "messages": HELLO, **fields}, headers={"x-sim-fault": fault})


async def received(http: httpx.AsyncClient, fault: str, **fields: Any) -> tuple[int, bytes, bool]:
    """Status, body, and whether the body ended as it should."""
    body = b""
    request = {"model": "m", "messages": HELLO, **fields}
    async with http.stream("POST", PATH, json=request, headers={"x-sim-fault": fault}) as reply:
        try:
            async for piece in reply.aiter_raw():
                body += piece
        except httpx.RemoteProtocolError:
            return reply.status_code, body, False
        return reply.status_code, body, True


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 429, 500, 502, 503, 529])
async def test_any_error_status_can_be_had(http: httpx.AsyncClient, status: int) -> None:
    reply = await ask(http, f"status={status}")
    assert reply.status_code == status
    assert reply.json()["error"]["message"]


@pytest.mark.parametrize("name", sorted(ERRORS))
@pytest.mark.parametrize("stream", [False, True])
async def test_any_named_error_can_be_had(http: httpx.AsyncClient, name: Any, *, stream: bool) -> None:
    reply = await ask(http, f"error={name}", stream=stream)
    expected = ERRORS[name]
    assert reply.status_code == expected.status
    assert reply.json()["error"] == {
        "message": expected.message,
        "type": expected.type,
        "param": expected.param,
        "code": expected.code,
    }


@needs_spec
@pytest.mark.parametrize("name", sorted(ERRORS))
def test_errors_are_as_openai_documents_them(name: Any) -> None:
    validate_reply(PATH, "post", ERRORS[name].status, ERRORS[name].body())


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("error=quota", openai.RateLimitError),
        ("error=auth", openai.AuthenticationError),
        ("error=not_found", openai.NotFoundError),
        ("error=context_length", openai.BadRequestError),
        ("status=503", openai.InternalServerError),
        ("close", openai.APIConnectionError),
    ],
)
async def test_the_sdk_raises_what_each_error_means(
    sdk: openai.AsyncOpenAI, fault: str, kind: type[openai.OpenAIError]
) -> None:
    with pytest.raises(kind):
        await sdk.chat.completions.create(model="m", messages=HELLO, extra_headers={"x-sim-fault": fault})


async def test_retry_after_is_sent_where_it_is_asked_for(http: httpx.AsyncClient) -> None:
    reply = await ask(http, "status=429, retry_after_s=1.5")
    assert (reply.headers["retry-after"], reply.headers["retry-after-ms"]) == ("2", "1500")
    assert "retry-after" not in (await ask(http, "status=429")).headers
    assert "retry-after" not in (await ask(http, "status=500, retry_after_s=1")).headers


async def test_a_rate_is_held_by_the_clock(http: httpx.AsyncClient, simulator: Simulator, naps: Naps) -> None:
    simulator.control.behaviour = Behaviour(rpm=2)
    statuses = [(await ask(http, "")).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = await ask(http, "")
    assert refused.headers["retry-after"] == "30"
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    naps.clock.advance(30)
    assert [(await ask(http, "")).status_code for _ in range(2)] == [200, 429]


def test_a_share_of_requests_fails_by_the_dice() -> None:
    behaviour, dice = Behaviour(error_rate=0.25, error_status=502), Random(1)
    failed = [found for _ in range(1000) if (found := failure(behaviour, dice))]
    assert 200 < len(failed) < 300
    assert {found.status for found in failed} == {502}
    assert failure(Behaviour(), dice) is None


async def test_a_stream_is_cut_after_so_many_events(http: httpx.AsyncClient) -> None:
    status, body, is_whole = await received(http, "cut=3", stream=True)
    assert (status, is_whole) == (200, False)
    assert len(chunks(body)) == 3


async def test_a_stream_can_be_cut_right_after_its_head(http: httpx.AsyncClient) -> None:
    assert await received(http, "cut=0", stream=True) == (200, b"", False)


async def test_a_paced_stream_is_cut_too(http: httpx.AsyncClient) -> None:
    _, body, is_whole = await received(http, "cut=4&tokens_per_s=10&ttft_ms=5", stream=True)
    assert not is_whole
    assert len(chunks(body)) == 4


async def test_a_whole_body_is_cut_in_the_middle(http: httpx.AsyncClient) -> None:
    whole = (await ask(http, "")).content
    status, body, is_whole = await received(http, "cut=3")
    assert (status, is_whole) == (200, False)
    assert len(body) == len(whole) // 2


async def test_a_connection_closes_before_any_head(http: httpx.AsyncClient, simulator: Simulator) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await ask(http, "close")
    with pytest.raises(httpx.RemoteProtocolError):
        await ask(http, "close&ttft_ms=20")
    assert simulator.stats.statuses == {}
    assert simulator.stats.disconnects == 0


async def test_a_truncated_stream_ends_as_if_all_were_well(http: httpx.AsyncClient) -> None:
    status, body, is_whole = await received(http, "truncate=3", stream=True)
    assert (status, is_whole) == (200, True)
    assert len(chunks(body)) == 3
    assert "[DONE]" not in data(body)


async def test_a_malformed_event_stands_in_a_good_ones_place(http: httpx.AsyncClient) -> None:
    good = data((await ask(http, "", stream=True)).content)
    bad = data((await ask(http, "malformed=2", stream=True)).content)
    assert len(bad) == len(good)
    assert bad[2] == '{"id":"chatcmpl-'
    assert bad[-1] == "[DONE]"


@pytest.mark.parametrize("fault", ["malformed=0", "truncate=0"])
async def test_a_whole_body_can_be_no_json(http: httpx.AsyncClient, fault: str) -> None:
    reply = await ask(http, fault)
    assert reply.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        reply.json()


async def test_an_error_event_ends_a_stream(http: httpx.AsyncClient) -> None:
    body = (await ask(http, "error_after=2", stream=True)).content
    stream = chunks(body)
    assert len(stream) == 3
    assert stream[-1]["error"]["type"] == "server_error"
    assert "[DONE]" not in data(body)


async def test_the_error_within_a_stream_can_be_named(http: httpx.AsyncClient, sdk: openai.AsyncOpenAI) -> None:
    body = (await ask(http, "error_after=0&error=quota", stream=True)).content
    assert [event["error"]["code"] for event in chunks(body)] == ["insufficient_quota"]
    stream = await sdk.chat.completions.create(model="m?error_after=2", messages=HELLO, stream=True)
    async with stream:
        with pytest.raises(openai.APIError, match="had an error"):
            [chunk async for chunk in stream]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("null", b"null"), ("empty", b""), ("error", ERRORS["server"].body()), ("garbage", b"<html>")],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_200_can_hold_anything(http: httpx.AsyncClient, name: str, expected: bytes, *, stream: bool) -> None:
    reply = await ask(http, f"body={name}", stream=stream)
    assert reply.status_code == 200
    assert reply.content.startswith(expected)
    assert reply.headers["content-type"] == ("text/html" if name == "garbage" else "application/json")


async def test_faults_can_be_asked_for_through_a_gateway(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.InternalServerError):
        await sdk.chat.completions.create(model="m?status=503", messages=HELLO)
    with pytest.raises(openai.InternalServerError):
        await sdk.chat.completions.create(model="m", messages=HELLO, metadata={"sim": "status=503"})
    with pytest.raises(openai.InternalServerError):
        await sdk.embeddings.create(model="m?status=503", input="x")
    with pytest.raises(openai.InternalServerError):
        await sdk.images.generate(model="m?status=503", prompt="x")


async def test_a_forms_metadata_can_ask_for_faults(http: httpx.AsyncClient) -> None:
    form = {"prompt": "x", "metadata[sim]": "status=502"}
    reply = await http.post("/v1/images/edits", data=form, files={"image": ("a.png", b"data")})
    assert reply.status_code == 502


async def test_the_header_wins_over_metadata_and_that_over_the_models_name(http: httpx.AsyncClient) -> None:
    reply = await ask(http, "", model="m?status=501", metadata={"sim": "status=502"})
    assert reply.status_code == 502
    reply = await ask(http, "status=503", model="m?status=501", metadata={"sim": "status=502"})
    assert reply.status_code == 503


async def test_an_unknown_fault_is_told_with_the_nearest_name(http: httpx.AsyncClient) -> None:
    reply = await ask(http, "cutt=3")
    assert reply.status_code == 400
    assert "did you mean 'cut'" in reply.json()["error"]["message"]


async def test_a_server_that_cannot_close_is_left_with_an_error(simulator: Simulator) -> None:
    transport = httpx.ASGITransport(simulator)
    async with httpx.AsyncClient(transport=transport, base_url="http://sim") as client:
        with pytest.raises(ConnectionAbortedError):
            await ask(client, "close")


async def test_a_large_fault_free_stream_arrives_whole() -> None:
    async with running(Simulator(Behaviour(output_tokens=20_000))) as url, httpx.AsyncClient() as client:
        async with asyncio.timeout(20):
            body = {"model": "m", "messages": HELLO, "stream": True}
            reply = await client.post(f"{url}/chat/completions", json=body)
    assert len(chunks(reply.content)) == 20_002
