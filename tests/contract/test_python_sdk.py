"""The official Python SDK, unmodified: the same checks against a provider and against Sluice in front of it."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any, Literal

import openai
import pydantic
import pytest

from gateway.simulator.png import png
from tests.contract.sides import KEY, MODELS, Side

MODEL = "gpt-5-mini"
HELLO: Any = [{"role": "user", "content": "hello there"}]
PIXEL = "data:image/png;base64," + base64.b64encode(png(1, 1, 1)).decode()
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": CITY}} for name in ("get_weather", "get_population")
]
ASK_BOTH: Any = [{"role": "user", "content": "weather and population of Rome"}]


async def test_a_chat_is_answered_whole(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.chat.completions.create(model=MODEL, messages=HELLO)
    assert reply.object == "chat.completion"
    assert reply.model == MODEL
    assert reply.choices[0].finish_reason == "stop"
    assert reply.choices[0].message.content
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens == 19


async def test_the_client_as_everyone_makes_it_is_served(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", side.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    async with openai.AsyncOpenAI() as client:
        reply = await client.chat.completions.create(model=MODEL, messages=HELLO)
    assert reply.choices[0].message.content


async def test_a_stream_joins_to_the_whole_answer(sdk: openai.AsyncOpenAI) -> None:
    whole = await sdk.chat.completions.create(model=MODEL, messages=HELLO)
    async with await sdk.chat.completions.create(model=MODEL, messages=HELLO, stream=True) as stream:
        chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert len({chunk.id for chunk in chunks}) == 1
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]


async def test_a_stream_tells_no_usage_that_was_not_asked_for(sdk: openai.AsyncOpenAI) -> None:
    async with await sdk.chat.completions.create(model=MODEL, messages=HELLO, stream=True) as stream:
        chunks = [chunk async for chunk in stream]
    assert all(len(chunk.choices) == 1 for chunk in chunks)
    assert not any("usage" in chunk.model_fields_set for chunk in chunks)


async def test_a_stream_tells_its_usage_last_when_asked(sdk: openai.AsyncOpenAI) -> None:
    options: Any = {"include_usage": True}
    async with await sdk.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, stream_options=options
    ) as stream:
        *before, last = [chunk async for chunk in stream]
    assert all(chunk.usage is None for chunk in before)
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == 19


async def test_the_streaming_interface_of_the_sdk_collects_a_completion(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.chat.completions.stream(
        model=MODEL, messages=HELLO, stream_options={"include_usage": True}
    ) as stream:
        kinds = {event.type async for event in stream}
        final = await stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content
    assert final.usage is not None


async def test_several_tools_are_called_at_once(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.chat.completions.create(model=MODEL, messages=ASK_BOTH, tools=TOOLS)
    calls = reply.choices[0].message.tool_calls
    assert calls is not None
    assert reply.choices[0].finish_reason == "tool_calls"
    assert [call.function.name for call in calls if call.type == "function"] == ["get_weather", "get_population"]
    assert all("city" in json.loads(call.function.arguments) for call in calls if call.type == "function")


async def test_tool_calls_in_parallel_can_be_declined(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.chat.completions.create(
        model=MODEL, messages=ASK_BOTH, tools=TOOLS, parallel_tool_calls=False, tool_choice="auto"
    )
    assert len(reply.choices[0].message.tool_calls or ()) == 1


async def test_streamed_tool_calls_arrive_piece_by_piece(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.chat.completions.stream(model=MODEL, messages=ASK_BOTH, tools=TOOLS) as stream:
        done = [event async for event in stream if event.type == "tool_calls.function.arguments.done"]
        final = await stream.get_final_completion()
    assert [event.name for event in done] == ["get_weather", "get_population"]
    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert [call.index for call in done] == [0, 1]
    assert all("city" in json.loads(call.function.arguments) for call in calls)


async def test_a_tools_result_is_sent_back(sdk: openai.AsyncOpenAI) -> None:
    first = await sdk.chat.completions.create(model=MODEL, messages=ASK_BOTH, tools=TOOLS)
    message = first.choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": "sunny, and many"} for call in message.tool_calls or ()
    ]
    messages: Any = [*ASK_BOTH, message.to_dict(), *results]
    second = await sdk.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content


class Forecast(pydantic.BaseModel):
    city: str
    sky: Literal["clear", "grey"]
    degrees: list[int]


async def test_structured_output_is_parsed_into_its_model(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.chat.completions.parse(model=MODEL, messages=HELLO, response_format=Forecast)
    assert isinstance(reply.choices[0].message.parsed, Forecast)


async def test_structured_output_is_parsed_from_a_stream(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.chat.completions.stream(model=MODEL, messages=HELLO, response_format=Forecast) as stream:
        final = await stream.get_final_completion()
    assert isinstance(final.choices[0].message.parsed, Forecast)


async def test_log_probabilities_come_for_each_token(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.chat.completions.create(
        model=MODEL, messages=HELLO, logprobs=True, top_logprobs=2, max_completion_tokens=4
    )
    logprobs = reply.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert [len(token.top_logprobs) for token in logprobs.content] == [2, 2, 2, 2]
    assert reply.choices[0].finish_reason == "length"


@pytest.mark.parametrize("stream", [False, True])
async def test_n_choices_come_each_with_its_index(sdk: openai.AsyncOpenAI, stream: bool) -> None:  # noqa: FBT001  pytest's
    if stream:
        async with await sdk.chat.completions.create(model=MODEL, messages=HELLO, n=3, stream=True) as chunks:
            indices = {choice.index async for chunk in chunks for choice in chunk.choices}
    else:
        reply = await sdk.chat.completions.create(model=MODEL, messages=HELLO, n=3)
        indices = {choice.index for choice in reply.choices}
    assert indices == {0, 1, 2}


async def test_a_picture_can_be_looked_at(sdk: openai.AsyncOpenAI) -> None:
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    messages: Any = [{"role": "user", "content": parts}]
    reply = await sdk.chat.completions.create(model=MODEL, messages=messages)
    words = await sdk.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "What is it?"}])
    assert reply.usage is not None
    assert words.usage is not None
    assert reply.usage.prompt_tokens > words.usage.prompt_tokens


@pytest.mark.parametrize("encoding", ["float", "base64", None])
async def test_texts_are_embedded(sdk: openai.AsyncOpenAI, encoding: Any) -> None:
    extra = {} if encoding is None else {"encoding_format": encoding}
    reply = await sdk.embeddings.create(model="text-embedding-3-small", input=["one", "two"], dimensions=8, **extra)
    assert [entry.index for entry in reply.data] == [0, 1]
    if encoding != "base64":  # asked for by hand, the SDK hands it over as it came
        assert [len(entry.embedding) for entry in reply.data] == [8, 8]
    assert reply.usage.prompt_tokens == reply.usage.total_tokens > 0


async def test_models_are_listed_and_looked_up(sdk: openai.AsyncOpenAI) -> None:
    listed = [model.id async for model in sdk.models.list()]
    assert listed == list(MODELS)
    one = await sdk.models.retrieve(MODEL)
    assert (one.id, one.object) == (MODEL, "model")


async def test_raw_responses_show_headers_and_parse(sdk: openai.AsyncOpenAI) -> None:
    raw = await sdk.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO)
    assert raw.status_code == 200
    assert raw.headers["content-type"] == "application/json"
    assert raw.request_id
    assert raw.parse().choices[0].message.content


async def test_streamed_responses_show_headers_before_the_body(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.chat.completions.with_streaming_response.create(
        model=MODEL, messages=HELLO, stream=True
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line async for line in response.iter_lines()]
    assert "data: [DONE]" in lines


async def test_the_blocking_client_gets_the_same(side: Side, sdk: openai.AsyncOpenAI) -> None:
    def story() -> list[Any]:
        with side.blocking_client() as client:
            whole = client.chat.completions.create(model=MODEL, messages=HELLO).choices[0].message.content
            with client.chat.completions.create(model=MODEL, messages=HELLO, stream=True) as stream:
                streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
            called = client.chat.completions.create(model=MODEL, messages=ASK_BOTH, tools=TOOLS).choices[0]
            embedded = client.embeddings.create(model="text-embedding-3-small", input="one", dimensions=4)
            with pytest.raises(openai.NotFoundError):
                client.models.retrieve("nothing")
            return [
                whole,
                streamed,
                len(called.message.tool_calls or ()),
                len(embedded.data[0].embedding),
                [model.id for model in client.models.list()],
            ]

    whole = (await sdk.chat.completions.create(model=MODEL, messages=HELLO)).choices[0].message.content
    assert await asyncio.to_thread(story) == [whole, whole, 2, 4, list(MODELS)]
