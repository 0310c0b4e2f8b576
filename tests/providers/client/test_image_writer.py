"""Replies of the images endpoints, whatever drew them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import ImageEditCompletedEvent, ImageGenCompletedEvent, ImagesResponse

from gateway.core.errors import Reason, UpstreamError
from gateway.core.types import Endpoint
from gateway.core.usage import Usage
from gateway.providers.client.image_writer import ImageWriter
from tests.openapi import SPEC, validator
from tests.providers.calls import json_call

GENERATIONS, EDITS, VARIATIONS = Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS, Endpoint.IMAGE_VARIATIONS
USAGE = Usage(input=5, image_input=2, image_output=9, output=1)
lines = st.sampled_from(["auto/auto", "low/1024x1024", "hd/1792x1024", "standard/", "", "high/auto", "x"])
types = st.sampled_from(["image/png", "image/jpeg", "image/webp", "image/heic", ""])


def writer(endpoint=GENERATIONS, *, stream=False, line="low/1024x1024"):
    return ImageWriter(json_call({}, endpoint, stream=stream), created=1_760_000_000, image_line=line)


def drawn(making, *pictures, usage=USAGE):
    for type in pictures or ("image/png",):
        making.image(type, "QUJD")
    if usage is not None:
        making.usage(usage)
    making.finish("stop")
    making.close()
    return making.take()


def data_of(event):
    return json.loads(event.data.partition(b"data: ")[2] or event.data)


def test_a_whole_reply_has_its_pictures_in_base64_and_its_usage():
    (event,) = drawn(writer(), "image/png", "image/png")

    assert data_of(event) == {
        "created": 1_760_000_000,
        "data": [{"b64_json": "QUJD"}, {"b64_json": "QUJD"}],
        "size": "1024x1024",
        "quality": "low",
        "output_format": "png",
        "usage": {
            "input_tokens": 7,
            "output_tokens": 10,
            "total_tokens": 17,
            "input_tokens_details": {"text_tokens": 5, "image_tokens": 2},
            "output_tokens_details": {"text_tokens": 1, "image_tokens": 9},
        },
    }
    assert (event.usage.images, event.usage.image_line, event.finish) == (2, "low/1024x1024", "stop")


def test_pictures_that_nobody_counted_tokens_of_are_counted_as_pictures():
    (event,) = drawn(writer(), usage=None)

    assert "usage" not in data_of(event)
    assert event.usage == Usage(images=1, image_line="low/1024x1024")


def test_a_stream_has_an_event_for_each_picture_and_the_last_has_the_usage_of_all():
    first, last = drawn(writer(EDITS, stream=True), "image/png", "image/webp")

    assert first.data.startswith(b"event: image_edit.completed\ndata: {")
    assert data_of(first)["usage"]["total_tokens"] == 0
    assert first.usage is None
    assert data_of(last)["usage"]["total_tokens"] == 17
    assert data_of(last)["output_format"] == "webp"
    assert last.usage.images == 2


@given(types, lines, st.sampled_from([GENERATIONS, EDITS, VARIATIONS]))
def test_the_sdk_and_openais_schema_allow_all_that_is_written(type, line, endpoint):
    (whole,) = drawn(writer(endpoint, line=line), type)
    ImagesResponse.model_validate_json(whole.data, strict=True)
    (streamed,) = drawn(writer(endpoint, stream=True, line=line), type)
    kind = ImageGenCompletedEvent if endpoint is GENERATIONS else ImageEditCompletedEvent
    kind.model_validate_json(json.dumps(data_of(streamed)), strict=True)
    if SPEC.exists():
        validator("ImagesResponse").validate(data_of(whole))
        name = "ImageGenCompletedEvent" if endpoint is GENERATIONS else "ImageEditCompletedEvent"
        validator(name).validate(data_of(streamed))


@pytest.mark.parametrize(("finish", "reason"), [("content_filter", Reason.CONTENT_FILTER), ("stop", Reason.UNREADABLE)])
@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_without_a_picture_is_an_error_with_the_models_words(finish, reason, stream):
    making = writer(stream=stream)
    making.text("I would ")
    making.refusal("rather not. " + "x" * 1_000)
    making.finish(finish)
    with pytest.raises(UpstreamError, match="I would rather not") as caught:
        making.close()

    assert caught.value.reason is reason
    assert len(caught.value.message) < 400
    assert list(making.take()) == []


def test_what_an_images_reply_has_no_place_for_is_left_out():
    making = writer()
    making.begin(id="x", model="y")
    making.tool_call("", "f")
    making.arguments("{}")
    making.cite({})
    making.extra("google", {})
    (event,) = drawn(making)

    assert set(data_of(event)) == {"created", "data", "size", "quality", "output_format", "usage"}


def test_of_a_picture_by_address_no_format_is_claimed():
    making = writer()
    making.image_link("https://a.test/b")
    making.close()
    (event,) = making.take()

    assert data_of(event)["data"] == [{"url": "https://a.test/b"}]
    assert "output_format" not in data_of(event)
