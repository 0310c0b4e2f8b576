"""Images over a socket: generated, edited and varied, whole and streamed."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from gateway.simulator.png import png
from tests.openapi import needs_spec, validate_reply
from tests.simulator.sse import chunks, names

GENERATIONS, EDITS, VARIATIONS = (f"/v1/images/{name}" for name in ("generations", "edits", "variations"))
PICTURE = png(16, 16, 1)
WIDE = png(32, 16, 2)


def opened(data: str | bytes | None) -> Image.Image:
    assert data
    image = Image.open(io.BytesIO(base64.b64decode(data) if isinstance(data, str) else data))
    image.load()
    return image


@pytest.mark.parametrize(
    ("size", "expected"),
    [("auto", (1024, 1024)), ("1536x1024", (1536, 1024)), ("1024x1536", (1024, 1536)), ("7x5", (7, 5))],
)
@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
async def test_an_image_has_the_asked_size_and_format(
    sdk: openai.AsyncOpenAI, size: Any, expected: tuple[int, int], format: Any
) -> None:
    reply = await sdk.images.generate(model="gpt-image-1", prompt="a cat", size=size, output_format=format)
    assert reply.data is not None
    image = opened(reply.data[0].b64_json)
    assert (image.size, image.format) == (expected, format.upper())
    assert reply.output_format == format
    assert reply.size == f"{expected[0]}x{expected[1]}"


@pytest.mark.parametrize(
    ("quality", "size", "tokens"),
    [
        ("low", "1024x1024", 272),
        ("medium", "1024x1536", 1584),
        ("high", "1536x1024", 6208),
        ("auto", "auto", 4160),
        ("low", "512x512", 68),
    ],
)
async def test_usage_follows_quality_size_and_number(
    sdk: openai.AsyncOpenAI, quality: Any, size: Any, tokens: int
) -> None:
    reply = await sdk.images.generate(model="gpt-image-1", prompt="12345678", n=2, quality=quality, size=size)
    assert reply.data is not None
    assert len({entry.b64_json for entry in reply.data}) == 2
    assert reply.usage is not None
    assert reply.usage.output_tokens == 2 * tokens
    assert reply.usage.input_tokens == reply.usage.input_tokens_details.text_tokens == 2
    assert reply.usage.total_tokens == 2 * tokens + 2


async def test_what_was_left_open_is_told_as_chosen(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.images.generate(model="gpt-image-1", prompt="a cat")
    assert (reply.background, reply.quality, reply.output_format) == ("opaque", "high", "png")


@pytest.mark.parametrize("format", ["png", "webp"])
async def test_a_transparent_image_has_alpha(sdk: openai.AsyncOpenAI, format: Any) -> None:
    reply = await sdk.images.generate(
        model="gpt-image-1", prompt="a cat", size="1024x1024", background="transparent", output_format=format
    )
    assert reply.data is not None
    least, _ = opened(reply.data[0].b64_json).convert("RGBA").getchannel("A").getextrema()
    assert least == 0
    assert reply.background == "transparent"


async def test_dalle_gives_urls_that_lead_to_the_image(sdk: openai.AsyncOpenAI, http: httpx.AsyncClient) -> None:
    reply = await sdk.images.generate(model="dall-e-3", prompt="a cat", size="1792x1024")
    assert reply.data is not None
    assert reply.usage is None
    assert reply.data[0].b64_json is None
    assert reply.data[0].revised_prompt
    assert reply.data[0].url
    found = await http.get(reply.data[0].url)
    assert found.headers["content-type"] == "image/png"
    assert opened(found.content).size == (1792, 1024)


async def test_dalle_gives_bytes_to_whoever_asks(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.images.generate(model="dall-e-2", prompt="a cat", size="256x256", response_format="b64_json")
    assert reply.data is not None
    assert opened(reply.data[0].b64_json).size == (256, 256)


@pytest.mark.parametrize("format", ["jpeg", "webp"])
async def test_any_format_can_be_had_by_url(http: httpx.AsyncClient, format: str) -> None:
    body = {"model": "m", "prompt": "a cat", "size": "20x10", "response_format": "url", "output_format": format}
    url = (await http.post(GENERATIONS, json=body)).json()["data"][0]["url"]
    found = await http.get(url)
    assert found.headers["content-type"] == f"image/{format}"
    assert opened(found.content).size == (20, 10)


@pytest.mark.parametrize("name", ["nothing.png", "00000000-0x5.png", "00000000-9999x5.png", "00000000-5x5.gif"])
async def test_a_url_that_was_never_given_out_leads_nowhere(http: httpx.AsyncClient, name: str) -> None:
    assert (await http.get(f"/images/{name}")).status_code == 404


async def test_images_can_be_made_as_large_as_real_ones(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.images.generate(model="m?image_kb=1500", prompt="a cat", size="1024x1024")
    assert reply.data is not None
    data = base64.b64decode(reply.data[0].b64_json or "")
    assert len(data) == 1500 * 1024
    assert opened(data).size == (1024, 1024)


async def test_an_edit_counts_the_images_it_was_given(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.images.edit(
        model="gpt-image-1",
        prompt="1234",
        image=[("a.png", PICTURE, "image/png"), ("b.png", WIDE, "image/png")],
        mask=("mask.png", PICTURE, "image/png"),
        size="1024x1024",
        quality="low",
        n=2,
    )
    assert reply.data is not None
    assert [opened(entry.b64_json).size for entry in reply.data] == [(1024, 1024)] * 2
    assert reply.usage is not None
    # A square is one tile, one twice as wide is two.
    assert reply.usage.input_tokens_details.image_tokens == (65 + 129) + (65 + 2 * 129)
    assert reply.usage.output_tokens == 2 * 272


@pytest.mark.parametrize("field", ["image", "image[]"])
async def test_both_spellings_of_the_image_field_are_read(http: httpx.AsyncClient, field: str) -> None:
    files = [(field, ("a.png", PICTURE, "image/png"))]
    reply = await http.post(EDITS, data={"model": "m", "prompt": "x", "size": "8x8"}, files=files)
    assert reply.status_code == 200
    assert reply.json()["usage"]["input_tokens_details"]["image_tokens"] == 194


async def test_an_edit_can_come_as_json(http: httpx.AsyncClient) -> None:
    url = "data:image/png;base64," + base64.b64encode(WIDE).decode()
    images = [{"image_url": url}, {"file_id": "file-1"}, {"image_url": "https://example.com/a.png"}]
    reply = await http.post(EDITS, json={"model": "m", "prompt": "x", "images": images, "mask": {"file_id": "file-2"}})
    assert reply.json()["usage"]["input_tokens_details"]["image_tokens"] == (65 + 2 * 129) + 2 * 194


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the SDK's word on variations
async def test_a_variation_needs_no_prompt(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.images.create_variation(
        model="dall-e-2", image=("a.png", PICTURE, "image/png"), n=2, size="256x256", response_format="b64_json"
    )
    assert reply.data is not None
    assert [opened(entry.b64_json).size for entry in reply.data] == [(256, 256)] * 2


async def test_partial_images_come_before_the_completed_one(sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.images.generate(
        model="gpt-image-1", prompt="a cat", size="1024x1024", quality="low", stream=True, partial_images=2
    )
    async with stream:
        events = [event async for event in stream]
    assert [event.type for event in events] == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert [opened(event.b64_json).size for event in events] == [(1024, 1024)] * 3
    last = events[-1]
    assert last.type == "image_generation.completed"
    assert last.usage.output_tokens == 272 + 2 * 100


async def test_a_streamed_edit_names_its_events_after_itself(http: httpx.AsyncClient) -> None:
    form = {"model": "m", "prompt": "x", "stream": "true", "partial_images": "1", "size": "1024x1024"}
    reply = await http.post(EDITS, data=form, files={"image": ("a.png", PICTURE, "image/png")})
    assert names(reply.content) == ["image_edit.partial_image", "image_edit.completed"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x", "n": 0}, "n"),
        ({"prompt": "x", "n": 11}, "n"),
        ({"prompt": "x", "size": "huge"}, "size"),
        ({"prompt": "x", "size": "0x8"}, "size"),
        ({"prompt": "x", "size": "5000x8"}, "size"),
        ({"prompt": "x", "quality": "best"}, "quality"),
        ({"prompt": "x", "output_format": "gif"}, "output_format"),
        ({"prompt": "x", "background": "transparent", "output_format": "jpeg"}, "background"),
        ({"prompt": "x", "partial_images": 2}, "partial_images"),
        ({"prompt": "x", "stream": True, "partial_images": 4}, "partial_images"),
    ],
)
async def test_a_wrong_field_is_named(http: httpx.AsyncClient, body: dict[str, Any], param: str) -> None:
    reply = await http.post(GENERATIONS, json=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == param


async def test_an_edit_without_what_it_needs_is_refused(http: httpx.AsyncClient) -> None:
    file = {"image": ("a.png", PICTURE, "image/png")}
    without_prompt = await http.post(EDITS, data={"model": "m"}, files=file)
    assert without_prompt.json()["error"]["param"] == "prompt"
    without_image = await http.post(EDITS, data={"prompt": "x"}, files={"mask": ("a.png", PICTURE, "image/png")})
    assert without_image.json()["error"]["param"] == "image"
    empty = await http.post(EDITS, data={"prompt": "x"}, files={"image": ("a.png", b"", "image/png")})
    assert empty.json()["error"]["code"] == "invalid_image_file"
    two = await http.post(VARIATIONS, files=[("image", ("a.png", PICTURE)), ("image", ("b.png", PICTURE))])
    assert two.json()["error"]["param"] == "image"
    no_source = await http.post(EDITS, json={"prompt": "x", "images": [{}]})
    assert no_source.json()["error"]["param"] == "images[0]"
    no_base64 = await http.post(EDITS, json={"prompt": "x", "images": [{"image_url": "data:image/png;base64,a"}]})
    assert no_base64.json()["error"]["param"] == "images[0].image_url"


@needs_spec
async def test_replies_are_as_openai_documents_them(http: httpx.AsyncClient) -> None:
    body = {"model": "gpt-image-1", "prompt": "x", "quality": "low"}
    file = {"image": ("a.png", PICTURE, "image/png")}
    generated = await http.post(GENERATIONS, json=body)
    validate_reply(GENERATIONS, "post", generated.status_code, generated.content)
    by_url = await http.post(GENERATIONS, json={"model": "dall-e-3", "prompt": "x"})
    validate_reply(GENERATIONS, "post", by_url.status_code, by_url.content)
    edited = await http.post(EDITS, data=body, files=file)
    validate_reply(EDITS, "post", edited.status_code, edited.content)
    varied = await http.post(VARIATIONS, data={"model": "dall-e-2"}, files=file)
    validate_reply(VARIATIONS, "post", varied.status_code, varied.content)
    streamed = await http.post(GENERATIONS, json={**body, "stream": True, "partial_images": 1})
    for event in chunks(streamed.content):
        validate_reply(GENERATIONS, "post", 200, event, is_event=True)
    streamed = await http.post(EDITS, data={**body, "stream": "true", "partial_images": "1"}, files=file)
    for event in chunks(streamed.content):
        validate_reply(EDITS, "post", 200, event, is_event=True)
