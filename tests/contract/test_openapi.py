"""Every reply of the gateway against OpenAI's own OpenAPI document: whole, streamed, and errors."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from gateway.simulator.png import png
from tests.contract.sides import KEY, Side, side
from tests.openapi import needs_spec, validate_reply

pytestmark = needs_spec
CHAT, EMBEDDINGS, MODELS = "/v1/chat/completions", "/v1/embeddings", "/v1/models"
GENERATIONS, EDITS, VARIATIONS = (f"/v1/images/{name}" for name in ("generations", "edits", "variations"))
HELLO: Any = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "weather and population of Rome"}]}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": name, "parameters": CITY}} for name in ("weather", "population")]
IMAGE: Any = {"model": "gpt-image-1", "prompt": "a cat", "quality": "low", "size": "1024x1024"}
PICTURE = ("a.png", png(16, 16, 1), "image/png")
AS_JSON = {"image_url": "data:image/png;base64," + base64.b64encode(PICTURE[1]).decode()}
VARIANTS: Any = [
    {},
    {"n": 2},
    {"tools": TOOLS},
    {"logprobs": True, "top_logprobs": 2},
    {"max_completion_tokens": 3},
    {"response_format": {"type": "json_object"}},
    {"metadata": {"sim": "reasoning_tokens=5&cached_tokens=2"}},
    {"metadata": {"sim": "finish=content_filter"}},
]


def events(body: bytes) -> list[Any]:
    """The objects of a stream."""
    found = [line.removeprefix("data: ") for line in body.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(data) for data in found if data != "[DONE]"]


@pytest.fixture
async def http(gateway: Side) -> Any:
    async with gateway.plain() as client:
        yield client


@pytest.mark.parametrize("extra", VARIANTS)
async def test_whole_chats(http: httpx.AsyncClient, extra: dict[str, Any]) -> None:
    reply = await http.post(CHAT, json={**HELLO, **extra})
    assert reply.status_code == 200
    validate_reply(CHAT, "post", 200, reply.content)


@pytest.mark.parametrize("wants_usage", [False, True])
@pytest.mark.parametrize("extra", VARIANTS)
async def test_streamed_chats(http: httpx.AsyncClient, extra: dict[str, Any], wants_usage: bool) -> None:  # noqa: FBT001  pytest's
    options = {"stream_options": {"include_usage": True}} if wants_usage else {}
    reply = await http.post(CHAT, json={**HELLO, "stream": True, **options, **extra})
    chunks = events(reply.content)
    assert len(chunks) > 2
    for chunk in chunks:
        validate_reply(CHAT, "post", 200, chunk, is_event=True)


@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_embeddings(http: httpx.AsyncClient, encoding: str) -> None:
    body = {"model": "text-embedding-3-small", "input": ["one", "two"], "encoding_format": encoding, "dimensions": 4}
    reply = await http.post(EMBEDDINGS, json=body)
    assert reply.status_code == 200
    document = reply.json()
    if encoding == "base64":
        # The document knows embeddings as floats alone, though it documents the option.
        for entry in document["data"]:
            assert len(base64.b64decode(entry["embedding"])) == 16
            entry["embedding"] = [0.0] * 4
    validate_reply(EMBEDDINGS, "post", 200, document)


async def test_models(http: httpx.AsyncClient) -> None:
    validate_reply(MODELS, "get", 200, (await http.get(MODELS)).content)
    one = f"{MODELS}/gpt-5-mini"
    validate_reply(one, "get", 200, (await http.get(one)).content)


@pytest.mark.parametrize(
    "body", [IMAGE, {**IMAGE, "n": 2, "output_format": "webp"}, {"model": "dall-e-2", "prompt": "a", "size": "256x256"}]
)
async def test_generated_images(http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    reply = await http.post(GENERATIONS, json=body)
    assert reply.status_code == 200
    validate_reply(GENERATIONS, "post", 200, reply.content)


async def test_edited_images(http: httpx.AsyncClient) -> None:
    as_form = await http.post(EDITS, data=IMAGE, files=[("image[]", PICTURE), ("image[]", PICTURE), ("mask", PICTURE)])
    as_json = await http.post(EDITS, json={**IMAGE, "images": [AS_JSON], "mask": AS_JSON})
    for reply in (as_form, as_json):
        assert reply.status_code == 200
        validate_reply(EDITS, "post", 200, reply.content)


async def test_varied_images(http: httpx.AsyncClient) -> None:
    reply = await http.post(VARIATIONS, data={"model": "dall-e-2", "size": "256x256"}, files={"image": PICTURE})
    assert reply.status_code == 200
    validate_reply(VARIATIONS, "post", 200, reply.content)


async def test_streamed_images(http: httpx.AsyncClient) -> None:
    generated = await http.post(GENERATIONS, json={**IMAGE, "stream": True, "partial_images": 2})
    form = {**IMAGE, "stream": "true", "partial_images": "2"}
    edited = await http.post(EDITS, data=form, files={"image": PICTURE})
    for path, reply in ((GENERATIONS, generated), (EDITS, edited)):
        found = events(reply.content)
        assert len(found) == 3
        for event in found:
            validate_reply(path, "post", 200, event, is_event=True)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", CHAT, {}, 400),
        ("POST", CHAT, [], 400),
        ("POST", CHAT, {**HELLO, "n": "two"}, 400),
        ("POST", CHAT, {**HELLO, "temperature": 9}, 400),
        ("POST", CHAT, {**HELLO, "model": "gpt-nothing"}, 404),
        ("POST", CHAT, {**HELLO, "metadata": {"sim": "error=rate_limit&retry_after_s=1"}}, 429),
        ("POST", CHAT, {**HELLO, "metadata": {"sim": "status=500"}}, 502),
        ("POST", CHAT, {**HELLO, "metadata": {"sim": "body=null"}}, 502),
        ("POST", CHAT, {**HELLO, "stream": True, "metadata": {"sim": "error_after=0"}}, 502),
        ("POST", GENERATIONS, {"model": "gpt-image-1"}, 400),
        ("POST", EDITS, {"model": "gpt-image-1", "prompt": "a cat"}, 400),
        ("POST", VARIATIONS, {"model": "dall-e-2"}, 400),
        ("POST", EMBEDDINGS, {"model": "text-embedding-3-small"}, 400),
        ("GET", f"{MODELS}/gpt-nothing", None, 404),
        ("GET", CHAT, None, 405),
        ("DELETE", MODELS, None, 405),
        ("GET", "/v1/nothing", None, 404),
    ],
)
async def test_errors(http: httpx.AsyncClient, method: str, path: str, body: Any, status: int) -> None:
    reply = await http.request(method, path, json=body)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/json"
    validate_reply(path, method, status, reply.content)


async def test_errors_of_keys_and_limits() -> None:
    keys = [
        {"name": "poor", "key": KEY, "budgets": [{"usd": 0.000001, "per": "day"}]},
        {"name": "narrow", "key": "sk-narrow", "models": ["other-*"]},
    ]
    async with side("gateway", keys=keys) as served, served.plain() as http:
        for key, status in ((KEY, 429), ("sk-narrow", 403), ("sk-unknown", 401)):
            reply = await http.post(CHAT, json=HELLO, headers={"authorization": f"Bearer {key}"})
            assert reply.status_code == status
            validate_reply(CHAT, "post", status, reply.content)


async def test_a_stream_that_breaks_off_ends_with_the_error_object(http: httpx.AsyncClient) -> None:
    reply = await http.post(CHAT, json={**HELLO, "stream": True, "metadata": {"sim": "cut=4"}})
    assert reply.status_code == 200
    *chunks, error = events(reply.content)
    for chunk in chunks:
        validate_reply(CHAT, "post", 200, chunk, is_event=True)
    validate_reply(CHAT, "post", 500, error)
