"""What a client of Sluice can ask for beyond OpenAI's API, with the official SDK as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.contract.sides import KEY, Side, side

MODEL = "gpt-5-mini"
HELLO: Any = [{"role": "user", "content": "hello there"}]


@pytest.fixture
async def two() -> AsyncIterator[Side]:
    """A gateway with a dear, good provider and a cheap, plain one, both in front of the same simulator."""
    async with side("direct") as upstream:
        account = {"kind": "openai", "base_url": upstream.base_url, "api_key": KEY}
        targets = [
            {"provider": "dear", "model": MODEL, "price": {"input": 10, "output": 40}, "quality": 90},
            {"provider": "cheap", "model": MODEL, "price": {"input": 1, "output": 4}, "quality": 40},
        ]
        models = {MODEL: {"targets": targets}}
        async with side("gateway", providers={"dear": account, "cheap": account}, models=models) as served:
            yield served


@pytest.fixture
async def client(two: Side) -> AsyncIterator[openai.AsyncOpenAI]:
    async with two.client() as sdk:
        yield sdk


async def provider(client: openai.AsyncOpenAI, model: str = MODEL, **extra: Any) -> str:
    raw = await client.chat.completions.with_raw_response.create(model=model, messages=HELLO, **extra)
    return raw.headers["x-sluice-provider"]


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ({"by": "cost"}, "cheap"),
        ({"by": "quality"}, "dear"),
        ({"providers": {"only": ["cheap"]}}, "cheap"),
        ({"providers": {"ignore": ["dear"]}}, "cheap"),
        ({"providers": {"order": ["cheap"]}}, "cheap"),
        ({"by": "cost", "min_quality": 50}, "dear"),
        ({"by": "quality", "max_cost_usd": 0.0005}, "cheap"),
        ({}, "dear"),
        (None, "dear"),
    ],
)
async def test_a_route_can_be_asked_for_in_the_body(client: openai.AsyncOpenAI, route: Any, expected: str) -> None:
    assert await provider(client, max_completion_tokens=16, extra_body={"route": route}) == expected


@pytest.mark.parametrize(("suffix", "expected"), [(":cost", "cheap"), (":quality", "dear"), ("", "dear")])
async def test_a_route_can_be_asked_for_by_the_models_suffix(
    client: openai.AsyncOpenAI, suffix: str, expected: str
) -> None:
    assert await provider(client, MODEL + suffix) == expected


async def test_a_route_is_no_business_of_the_provider(two: Side, client: openai.AsyncOpenAI) -> None:
    reply = await client.chat.completions.create(
        model=f"{MODEL}:cost", messages=HELLO, extra_body={"route": {"by": "quality"}}
    )
    assert reply.model == MODEL
    assert two.outcomes[-1].model == MODEL


@pytest.mark.parametrize(
    "route", [{"by": "luck"}, {"by": 1}, {"providers": []}, {"regions": "eu"}, {"colour": "red"}, [], "cost", 3]
)
async def test_a_route_that_is_not_understood_is_refused_by_name(client: openai.AsyncOpenAI, route: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await provider(client, extra_body={"route": route})
    assert str(caught.value.param).startswith("route")


async def test_a_raw_response_tells_who_served_and_what_it_cost(two: Side, client: openai.AsyncOpenAI) -> None:
    raw = await client.chat.completions.with_raw_response.create(
        model=f"{MODEL}:cost", messages=HELLO, extra_headers={"x-request-id": "mine-1"}
    )
    assert raw.request_id == "mine-1"
    assert raw.headers["x-sluice-provider"] == "cheap"
    assert raw.headers["x-sluice-model"] == MODEL
    assert raw.headers["x-sluice-attempts"] == "1"
    assert float(raw.headers["x-sluice-overhead-ms"]) >= 0
    usage = raw.parse().usage
    assert usage is not None
    cost_nanousd = usage.prompt_tokens * 1_000 + usage.completion_tokens * 4_000
    assert raw.headers["x-sluice-cost-usd"] == f"{cost_nanousd / 1e9:.9f}".rstrip("0")
    assert two.outcomes[-1].cost_nanousd == cost_nanousd


async def test_a_stream_tells_its_cost_with_its_usage(client: openai.AsyncOpenAI) -> None:
    options: Any = {"include_usage": True}
    async with await client.chat.completions.create(
        model=f"{MODEL}:cost", messages=HELLO, stream=True, stream_options=options
    ) as stream:
        *_, last = [chunk async for chunk in stream]
    assert last.usage is not None
    cost_usd = (last.usage.prompt_tokens + 4 * last.usage.completion_tokens) / 1e6
    assert last.model_extra is not None
    assert last.model_extra["sluice"] == {"cost_usd": pytest.approx(cost_usd), "attempts": 1}


async def test_the_decision_can_be_asked_for(client: openai.AsyncOpenAI) -> None:
    raw = await client.chat.completions.with_raw_response.create(
        model=f"{MODEL}:cost", messages=HELLO, extra_headers={"x-sluice-explain": "1"}
    )
    assert f"cheap/{MODEL}" in raw.headers["x-sluice-explain"]
    assert f"dear/{MODEL}" in raw.headers["x-sluice-explain"]
