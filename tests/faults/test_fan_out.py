"""Several images from a model that makes one at a time: what goes upstream, what the client gets, what it costs."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from openai import AsyncOpenAI

from gateway.limits.base import Consumption
from tests.client import Client, ask
from tests.faults.scene import Faults
from tests.serving import serving
from tests.upstream import Loop, ScriptedUpstream, Send, Tell, Wait, read_request, reply

GENERATIONS = "/v1/images/generations"
JSON = b"content-type: application/json"
IMAGE_NANOUSD = 40_000_000
ASKED = {"model": "m", "prompt": "a sea", "n": 4, "size": "1024x1024", "quality": "standard"}
DALL_E_3 = {
    "price": {"per_image": {"standard/1024x1024": 0.04}},
    "capabilities": {"endpoints": ["images/generations"], "features": ["image_links"], "max_images": 1},
}
"""As the catalog has it: whoever has an address of his own sells at prices of his own."""
USAGE = {"prompt_tokens": 7, "completion_tokens": 100, "total_tokens": 107}


def picture(word: str = "cGljdHVyZQ==", created: int = 1) -> bytes:
    return reply(json.dumps({"created": created, "data": [{"b64_json": word}]}).encode(), 200, JSON)


def refusal(status: int, code: str) -> bytes:
    return reply(json.dumps({"error": {"message": f"no: {code}", "code": code}}).encode(), status, JSON)


def answers(data: bytes):
    return [Loop([read_request, Send(data)])]


def config(*urls: str, model: str = "dall-e-3", budget: float = 100, **target) -> dict:
    """The model ``m``, served by the providers ``a`` and ``b`` as DALL-E 3 unless ``target`` says otherwise."""
    names = "ab"[: len(urls)]
    return {
        "server": {"hold_wait_s": 0},
        "providers": {
            name: {"kind": "openai", "base_url": f"{url}/v1", "api_key": "sk-upstream", "limits": {"rpm": 100}}
            for name, url in zip(names, urls, strict=True)
        },
        "models": {"m": {"targets": [{"provider": name, "model": model, **DALL_E_3, **target} for name in names]}},
        "global": {
            "budgets": [{"usd": budget, "per": "day"}],
            "limits": {"concurrency": 10, "images_per_minute": 100, "rpm": 100},
        },
    }


@asynccontextmanager
async def gateway(*upstreams: ScriptedUpstream, **rest):
    async with serving(config(*(upstream.url for upstream in upstreams), **rest)) as found:
        yield Faults(found, [])


async def test_dall_e_3_is_asked_four_times_for_one():
    async with ScriptedUpstream(answers(picture())) as upstream, gateway(upstream) as found:
        answer = await ask(found.url, GENERATIONS, ASKED)
        levels = await found.levels()

    assert (answer.status, len(answer.json["data"])) == (200, 4)
    assert [json.loads(request.body)["n"] for request in upstream.requests] == [1, 1, 1, 1]
    assert len({request.connection for request in upstream.requests}) == 4, "side by side"
    (outcome,) = found.outcomes
    assert (outcome.usage.images, outcome.usage.requests) == (4, 4)
    assert outcome.cost_nanousd == outcome.held_nanousd == 4 * IMAGE_NANOUSD
    assert [attempt.error for attempt in outcome.attempts] == [None]
    assert answer.headers["x-sluice-attempts"] == "1"
    assert answer.headers["x-sluice-cost-usd"] == "0.16"
    assert levels["budget"].used == outcome.cost_nanousd
    assert (levels["images"].used, levels["requests"].used, levels["concurrency"].used) == (4, 1, 0)


async def test_each_request_counts_against_its_providers_rpm():
    async with ScriptedUpstream(answers(picture())) as upstream, gateway(upstream) as found:
        await ask(found.url, GENERATIONS, ASKED)
        (limit,) = found.gateway.app.parts.pipeline._admission.book.of_provider("a")
        (level,) = await found.gateway.store.levels([limit.claim(Consumption())])

    assert level.used == 4


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (refusal(500, "server_error"), "server_error"),
        (refusal(429, "rate_limit_exceeded"), "rate_limited"),
        (refusal(400, "content_policy_violation"), "content_filter"),
    ],
)
async def test_one_that_fails_is_told_and_not_charged(failure, code):
    scripts = [answers(picture()), answers(failure), answers(picture())]
    async with ScriptedUpstream(*scripts) as upstream, gateway(upstream) as found:
        answer = await ask(found.url, GENERATIONS, ASKED)
        levels = await found.levels()

    assert (answer.status, len(answer.json["data"]), len(upstream.requests)) == (200, 3, 4)
    assert (answer.json["sluice"]["requested"], answer.json["sluice"]["produced"]) == (4, 3)
    assert [error["code"] for error in answer.json["sluice"]["errors"]] == [code]
    (outcome,) = found.outcomes
    assert (outcome.cost_nanousd, outcome.error) == (3 * IMAGE_NANOUSD, None)
    assert levels["budget"].used == 3 * IMAGE_NANOUSD
    assert (levels["budget"].held, levels["images"].used) == (0, 3)


async def test_if_all_fail_the_next_provider_is_asked_for_all():
    async with (
        ScriptedUpstream(answers(refusal(500, "server_error"))) as broken,
        ScriptedUpstream(answers(picture())) as good,
        gateway(broken, good) as found,
    ):
        answer = await ask(found.url, GENERATIONS, ASKED)

    assert (len(broken.requests), len(good.requests)) == (4, 4)
    assert (answer.status, len(answer.json["data"])) == (200, 4)
    assert "sluice" not in answer.json
    (outcome,) = found.outcomes
    assert [attempt.error for attempt in outcome.attempts] == ["server_error", None]
    assert outcome.cost_nanousd == 4 * IMAGE_NANOUSD


async def test_a_group_is_one_trial_to_the_breaker():
    mixed = [answers(refusal(500, "server_error"))] * 3 + [answers(picture())]
    async with ScriptedUpstream(*mixed) as upstream, gateway(upstream) as found:
        answer = await ask(found.url, GENERATIONS, ASKED)
        assert found.gateway.breakers.state("a/dall-e-3") == "closed"
        assert found.gateway.vitals.reading("a/dall-e-3", False).success_rate == 1.0

    assert len(answer.json["data"]) == 1


async def test_a_budget_must_have_room_for_all_of_them():
    async with ScriptedUpstream(answers(picture())) as upstream, gateway(upstream, budget=0.159) as found:
        refused = await ask(found.url, GENERATIONS, ASKED)
        assert (refused.status, refused.code, upstream.requests) == (429, "insufficient_quota", [])
        passed = await ask(found.url, GENERATIONS, ASKED | {"n": 3})

    assert (passed.status, len(upstream.requests)) == (200, 3)


async def test_one_who_hangs_up_closes_all_of_them():
    began = [asyncio.Event() for _ in range(3)]
    scripts = [answers(picture())] + [[read_request, Tell(event), Wait(asyncio.Event())] for event in began]
    async with (
        ScriptedUpstream(*scripts) as upstream,
        gateway(upstream) as found,
        Client(found.url) as client,
    ):
        client.send(GENERATIONS, ASKED)
        for event in began:
            await asyncio.wait_for(event.wait(), 5)
        client.reset()
        for connection in upstream.connections:
            if connection.number:
                await asyncio.wait_for(connection.is_closed.wait(), 5)
        outcome = await found.outcome()
        levels = await found.levels()
        assert (levels["concurrency"].used, levels["budget"].held) == (0, 0)

    assert outcome.status == 499
    assert outcome.attempts[-1].error == "cancelled"
    assert outcome.cost_nanousd == outcome.held_nanousd, "they are made whether or not anyone waits"


async def test_the_deadline_of_the_call_is_that_of_all_its_parts():
    scripts = [answers(picture()), [read_request, Wait(asyncio.Event())]]
    async with (
        ScriptedUpstream(*scripts) as upstream,
        gateway(upstream, timeouts={"total": 0.3}) as found,
    ):
        answer = await ask(found.url, GENERATIONS, ASKED)
        for connection in upstream.connections[1:]:
            await asyncio.wait_for(connection.is_closed.wait(), 5)

    assert (answer.status, len(answer.json["data"])) == (200, 1)
    assert {error["code"] for error in answer.json["sluice"]["errors"]} == {"total_timeout"}


def drawn(text: str = "cGljdHVyZQ==") -> bytes:
    images = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{text}"}}]
    message = {"role": "assistant", "content": "Here.", "images": images}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return reply(json.dumps({"id": "x", "choices": [choice], "usage": USAGE}).encode(), 200, JSON)


DRAWS_IN_CHATS = {
    "price": {"input": 1, "output": 10, "image_output": 30},
    "capabilities": {"endpoints": ["chat/completions"], "features": ["image_output", "vision", "streaming"]},
}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_chat_model_is_asked_once_an_image_and_the_sdk_reads_the_reply(stream):
    scripts = [answers(drawn()), answers(refusal(500, "server_error")), answers(drawn())]
    async with (
        ScriptedUpstream(*scripts) as upstream,
        gateway(upstream, model="draws", **DRAWS_IN_CHATS) as found,
        AsyncOpenAI(base_url=found.base_url, api_key="sk-any", max_retries=0) as client,
    ):
        asked = await client.images.generate(model="m", prompt="a sea", n=3, stream=stream)
        if stream:
            events = [event async for event in asked]
            assert [event.type for event in events] == ["image_generation.completed"] * 2
            assert [event.usage.total_tokens for event in events] == [0, 2 * 107]
            report = events[-1].sluice
        else:
            assert [image.b64_json for image in asked.data] == ["cGljdHVyZQ=="] * 2
            assert asked.usage.total_tokens == 2 * 107
            report = asked.sluice
        outcome = await found.outcome()

    assert (report["requested"], report["produced"]) == (3, 2)
    assert len(upstream.requests) == 3
    assert all(request.path == b"/v1/chat/completions" for request in upstream.requests)
    assert all("stream" not in json.loads(request.body) for request in upstream.requests)
    assert (outcome.usage.images, outcome.usage.requests, outcome.usage.input) == (2, 2, 14)
    assert outcome.cost_nanousd <= outcome.held_nanousd


@pytest.mark.parametrize("stream", [False, True])
async def test_choices_of_a_chat_are_images_of_one_answer(stream):
    chat = {"model": "m", "messages": [{"role": "user", "content": "a sea"}], "n": 3, "modalities": ["image", "text"]}
    async with (
        ScriptedUpstream(answers(picture())) as upstream,
        gateway(upstream) as found,
        AsyncOpenAI(base_url=found.base_url, api_key="sk-any", max_retries=0) as client,
    ):
        asked = await client.chat.completions.create(**chat, stream=stream)
        if stream:
            chunks = [chunk async for chunk in asked]
            images = [
                image for chunk in chunks for each in chunk.choices for image in getattr(each.delta, "images", ())
            ]
        else:
            images = asked.choices[0].message.images
        outcome = await found.outcome()

    assert len(images) == 3
    assert [request.path for request in upstream.requests] == [b"/v1/images/generations"] * 3
    assert (outcome.usage.images, outcome.cost_nanousd) == (3, 3 * IMAGE_NANOUSD)
