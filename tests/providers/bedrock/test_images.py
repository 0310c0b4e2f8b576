"""Titan Image and Nova Canvas: what they are asked, and what the client gets."""

from __future__ import annotations

import base64
import io
import json

import pytest
from PIL import Image

from gateway.core.errors import InvalidRequest, Reason, UpstreamError
from gateway.core.types import Call, Endpoint, Feature, Needs
from gateway.core.usage import Usage
from tests.providers.bedrock.asking import CANVAS, DRAWS, HELLO, OK, PIXEL, bedrock, body_of, target
from tests.providers.calls import form_call, json_call

TITAN = "amazon.titan-image-generator-v2:0"
PNG = base64.b64decode(PIXEL)


def png(mode: str) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (64, 64)).save(out, "png")
    return out.getvalue()


def generation(prompt: str = "a cat", *, needs: Needs | None = None, **fields) -> Call:
    asked = needs or Needs(images=1)
    return json_call({"model": "m", "prompt": prompt, **fields}, Endpoint.IMAGE_GENERATIONS, needs=asked)


def form(endpoint: Endpoint, files: list[tuple[str, str, bytes]], **fields: str) -> Call:
    call = form_call([("model", "m"), *fields.items()], files, endpoint)
    return Call(id="call-1", endpoint=endpoint, model="m", caller=call.caller, body=call.body, needs=Needs(images=1))


def asked(call: Call, model: str = CANVAS) -> dict:
    request = bedrock().encode(call, target(model, capabilities=DRAWS))
    assert request.path.endswith(b"/invoke")
    return body_of(request)


def refused(call: Call) -> str | None:
    with pytest.raises(UpstreamError) as caught:
        asked(call)
    assert caught.value.reason is Reason.UNSUPPORTED
    return caught.value.param


@pytest.mark.parametrize("model", [CANVAS, TITAN])
def test_text_becomes_an_image(model):
    needs = Needs(images=2, image_size="1280x720", image_quality="premium")
    body = asked(generation(needs=needs, negative_prompt="dogs", seed=7, cfg_scale=6.5, user="me"), model)
    assert body == {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": "a cat", "negativeText": "dogs"},
        "imageGenerationConfig": {
            "numberOfImages": 2,
            "quality": "premium",
            "cfgScale": 6.5,
            "seed": 7,
            "width": 1280,
            "height": 720,
        },
    }


def test_what_is_left_open_is_the_service_s_to_choose():
    assert asked(generation())["imageGenerationConfig"] == {"numberOfImages": 1, "quality": "standard"}


def test_an_edit_with_a_mask_is_inpainting():
    mask = png("L")
    call = form(Endpoint.IMAGE_EDITS, [("image", "a.png", PNG), ("mask", "m.png", mask)], prompt="a hat")
    body = asked(call)
    assert body["taskType"] == "INPAINTING"
    assert body["inPaintingParams"] == {"text": "a hat", "image": PIXEL, "maskImage": base64.b64encode(mask).decode()}


def test_a_mask_may_be_described():
    call = form(Endpoint.IMAGE_EDITS, [("image", "a.png", PNG)], prompt="a hat", mask_prompt="the head")
    assert asked(call)["inPaintingParams"] == {"text": "a hat", "image": PIXEL, "maskPrompt": "the head"}


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_mask_by_transparency_is_refused(mode):
    files = [("image", "a.png", PNG), ("mask", "m.png", png(mode))]
    assert refused(form(Endpoint.IMAGE_EDITS, files, prompt="a hat")) == "mask"


def test_an_edit_without_a_mask_is_a_variation_by_the_prompt():
    call = form(Endpoint.IMAGE_EDITS, [("image[]", "a.png", PNG)] * 2, prompt="at night", similarity_strength="0.9")
    body = asked(call)
    assert body["taskType"] == "IMAGE_VARIATION"
    assert body["imageVariationParams"] == {"text": "at night", "images": [PIXEL] * 2, "similarityStrength": 0.9}


def test_a_variation_needs_no_words():
    body = asked(form(Endpoint.IMAGE_VARIATIONS, [("image", "a.png", PNG)]))
    assert body["imageVariationParams"] == {"images": [PIXEL]}


