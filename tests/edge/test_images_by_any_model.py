"""Images are one capability: each endpoint is served by whatever draws, through the whole gateway on real sockets."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from openai.types import ImagesResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.client import CHAT, ask
from tests.serving import serving
from tests.upstream import Loop, ScriptedUpstream, Send, read_request, reply

GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
JSON = b"content-type: application/json"
PIXELS = b"\x89PNG\r\n\x1a\n" + bytes(60)
PNG = base64.b64encode(PIXELS).decode()
URL = f"data:image/png;base64,{PNG}"

CHAT_MODEL = {
    "model": "gpt-5-image-mini",
    "price": {"input": 1, "output": 2, "image_input": 1, "image_output": 30, "per_image": {"default": 0.039}},
    "capabilities": {
        "endpoints": ["chat/completions"],
        "features": ["image_output", "vision", "streaming"],
        "max_output_tokens": 1000,
        "max_images": 1,
    },
}
IMAGE_MODEL = {
    "model": "gpt-image-1",
    "price": {"input": 5, "output": 0, "image_output": 40, "per_image": {"low/1024x1024": 0.011, "default": 0.167}},
    "capabilities": {
        "endpoints": ["images/generations", "images/edits"],
        "features": ["mask", "streaming"],
        "image_sizes": ["1024x1024", "1536x1024"],
        "image_qualities": ["low", "medium", "high"],
        "max_images": 4,
    },
}
DRAW = {"model": "m", "prompt": "a siamese cat"}
ASK = {"model": "m", "messages": [{"role": "user", "content": "a siamese cat"}], "modalities": ["image", "text"]}


def chat_reply(tokens: int = 1_290) -> bytes:
    message = {"role": "assistant", "content": "Here.", "images": [{"type": "image_url", "image_url": {"url": URL}}]}
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": tokens + 5,
        "total_tokens": tokens + 15,
        "completion_tokens_details": {"image_tokens": tokens},
    }
    body = {"id": "gen-1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
    return reply(json.dumps(body).encode(), 200, JSON)


def images_reply(count: int = 1) -> bytes:
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
        "output_tokens": 272 * count,
        "total_tokens": 10 + 272 * count,
    }
    look = {"quality": "low", "size": "1024x1024", "output_format": "png"}
    body = {"created": 1, "data": [{"b64_json": PNG}] * count, "usage": usage, **look}
    return reply(json.dumps(body).encode(), 200, JSON)


def answering(data: bytes) -> ScriptedUpstream:
    return ScriptedUpstream([Loop([read_request, Send(data)])])


def config(*targets: tuple[ScriptedUpstream, Mapping[str, Any]], **rest: Any) -> dict[str, Any]:
    names = "ab"[: len(targets)]
    return {
        "server": {"hold_wait_s": 0},
        "providers": {
            name: {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_key": "sk-0123456789"}
            for name, (upstream, _) in zip(names, targets, strict=True)
        },
        "models": {
            "m": {"targets": [{"provider": name, **what} for name, (_, what) in zip(names, targets, strict=True)]}
        },
        "global": {"budgets": [{"usd": 5, "per": "day"}]},
        **rest,
    }


async def test_generations_are_served_by_a_chat_model_that_draws():
    async with answering(chat_reply()) as upstream, serving(config((upstream, CHAT_MODEL))) as gateway:
        answer = await ask(gateway.url, GENERATIONS, DRAW)

    assert answer.status == 200
    (image,) = ImagesResponse.model_validate(answer.json).data
    assert image.b64_json == PNG
    (request,) = upstream.requests
    assert request.path == b"/v1/chat/completions"
    assert json.loads(request.body)["modalities"] == ["image", "text"]
    assert float(answer.headers["x-sluice-cost-usd"]) == pytest.approx(10e-6 + 5 * 2e-6 + 1_290 * 30e-6)
    (outcome,) = gateway.outcomes
    assert (outcome.usage.images, outcome.usage.image_output) == (1, 1_290)
    assert outcome.cost_nanousd <= outcome.held_nanousd


async def test_a_client_that_streams_gets_the_image_that_a_chat_model_drew_whole():
    async with answering(chat_reply()) as upstream, serving(config((upstream, CHAT_MODEL))) as gateway:
        answer = await ask(gateway.url, GENERATIONS, {**DRAW, "stream": True, "partial_images": 2})

    assert answer.headers["content-type"].startswith("text/event-stream")
    (event,) = [json.loads(event) for event in answer.events if event != b"[DONE]"]
    assert (event["type"], event["b64_json"]) == ("image_generation.completed", PNG)
    assert "stream" not in json.loads(upstream.requests[0].body)


async def test_edits_are_served_by_a_chat_model_that_sees():
    head = '--B\r\nContent-Disposition: form-data; name="{}"'
    parts = [head.format(name) + f"\r\n\r\n{value}\r\n" for name, value in (("model", "m"), ("prompt", "green"))]
    file = head.format("image") + '; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    form = "".join([*parts, file]).encode() + PIXELS + b"\r\n--B--\r\n"
    async with answering(chat_reply()) as upstream, serving(config((upstream, CHAT_MODEL))) as gateway:
        headers = {"content-type": "multipart/form-data; boundary=B"}
        answer = await ask(gateway.url, EDITS, form, headers=headers)

    assert answer.json["data"] == [{"b64_json": PNG}]
    text, picture = json.loads(upstream.requests[0].body)["messages"][0]["content"]
    assert text == {"type": "text", "text": "green"}
    assert picture["image_url"]["url"] == URL


async def test_more_images_than_a_chat_model_makes_at_once_are_asked_for_one_by_one_and_all_are_billed():
    async with answering(chat_reply()) as upstream, serving(config((upstream, CHAT_MODEL))) as gateway:
        answer = await ask(gateway.url, GENERATIONS, {**DRAW, "n": 3})

    assert len(answer.json["data"]) == len(upstream.requests) == 3
    (outcome,) = gateway.outcomes
    assert outcome.usage.images == 3
    assert outcome.cost_nanousd == 3 * (10_000 + 5 * 2_000 + 1_290 * 30_000) <= outcome.held_nanousd


async def test_a_chat_that_asks_for_an_image_is_served_by_an_image_model():
    async with answering(images_reply(2)) as upstream, serving(config((upstream, IMAGE_MODEL))) as gateway:
        answer = await ask(gateway.url, CHAT, {**ASK, "n": 2, "image_config": {"quality": "low"}})

    completion = ChatCompletion.model_validate(answer.json)
    images = completion.choices[0].message.model_extra["images"]
    assert [image["image_url"]["url"] for image in images] == [URL, URL]
    assert completion.usage.completion_tokens == 544
    (request,) = upstream.requests
    assert request.path == GENERATIONS.encode()
    assert json.loads(request.body) == {"model": "gpt-image-1", "prompt": "a siamese cat", "n": 2, "quality": "low"}
    (outcome,) = gateway.outcomes
    assert (outcome.usage.images, outcome.cost_nanousd) == (2, 10 * 5_000 + 544 * 40_000)
    assert outcome.cost_nanousd <= outcome.held_nanousd


@pytest.mark.parametrize("wants_usage", [False, True])
async def test_a_streamed_chat_gets_its_image_as_a_chunk(wants_usage):
    asked = {**ASK, "stream": True, **({"stream_options": {"include_usage": True}} if wants_usage else {})}
    async with answering(images_reply()) as upstream, serving(config((upstream, IMAGE_MODEL))) as gateway:
        answer = await ask(gateway.url, CHAT, asked)

    *chunks, done = answer.events
    assert done == b"[DONE]"
    read = [ChatCompletionChunk.model_validate_json(chunk) for chunk in chunks]
    (delta,) = [c.choices[0].delta for c in read if c.choices and "images" in (c.choices[0].delta.model_extra or {})]
    assert delta.model_extra["images"][0]["image_url"]["url"] == URL
    assert (delta.role, read[-1].usage is not None) == ("assistant", wants_usage)
    assert gateway.outcomes[0].cost_nanousd == 10 * 5_000 + 272 * 40_000


async def test_an_image_attached_to_a_chat_is_edited():
    parts = [{"type": "text", "text": "green"}, {"type": "image_url", "image_url": {"url": URL}}]
    asked = {**ASK, "messages": [{"role": "user", "content": parts}]}
    async with answering(images_reply()) as upstream, serving(config((upstream, IMAGE_MODEL))) as gateway:
        answer = await ask(gateway.url, CHAT, asked)

    assert answer.status == 200
    (request,) = upstream.requests
    assert request.path == EDITS.encode()
    assert PIXELS in request.body


async def test_when_the_chat_model_fails_an_image_model_draws_instead_and_the_other_way_round():
    failed = reply(b"{}", 500, JSON)
    for path, asked in ((GENERATIONS, DRAW), (CHAT, ASK)):
        async with (
            answering(failed) as first,
            answering(images_reply()) as second,
            serving(config((first, CHAT_MODEL), (second, IMAGE_MODEL))) as gateway,
        ):
            assert (await ask(gateway.url, path, asked)).status == 200
        async with (
            answering(failed) as first,
            answering(chat_reply()) as second,
            serving(config((first, IMAGE_MODEL), (second, CHAT_MODEL))) as gateway,
        ):
            assert (await ask(gateway.url, path, asked)).status == 200


TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
REFUSALS = [
    (CHAT, {**ASK, "tools": TOOLS}, IMAGE_MODEL, "tools", "can't do tools"),
    (CHAT, {**ASK, "modalities": ["text"]}, IMAGE_MODEL, "modalities", "would be served"),
    (CHAT, {**ASK, "image_config": {"quality": "hd"}}, IMAGE_MODEL, "image_config", "only high, low, medium"),
    (GENERATIONS, {**DRAW, "quality": "standard"}, IMAGE_MODEL, "quality", "only high, low, medium"),
    (GENERATIONS, {**DRAW, "size": "512x512"}, IMAGE_MODEL, "size", "only 1024x1024, 1536x1024"),
    (GENERATIONS, {**DRAW, "response_format": "url"}, IMAGE_MODEL, "response_format", "b64_json, or set server.media"),
    (GENERATIONS, {**DRAW, "response_format": "url"}, CHAT_MODEL, "response_format", "b64_json, or set server.media"),
    (GENERATIONS, {**DRAW, "background": "transparent"}, CHAT_MODEL, "background", "transparent_background"),
    (EDITS, {**DRAW, "images": [{"image_url": URL}], "mask": {"image_url": URL}}, CHAT_MODEL, "mask", "can't do mask"),
]


@pytest.mark.parametrize(("path", "asked", "what", "param", "words"), REFUSALS)
async def test_what_cannot_be_carried_is_refused_before_any_provider_is_asked(path, asked, what, param, words):
    async with answering(images_reply()) as upstream, serving(config((upstream, what))) as gateway:
        answer = await ask(gateway.url, path, asked)

    assert answer.status == 400
    assert answer.json["error"]["param"] == param
    assert words in answer.json["error"]["message"]
    assert upstream.requests == []


async def test_a_size_that_is_not_drawn_becomes_the_nearest_where_the_config_says_so():
    near = {**IMAGE_MODEL, "nearest_image_size": True}
    async with answering(images_reply()) as upstream, serving(config((upstream, near))) as gateway:
        answer = await ask(gateway.url, GENERATIONS, {**DRAW, "size": "1920x1080"})

    assert answer.status == 200
    assert json.loads(upstream.requests[0].body)["size"] == "1536x1024"


async def test_a_chat_on_an_image_model_is_held_at_what_its_images_may_cost():
    async with answering(images_reply()) as upstream:
        tight = config((upstream, IMAGE_MODEL))
        tight["global"] = {"budgets": [{"usd": 0.1, "per": "day"}]}
        async with serving(tight) as gateway:
            answer = await ask(gateway.url, CHAT, ASK)

    assert (answer.status, answer.code) == (429, "insufficient_quota")
    assert upstream.requests == []
