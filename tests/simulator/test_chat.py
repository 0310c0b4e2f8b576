"""Whole chat completions, over a socket, as the official SDK and plain HTTP see them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import jsonschema
import openai
import pytest

from tests.openapi import needs_spec, validate_reply

PATH = "/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "hello there"}]


async def test_an_answer_has_as_many_tokens_as_usage_says(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.chat.completions.create(model="gpt-5-mini", messages=HELLO)
    text = reply.choices[0].message.content
    assert text is not None
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 16 == len(text) / 4
    assert reply.usage.prompt_tokens == 3
    assert reply.usage.total_tokens == 19
    assert reply.choices[0].finish_reason == "stop"
    assert reply.model == "gpt-5-mini"


async def test_the_blocking_sdk_gets_the_same(base_url: str, sdk: openai.AsyncOpenAI) -> None:
    def ask() -> str | None:
        with openai.OpenAI(base_url=base_url, api_key="sk-any", max_retries=0) as client:
            return client.chat.completions.create(model="gpt-5-mini", messages=HELLO).choices[0].message.content

    reply = await sdk.chat.completions.create(model="gpt-5-mini", messages=HELLO)
    assert await asyncio.to_thread(ask) == reply.choices[0].message.content


async def test_the_seed_and_the_prompt_decide_what_is_said(sdk: openai.AsyncOpenAI) -> None:
    async def said(prompt: str, seed: int) -> str | None:
        messages: Any = [{"role": "user", "content": prompt}]
        reply = await sdk.chat.completions.create(model="m", messages=messages, seed=seed)
        return reply.choices[0].message.content

    assert await said("one", 1) == await said("one", 1)
    assert await said("one", 1) != await said("one", 2)
    assert await said("one", 1) != await said("two", 1)


async def test_each_choice_is_billed(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.chat.completions.create(model="m", messages=HELLO, n=3)
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in reply.choices}) == 3
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 48


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_a_limit_cuts_the_answer_short(sdk: openai.AsyncOpenAI, field: str) -> None:
    reply = await sdk.chat.completions.create(model="m", messages=HELLO, extra_body={field: 5})
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 5
    assert len(reply.choices[0].message.content or "") == 20


async def test_hidden_reasoning_counts_against_the_limit(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.chat.completions.create(
        model="m?reasoning_tokens=8", messages=HELLO, extra_body={"max_completion_tokens": 10}
    )
    assert reply.usage is not None
    assert reply.usage.completion_tokens_details is not None
    assert reply.usage.completion_tokens_details.reasoning_tokens == 8
    assert reply.usage.completion_tokens == 10
    assert reply.choices[0].finish_reason == "length"


async def test_a_limit_that_reasoning_used_up_leaves_no_words(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.chat.completions.create(model="m?reasoning_tokens=8", messages=HELLO, max_completion_tokens=8)
    assert reply.choices[0].message.content == ""
    assert reply.choices[0].finish_reason == "length"


async def test_cached_tokens_never_exceed_the_prompt(sdk: openai.AsyncOpenAI) -> None:
    async def cached(model: str) -> int | None:
        usage = (await sdk.chat.completions.create(model=model, messages=HELLO)).usage
        assert usage is not None
        assert usage.prompt_tokens_details is not None
        return usage.prompt_tokens_details.cached_tokens

    assert await cached("m?cached_tokens=2") == 2
    assert await cached("m?cached_tokens=2000") == 3


@pytest.mark.parametrize("stop", ["three", ["four", "three"]])
async def test_a_stop_sequence_ends_the_text_before_it(sdk: openai.AsyncOpenAI, stop: Any) -> None:
    reply = await sdk.chat.completions.create(model="m?say=one%20two%20three%20four", messages=HELLO, stop=stop)
    assert reply.choices[0].message.content == "one two "
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 2


async def test_log_probabilities_cover_each_token(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.chat.completions.create(model="m", messages=HELLO, logprobs=True, top_logprobs=3)
    choice = reply.choices[0]
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    assert "".join(place.token for place in choice.logprobs.content) == choice.message.content
    assert len(choice.logprobs.content) == 16
    for place in choice.logprobs.content:
        ranks = [token.logprob for token in place.top_logprobs]
        assert len(ranks) == 3
        assert ranks == sorted(ranks, reverse=True)
        assert place.logprob == ranks[0] <= 0
        assert bytes(place.bytes or []).decode() == place.token


async def test_json_is_an_instance_of_its_schema(sdk: openai.AsyncOpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"enum": ["a", "b"]}}},
        "required": ["name", "tags"],
        "additionalProperties": False,
    }
    format: Any = {"type": "json_schema", "json_schema": {"name": "thing", "schema": schema, "strict": True}}
    reply = await sdk.chat.completions.create(model="m", messages=HELLO, response_format=format)
    jsonschema.validate(json.loads(reply.choices[0].message.content or ""), schema)
    plain = await sdk.chat.completions.create(model="m", messages=HELLO, response_format={"type": "json_object"})
    assert isinstance(json.loads(plain.choices[0].message.content or ""), dict)


async def test_pictures_count_by_their_detail_and_not_by_their_bytes(sdk: openai.AsyncOpenAI) -> None:
    async def prompt_tokens(detail: str) -> int:
        url = "data:image/png;base64," + "A" * 100_000
        parts = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": url, "detail": detail}}]
        messages: Any = [{"role": "user", "content": parts}]
        usage = (await sdk.chat.completions.create(model="m", messages=messages)).usage
        assert usage is not None
        return usage.prompt_tokens

    low, high = await prompt_tokens("low"), await prompt_tokens("high")
    assert 85 <= low < 90
    assert 765 <= high < 770


async def test_a_model_is_named_without_its_options(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.chat.completions.create(model="gpt-5?output_tokens=2", messages=HELLO)
    assert reply.model == "gpt-5"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 2


async def test_a_finish_reason_can_be_asked_for(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.chat.completions.create(model="m?finish=content_filter", messages=HELLO)
    assert reply.choices[0].finish_reason == "content_filter"


async def test_each_reply_has_an_id_of_its_own(sdk: openai.AsyncOpenAI) -> None:
    one, two = [await sdk.chat.completions.with_raw_response.create(model="m", messages=HELLO) for _ in range(2)]
    assert str(one.request_id).startswith("req_")
    assert one.request_id != two.request_id
    assert one.parse().id != two.parse().id


async def test_unknown_fields_are_let_be(http: httpx.AsyncClient) -> None:
    reply = await http.post(PATH, json={"model": "m", "messages": HELLO, "verbosity": "low", "brand_new": {"a": 1}})
    assert reply.status_code == 200


@needs_spec
@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"n": 2},
        {"logprobs": True, "top_logprobs": 2},
        {"max_tokens": 3},
        {"response_format": {"type": "json_object"}},
        {"tools": [{"type": "function", "function": {"name": "look_up"}}], "tool_choice": "required"},
    ],
)
async def test_replies_are_as_openai_documents_them(http: httpx.AsyncClient, extra: dict[str, Any]) -> None:
    reply = await http.post(PATH, json={"model": "m", "messages": HELLO, **extra})
    validate_reply(PATH, "post", reply.status_code, reply.content)
    assert reply.status_code == 200
