"""Streamed chat completions: the same words as a whole reply, a token a chunk."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest

from tests.openapi import needs_spec, validate_reply
from tests.simulator.sse import chunks, data

PATH = "/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "hello there"}]
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
    for name in ("get_weather", "get_population")
]


def joined(stream: list[Any], index: int = 0) -> str:
    choices = [choice for chunk in stream for choice in chunk["choices"] if choice["index"] == index]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"n": 3},
        {"max_tokens": 4},
        {"stop": " a"},
        {"response_format": {"type": "json_object"}},
        {"logprobs": True, "top_logprobs": 1},
    ],
)
async def test_the_chunks_join_to_the_whole_reply(http: httpx.AsyncClient, extra: dict[str, Any]) -> None:
    body = {"model": "m", "messages": HELLO, **extra}
    whole = (await http.post(PATH, json=body)).json()
    options = {"stream": True, "stream_options": {"include_usage": True}}
    stream = chunks((await http.post(PATH, json={**body, **options})).content)
    for choice in whole["choices"]:
        index = choice["index"]
        assert joined(stream, index) == choice["message"]["content"]
        assert [
            c["finish_reason"] for s in stream for c in s["choices"] if c["index"] == index and c["finish_reason"]
        ] == [choice["finish_reason"]]
        if choice["logprobs"]:
            parts = [c["logprobs"]["content"] for s in stream for c in s["choices"] if c["logprobs"]]
            assert [place for part in parts for place in part] == choice["logprobs"]["content"]
    assert stream[-1]["usage"] == whole["usage"]


async def test_a_chunk_is_a_token(http: httpx.AsyncClient) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}, "n": 2}
    stream = chunks((await http.post(PATH, json={"model": "m", "messages": HELLO, **options})).content)
    worded = [chunk for chunk in stream if chunk["choices"] and chunk["choices"][0]["delta"].get("content")]
    assert len(worded) == stream[-1]["usage"]["completion_tokens"] == 32


async def test_usage_comes_last_and_is_null_before(http: httpx.AsyncClient) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    body = (await http.post(PATH, json={"model": "m", "messages": HELLO, **options})).content
    *before, last = chunks(body)
    assert all(chunk["usage"] is None for chunk in before)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 19
    assert data(body)[-1] == "[DONE]"


async def test_usage_that_nobody_asked_for_is_not_sent(http: httpx.AsyncClient) -> None:
    reply = await http.post(PATH, json={"model": "m", "messages": HELLO, "stream": True})
    assert not any("usage" in chunk for chunk in chunks(reply.content))
    assert reply.headers["content-type"].startswith("text/event-stream")


async def test_all_chunks_carry_one_id_and_the_first_one_the_role(http: httpx.AsyncClient) -> None:
    stream = chunks((await http.post(PATH, json={"model": "m", "messages": HELLO, "stream": True})).content)
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in stream}) == 1
    assert stream[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}


async def test_the_sdk_puts_streamed_tool_calls_together(sdk: openai.AsyncOpenAI) -> None:
    messages: Any = [{"role": "user", "content": "weather and population of Rome?"}]
    whole = await sdk.chat.completions.create(model="m", messages=messages, tools=TOOLS)
    async with sdk.chat.completions.stream(
        model="m", messages=messages, tools=TOOLS, stream_options={"include_usage": True}
    ) as stream:
        final = await stream.get_final_completion()
    calls, expected = final.choices[0].message.tool_calls or [], whole.choices[0].message.tool_calls or []
    assert len(calls) == 2
    assert [call.to_dict()["function"] for call in expected] == [
        {"name": call.function.name, "arguments": call.function.arguments} for call in calls
    ]
    assert len({call.id for call in calls}) == 2
    assert final.choices[0].finish_reason == "tool_calls"
    assert final.usage == whole.usage


async def test_the_sdk_iterates_over_words(sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(model="m?say=one%20two", messages=HELLO, stream=True)
    async with stream:
        words = [chunk.choices[0].delta.content async for chunk in stream]
    assert words == ["", "one ", "two", None]


@needs_spec
@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"n": 2, "logprobs": True, "top_logprobs": 2},
        {"stream_options": {"include_usage": True}},
        {"tools": TOOLS, "tool_choice": "required"},
    ],
)
async def test_chunks_are_as_openai_documents_them(http: httpx.AsyncClient, extra: dict[str, Any]) -> None:
    reply = await http.post(PATH, json={"model": "m", "messages": HELLO, "stream": True, **extra})
    stream = chunks(reply.content)
    assert len(stream) > 3
    for chunk in stream:
        validate_reply(PATH, "post", 200, chunk, is_event=True)
