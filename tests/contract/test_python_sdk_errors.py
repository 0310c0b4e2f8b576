"""What the official Python SDK makes of errors, retries, deadlines and streams that break off, on both sides."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

from gateway.simulator.behaviour import Behaviour
from tests.contract.sides import KEY, SIDES, Side, side

MODEL = "gpt-5-mini"
HELLO: Any = [{"role": "user", "content": "hello there"}]


def fault(options: str) -> dict[str, Any]:
    """A chat for which the simulator behaves like that, on whichever side it is asked."""
    return {"model": MODEL, "messages": HELLO, "metadata": {"sim": options}}


async def test_a_wrong_key_is_an_authentication_error(side: Side) -> None:
    async with side.client(api_key="sk-of-somebody-else") as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.chat.completions.create(model=MODEL, messages=HELLO)
    assert caught.value.code == "invalid_api_key"
    assert "sk-of-somebody-else" not in str(caught.value)


async def test_an_unknown_model_is_not_found(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await sdk.models.retrieve("gpt-nothing")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"temperature": 5}, "temperature"),
        ({"stream": "yes"}, "stream"),
        ({"n": "two"}, "n"),
        ({"max_completion_tokens": "many"}, "max_completion_tokens"),
    ],
)
async def test_a_wrong_field_is_a_bad_request_that_names_it(
    sdk: openai.AsyncOpenAI, wrong: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await sdk.chat.completions.create(model=MODEL, messages=HELLO, extra_body=wrong)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"
    assert param in caught.value.message


@pytest.mark.parametrize("stream", [False, True])
async def test_a_rate_limit_tells_how_long_to_wait(sdk: openai.AsyncOpenAI, stream: bool) -> None:  # noqa: FBT001  pytest's
    with pytest.raises(openai.RateLimitError) as caught:
        await sdk.chat.completions.create(**fault("error=rate_limit&retry_after_s=1.5"), stream=stream)
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "2"
    assert caught.value.response.headers["retry-after-ms"] == "1500"


@pytest.mark.parametrize("status", [500, 503, 529])
async def test_a_provider_that_fails_is_an_internal_server_error(sdk: openai.AsyncOpenAI, status: int) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        await sdk.chat.completions.create(**fault(f"status={status}"))
    assert caught.value.status_code >= 500
    assert isinstance(caught.value, openai.APIStatusError)


@pytest.mark.parametrize("error", ["context_length", "content_filter", "invalid"])
async def test_what_is_wrong_with_a_request_is_told_in_the_providers_words(error: str) -> None:
    bodies = []
    for name in SIDES:
        async with side(name) as served, served.client() as client:
            with pytest.raises(openai.BadRequestError) as caught:
                await client.chat.completions.create(**fault(f"error={error}"))
            bodies.append(caught.value.body)
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("options", ["status=503&retry_after_s=0.001", "error=rate_limit&retry_after_s=0.001"])
@pytest.mark.parametrize("most", [0, 2])
async def test_the_client_retries_as_often_as_it_was_told(side: Side, options: str, most: int) -> None:
    async with side.client(max_retries=most) as client:
        with pytest.raises(openai.APIStatusError):
            await client.chat.completions.create(**fault(options))
    assert side.simulator.stats.requests == 1 + most


async def test_a_retry_that_goes_well_is_all_that_the_caller_sees(side: Side) -> None:
    side.simulator.control.behaviour = Behaviour(error="overloaded", retry_after_s=0.001)
    async with side.client(max_retries=5) as client:
        waiting = asyncio.create_task(client.chat.completions.create(model=MODEL, messages=HELLO))
        while side.simulator.stats.statuses.get(503, 0) < 2:  # noqa: ASYNC110  the simulator signals nobody
            await asyncio.sleep(0)
        side.simulator.control.behaviour = Behaviour()
        reply = await waiting
    assert reply.choices[0].message.content
    assert side.simulator.stats.statuses[200] == 1


async def test_bad_requests_are_not_retried(side: Side) -> None:
    async with side.client(max_retries=3) as client:
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(**fault("error=invalid"))
    assert side.simulator.stats.requests == 1


async def test_a_budget_that_is_used_up_is_told_once_and_not_retried() -> None:
    keys = [{"name": "poor", "key": KEY, "budgets": [{"usd": 0.000001, "per": "day"}]}]
    async with side("gateway", keys=keys) as served, served.client(max_retries=3) as client:
        with pytest.raises(openai.RateLimitError) as caught:
            await client.chat.completions.create(model=MODEL, messages=HELLO)
        assert caught.value.code == caught.value.type == "insufficient_quota"
        assert caught.value.response.headers["x-should-retry"] == "false"
        assert "key poor" in caught.value.message
        assert len(served.outcomes) == 1
        assert served.simulator.stats.requests == 0


async def test_a_rate_limit_of_the_gateway_names_itself_and_its_end() -> None:
    keys = [{"name": "slow", "key": KEY, "limits": {"rpm": 1}}]
    async with side("gateway", keys=keys) as served, served.client() as client:
        raw = await client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO)
        assert raw.headers["x-ratelimit-limit-requests"] == "1"
        assert raw.headers["x-ratelimit-remaining-requests"] == "0"
        with pytest.raises(openai.RateLimitError) as caught:
            await client.chat.completions.create(model=MODEL, messages=HELLO)
    assert caught.value.code == "rate_limit_exceeded"
    assert "rpm of key slow" in caught.value.message
    assert 0 < int(caught.value.response.headers["retry-after-ms"]) <= 60_000


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_runs_out_of_patience_frees_the_provider(side: Side, stream: bool) -> None:  # noqa: FBT001  pytest's
    async with side.client(timeout=0.05) as client:
        with pytest.raises(openai.APITimeoutError):
            await client.chat.completions.create(**fault("stall"), stream=stream)
    await _until_hung_up(side)


async def test_a_stream_that_is_left_early_frees_the_provider(side: Side) -> None:
    async with (
        side.client() as client,
        await client.chat.completions.create(**fault("stall_after=3"), stream=True) as stream,
    ):
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
    await _until_hung_up(side)
    if side.is_gateway:
        (outcome,) = side.outcomes
        assert outcome.status == 499
        assert outcome.usage.total_output > 0


@pytest.mark.parametrize("stream", [False, True])
async def test_a_cancelled_task_frees_the_provider(side: Side, stream: bool) -> None:  # noqa: FBT001  pytest's
    async with side.client() as client:
        asking = asyncio.create_task(client.chat.completions.create(**fault("stall"), stream=stream))
        while not side.simulator.stats.open:  # noqa: ASYNC110  the simulator signals nobody
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    await _until_hung_up(side)


async def test_a_stream_that_breaks_off_is_an_error_not_an_end(sdk: openai.AsyncOpenAI) -> None:
    said = []
    with pytest.raises(openai.APIError) as caught:  # noqa: PT012  what came before the break counts too
        async with await sdk.chat.completions.create(**fault("error_after=4"), stream=True) as stream:
            async for chunk in stream:
                said.append(chunk.choices[0].delta.content)  # noqa: PERF401  kept when the loop breaks
    assert len(said) == 4
    assert not isinstance(caught.value, openai.APIConnectionError)


async def test_a_stream_cut_by_the_provider_ends_in_an_error_event(gateway: Side) -> None:
    said = []
    async with gateway.client() as sdk:
        with pytest.raises(openai.APIError, match="broke off"):  # noqa: PT012  what came before the cut counts too
            async with await sdk.chat.completions.create(**fault("cut=4"), stream=True) as stream:
                async for chunk in stream:
                    said.append(chunk.choices[0].delta.content)  # noqa: PERF401  kept when the loop breaks
    assert len(said) == 4


async def test_no_error_at_all_is_shown_where_another_target_stands_by() -> None:
    async with side("direct", Behaviour(status=503)) as broken:
        more = {
            "server": {"attempts": 3},
            "models": {MODEL: {"targets": [f"broken/{MODEL}", f"sim/{MODEL}"]}},
        }
        async with side("gateway") as plain:
            upstream = {"kind": "openai", "api_key": KEY, "price": "free"}
            providers = {
                "broken": {**upstream, "base_url": broken.base_url},
                "sim": {**upstream, "base_url": f"{_origin(plain)}/v1"},
            }
            async with side("gateway", providers=providers, **more) as served, served.client() as client:
                raw = await client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO)
    assert (raw.headers["x-sluice-provider"], raw.headers["x-sluice-attempts"]) == ("sim", "2")


def _origin(served: Side) -> str:
    return served.base_url.removesuffix("/v1")


async def _until_hung_up(served: Side) -> None:
    stats = served.simulator.stats
    async with asyncio.timeout(5):
        while stats.open or not stats.disconnects:  # noqa: ASYNC110  the simulator signals nobody
            await asyncio.sleep(0)
        while served.is_gateway and not served.outcomes:  # noqa: ASYNC110  nor do the observers
            await asyncio.sleep(0)
