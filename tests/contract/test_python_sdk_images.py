"""Images through the official Python SDK: the same checks against a provider and against Sluice in front of it."""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Any

import openai
import pytest
from PIL import Image

from gateway.simulator.png import png
from tests.contract.sides import Side

MODEL = "gpt-image-1"
SMALL: Any = {"size": "16x8", "quality": "low"}
PICTURE = ("a.png", png(16, 16, 1), "image/png")
WIDE = ("b.png", png(32, 16, 2), "image/png")
MASK = ("mask.png", png(16, 16, 3, is_transparent=True), "image/png")
deprecated = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the SDK's word on variations


def size_of(data: bytes | str | None) -> tuple[int, int]:
    assert data
    with Image.open(io.BytesIO(base64.b64decode(data) if isinstance(data, str) else data)) as image:
        image.load()
        return image.size


async def test_images_come_as_base64(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.images.generate(model=MODEL, prompt="a cat", n=2, **SMALL)
    assert [size_of(image.b64_json) for image in reply.data or ()] == [(16, 8)] * 2
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens


async def test_images_come_as_urls_that_lead_to_them(side: Side, sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.images.generate(model="dall-e-2", prompt="a cat", size="256x256")
    assert reply.data is not None
    url = reply.data[0].url
    assert url
    async with side.plain() as http:
        assert size_of((await http.get(url)).content) == (256, 256)


async def test_base64_can_be_asked_for(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.images.generate(model="dall-e-2", prompt="a cat", size="256x256", response_format="b64_json")
    assert [size_of(image.b64_json) for image in reply.data or ()] == [(256, 256)]


async def test_background_and_format_reach_the_provider(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.images.generate(
        model=MODEL, prompt="a cat", background="transparent", output_format="webp", output_compression=40, **SMALL
    )
    assert (reply.background, reply.output_format, reply.quality) == ("transparent", "webp", "low")


async def test_one_image_is_edited(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.images.edit(model=MODEL, prompt="1234", image=PICTURE, **SMALL)
    assert [size_of(image.b64_json) for image in reply.data or ()] == [(16, 8)]
    assert reply.usage is not None
    assert reply.usage.input_tokens_details.image_tokens == 65 + 129


async def test_several_images_are_edited_with_a_mask(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.images.edit(model=MODEL, prompt="1234", image=[PICTURE, WIDE], mask=MASK, n=2, **SMALL)
    assert len(reply.data or ()) == 2
    assert reply.usage is not None
    # A square is one tile, one twice as wide is two: both files came through whole.
    assert reply.usage.input_tokens_details.image_tokens == (65 + 129) + (65 + 2 * 129)


async def test_an_open_file_is_uploaded(sdk: openai.AsyncOpenAI, tmp_path: Any) -> None:
    path = tmp_path / "wide.png"
    path.write_bytes(WIDE[1])
    reply = await sdk.images.edit(model=MODEL, prompt="1234", image=path, **SMALL)
    assert reply.usage is not None
    assert reply.usage.input_tokens_details.image_tokens == 65 + 2 * 129


@deprecated
async def test_variations_are_made_of_an_image(sdk: openai.AsyncOpenAI) -> None:
    reply = await sdk.images.create_variation(
        model="dall-e-2", image=PICTURE, n=2, size="256x256", response_format="b64_json"
    )
    assert [size_of(image.b64_json) for image in reply.data or ()] == [(256, 256)] * 2


@deprecated
async def test_the_model_of_a_variation_may_be_left_out(sdk: openai.AsyncOpenAI, side: Side) -> None:
    reply = await sdk.images.create_variation(image=PICTURE, size="256x256", response_format="b64_json")
    assert [size_of(image.b64_json) for image in reply.data or ()] == [(256, 256)]
    if side.is_gateway:
        assert side.outcomes[-1].model == "dall-e-2"


async def test_partial_images_come_before_the_completed_one(sdk: openai.AsyncOpenAI) -> None:
    async with await sdk.images.generate(model=MODEL, prompt="a cat", stream=True, partial_images=2, **SMALL) as stream:
        events = [event async for event in stream]
    assert [event.type for event in events] == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert [size_of(event.b64_json) for event in events] == [(16, 8)] * 3
    last = events[-1]
    assert last.type == "image_generation.completed"
    assert last.usage.output_tokens > 200


async def test_an_edit_is_streamed(sdk: openai.AsyncOpenAI) -> None:
    async with await sdk.images.edit(
        model=MODEL, prompt="a cat", image=[PICTURE, WIDE], mask=MASK, stream=True, partial_images=1, **SMALL
    ) as stream:
        events = [event async for event in stream]
    assert [event.type for event in events] == ["image_edit.partial_image", "image_edit.completed"]
    last = events[-1]
    assert last.type == "image_edit.completed"
    assert last.usage.input_tokens_details.image_tokens == (65 + 129) + (65 + 2 * 129)


async def test_a_large_image_passes_whole(sdk: openai.AsyncOpenAI) -> None:
    large = ("large.png", png(64, 64, 4, least_bytes=3_000_000), "image/png")
    reply = await sdk.images.edit(model=MODEL, prompt="1234", image=large, **SMALL)
    assert reply.usage is not None
    assert reply.usage.input_tokens_details.image_tokens == 65 + 129


@deprecated
async def test_the_blocking_client_gets_the_same(side: Side) -> None:
    def story() -> list[list[tuple[int, int]]]:
        with side.blocking_client() as client:
            made = client.images.generate(model=MODEL, prompt="a cat", **SMALL)
            edited = client.images.edit(model=MODEL, prompt="a cat", image=[PICTURE, WIDE], mask=MASK, **SMALL)
            varied = client.images.create_variation(
                model="dall-e-2", image=PICTURE, size="256x256", response_format="b64_json"
            )
            return [[size_of(image.b64_json) for image in reply.data or ()] for reply in (made, edited, varied)]

    assert await asyncio.to_thread(story) == [[(16, 8)], [(16, 8)], [(256, 256)]]


async def test_the_gateway_counts_what_was_made(gateway: Side) -> None:
    async with gateway.client() as sdk:
        await sdk.images.generate(model="dall-e-2", prompt="a cat", n=3, size="256x256")
        raw = await sdk.images.with_raw_response.generate(model=MODEL, prompt="1234", n=2, **SMALL)
        async with await sdk.images.generate(model=MODEL, prompt="1234", stream=True, **SMALL) as stream:
            async for _ in stream:
                pass
    await gateway.serving.until(lambda: len(gateway.outcomes) == 3)  # type: ignore[union-attr]
    by_piece, by_token, streamed = gateway.outcomes
    assert (by_piece.usage.images, by_piece.cost_nanousd) == (3, 60_000_000)
    usage = raw.parse().usage
    assert usage is not None
    # USD 1 a million text tokens in, 4 a million image tokens out.
    assert by_token.cost_nanousd == usage.input_tokens * 1_000 + usage.output_tokens * 4_000
    assert raw.headers["x-sluice-cost-usd"] == f"{by_token.cost_nanousd / 1e9:.9f}".rstrip("0")
    assert (by_token.usage.images, streamed.usage.images) == (2, 1)
    assert streamed.cost_nanousd * 2 == by_token.cost_nanousd + 1_000
    assert streamed.is_usage_official