@pytest.mark.parametrize(
    ("needs", "fields", "param"),
    [
        (Needs(images=6), {}, "n"),
        (Needs(images=1, image_format="webp"), {}, "output_format"),
        (Needs(images=1), {"background": "transparent"}, "background"),
    ],
)
def test_what_they_cannot_do_is_refused(needs, fields, param):
    assert refused(generation(needs=needs, **fields)) == param


def test_images_are_sent_and_never_fetched():
    call = json_call(
        {"model": "m", "prompt": "a", "images": [{"image_url": "https://a.test/b.png"}]},
        Endpoint.IMAGE_EDITS,
        needs=Needs(images=1),
    )
    assert refused(call) == "image"


def test_another_maker_s_image_model_is_not_spoken_to():
    with pytest.raises(UpstreamError) as caught:
        asked(generation(), "stability.sd3-5-large-v1:0")
    assert caught.value.param == "model"


@pytest.mark.parametrize("fields", [{"seed": "x"}, {"cfg_scale": [1]}, {"negative_prompt": {}}])
def test_a_field_of_the_wrong_type_is_the_client_s_fault(fields):
    with pytest.raises(InvalidRequest):
        asked(generation(**fields))


def test_a_size_that_is_none_is_the_client_s_fault():
    with pytest.raises(InvalidRequest):
        asked(generation(needs=Needs(images=1, image_size="big")))


def read(call: Call, body: bytes):
    decoder = bedrock().decoder(call, target(CANVAS, capabilities=DRAWS), OK)
    found = decoder.decode(body)
    assert not decoder.finish()
    return found


def test_the_images_are_the_reply_and_each_is_counted():
    body = json.dumps({"images": [PIXEL, PIXEL], "error": None}).encode()
    (event,) = read(generation(), body)
    assert json.loads(event.data)["data"] == [{"b64_json": PIXEL}] * 2
    assert event.usage == Usage(images=2, image_line="standard/1024x1024")
    (event,) = read(generation(needs=Needs(images=2, image_quality="premium", image_size="2048x2048")), body)
    assert event.usage == Usage(images=2, image_line="premium/2048x2048")


def test_images_that_a_filter_held_back_are_neither_given_nor_counted():
    body = json.dumps({"images": [PIXEL], "error": "1 image was blocked by our content filters."}).encode()
    (event,) = read(generation(needs=Needs(images=2)), body)
    assert event.usage is not None
    assert event.usage.images == 1


def test_a_chat_that_asks_for_an_image_is_drawn_one():
    needs = Needs(features=frozenset({Feature.IMAGE_OUTPUT}), choices=1)
    call = json_call({"model": "m", "messages": [HELLO], "modalities": ["image"]}, needs=needs)
    assert asked(call)["textToImageParams"] == {"text": "Hello"}
    (event,) = read(call, json.dumps({"images": [PIXEL]}).encode())
    message = json.loads(event.data)["choices"][0]["message"]
    assert message["images"][0]["image_url"]["url"] == f"data:image/png;base64,{PIXEL}"


def test_a_streamed_chat_is_drawn_one_too():
    needs = Needs(features=frozenset({Feature.IMAGE_OUTPUT}))
    call = json_call({"model": "m", "messages": [HELLO], "modalities": ["image"]}, needs=needs, stream=True)
    assert asked(call)["taskType"] == "TEXT_IMAGE"
    data = b"".join(event.data for event in read(call, json.dumps({"images": [PIXEL]}).encode()))
    assert PIXEL.encode() in data
    assert data.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"images":null,"error":"This request has been blocked by our content filters."}', Reason.CONTENT_FILTER),
        (b'{"error":"the model failed"}', Reason.SERVER_ERROR),
        (b'{"images":[]}', Reason.UNREADABLE),
        (b"[]", Reason.UNREADABLE),
        (b'{"images":[1]}', Reason.UNREADABLE),
        (b"\xff", Reason.UNREADABLE),
    ],
)
def test_a_reply_without_images_is_an_error(body, reason):
    with pytest.raises(UpstreamError) as caught:
        read(generation(), body)
    assert caught.value.reason is reason
