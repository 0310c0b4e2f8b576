"""Images: by chat models that draw, and by Imagen."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from gateway.core.errors import InvalidRequest, Reason, UpstreamError
from gateway.core.types import Capabilities, Endpoint, Feature, Needs
from gateway.core.usage import Usage
from gateway.providers.client.image_request import pixels
from gateway.providers.gemini.sizes import SIZES, sizes_of
from tests.contract.dialects import gemini as chats
from tests.contract.dialects import imagen as drawings
from tests.providers.calls import form_call, json_call
from tests.providers.gemini.asked import JSON, candidate, drawn, gemini, image_call, replied, target

PNG = "iVBORw0KGgo="
IMAGEN = "imagen-4.0-generate-001"
FLASH = "gemini-2.5-flash-image"
DRAWN = {"inlineData": {"mimeType": "image/png", "data": PNG}}


def test_a_wish_for_an_image_is_a_chat_with_a_model_that_draws():
    sent = drawn(FLASH)
    chats.conforms(json.dumps(sent).encode())
    assert sent == {
        "contents": [{"role": "user", "parts": [{"text": "a leaf"}]}],
        "generationConfig": {"responseModalities": ["IMAGE"]},
    }


@pytest.mark.parametrize(
    ("model", "size", "config"),
    [
        (FLASH, "832x1248", {"aspectRatio": "2:3"}),
        ("gemini-3-pro-image-preview", "2752x1536", {"aspectRatio": "16:9", "imageSize": "2K"}),
        ("gemini-3.1-flash-image", "512x512", {"aspectRatio": "1:1", "imageSize": "512"}),
        ("gemini-3.1-flash-lite-image", "1024x1024", {"aspectRatio": "1:1"}),
        ("gemini-9-image", "4096x4096", {"aspectRatio": "1:1", "imageSize": "4K"}),
    ],
)
def test_an_exact_size_is_a_ratio_and_a_step(model, size, config):
    assert drawn(model, image_size=size)["generationConfig"]["imageConfig"] == config


def test_another_size_is_the_nearest_ratio_only_where_the_config_allows_it():
    with pytest.raises(UpstreamError) as caught:
        drawn(FLASH, image_size="1024x1536")
    assert (caught.value.reason, caught.value.param) == (Reason.UNSUPPORTED, "size")
    near = drawn(FLASH, nearest=True, image_size="1024x1536")
    assert near["generationConfig"]["imageConfig"] == {"aspectRatio": "2:3"}


@pytest.mark.parametrize("model", SIZES)
def test_a_size_is_nearly_of_its_ratio_and_stands_for_one_shape(model):
    for size, shape in SIZES[model].items():
        width, height = pixels(size)
        wide, high = map(int, shape.ratio.split(":"))
        assert width / height == pytest.approx(wide / high, rel=0.08)
    shapes = list(SIZES[model].values())
    assert len({(shape.ratio, shape.step) for shape in shapes}) == len(shapes)


def test_the_catalog_names_no_size_that_is_not_drawn():
    entries = json.loads((Path(__file__).parents[3] / "gateway/catalog/images.json").read_text())["families"]
    named = {
        name: entry.get("sizes", []) for entry in entries for name in entry["names"] if "google" in entry["sold_by"]
    }
    assert named
    for name, sizes in named.items():
        assert set(sizes) <= set(sizes_of(name)), name


def test_pictures_to_be_edited_go_before_the_prompt():
    call = form_call(
        [("prompt", "redder")], [("image[]", "a.png", b"a"), ("image[]", "b.png", b"b")], Endpoint.IMAGE_EDITS
    )
    sent = b"".join(bytes(piece) for piece in gemini().encode(call, target(FLASH)).body)
    chats.conforms(sent)
    parts = json.loads(sent)["contents"][0]["parts"]
    assert [base64.b64decode(part["inlineData"]["data"]) for part in parts[:2]] == [b"a", b"b"]
    assert parts[2] == {"text": "redder"}


@pytest.mark.parametrize(
    ("asked", "needs", "param"),
    [
        ({"background": "transparent"}, {}, "background"),
        ({}, {"images": 2}, "n"),
        ({}, {"image_format": "webp"}, "output_format"),
    ],
)
def test_what_gemini_can_not_draw_is_left_to_others(asked, needs, param):
    with pytest.raises(UpstreamError) as caught:
        drawn(FLASH, asked, **needs)
    assert (caught.value.reason, caught.value.param) == (Reason.UNSUPPORTED, param)


def test_vertex_chooses_the_format():
    sent = drawn(FLASH, {"output_compression": 80}, "vertex", image_format="jpeg")
    chats.conforms(json.dumps(sent).encode())
    assert sent["generationConfig"]["imageConfig"]["imageOutputOptions"] == {
        "mimeType": "image/jpeg",
        "compressionQuality": 80,
    }


def test_pictures_of_a_chat_answer_an_images_request():
    usage = {
        "promptTokenCount": 4,
        "candidatesTokenCount": 1_290,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1_290}],
    }
    reply = {"candidates": candidate({"text": "Here"}, DRAWN, finish="STOP"), "usageMetadata": usage}
    event, whole = replied(reply, call=image_call({}), model=FLASH)
    assert whole["data"] == [{"b64_json": PNG}]
    assert event.usage == Usage(input=4, image_output=1_290, images=1, image_line="auto/auto")


def test_a_stream_of_images_is_asked_for_whole():
    call = json_call({"prompt": "a leaf"}, Endpoint.IMAGE_GENERATIONS, needs=Needs(images=1), stream=True)
    assert gemini().encode(call, target(FLASH)).path.endswith(b":generateContent")
    decoder = gemini().decoder(call, target(FLASH), JSON)
    (event,) = decoder.decode(json.dumps({"candidates": candidate(DRAWN, finish="STOP")}).encode())
    assert event.data.startswith(b"event: image_generation.completed\n")


@pytest.mark.parametrize(
    "reply",
    [
        {"candidates": candidate(finish="IMAGE_SAFETY", finishMessage="No such leaf.")},
        {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "No such leaf."}},
    ],
)
def test_a_picture_that_was_refused_is_a_content_filters_error(reply):
    with pytest.raises(UpstreamError) as caught:
        replied(reply, call=image_call({}), model=FLASH)
    assert caught.value.reason is Reason.CONTENT_FILTER
    assert "No such leaf." in caught.value.message


def test_variations_have_no_counterpart():
    call = form_call([], [("image", "a.png", b"a")], Endpoint.IMAGE_VARIATIONS)
    with pytest.raises(UpstreamError) as caught:
        gemini().encode(call, target(FLASH))
    assert caught.value.reason is Reason.UNSUPPORTED


# Imagen.


def test_imagen_is_asked_to_predict():
    sent = gemini().encode(image_call({}), target(IMAGEN))
    assert sent.path == f"/v1beta/models/{IMAGEN}:predict".encode()
    asked = drawn(IMAGEN, {"output_compression": 70}, image_size="2816x1536", image_format="jpeg", images=3)
    drawings.conforms(json.dumps(asked).encode())
    assert asked == {
        "instances": [{"prompt": "a leaf"}],
        "parameters": {
            "sampleCount": 3,
            "aspectRatio": "16:9",
            "sampleImageSize": "2K",
            "outputOptions": {"mimeType": "image/jpeg", "compressionQuality": 70},
        },
    }


def test_googles_own_fields_reach_imagen_as_an_image_config():
    sent = drawn(IMAGEN, {"google": {"image_config": {"personGeneration": "ALLOW_NONE"}}})
    assert sent["parameters"] == {"personGeneration": "ALLOW_NONE", "sampleCount": 1}


def test_pictures_can_not_go_where_nobody_counts_them():
    with pytest.raises(InvalidRequest):
        drawn(IMAGEN, {"google": {"image_config": {"storageUri": "gs://elsewhere"}}})


def test_a_model_whose_name_tells_nothing_predicts_where_its_endpoint_is_images():
    can = Capabilities(endpoints=frozenset({Endpoint.IMAGE_GENERATIONS}))
    assert gemini().encode(image_call({}), target("mine", capabilities=can)).path.endswith(b"mine:predict")
    draws = Capabilities(
        endpoints=frozenset({Endpoint.CHAT}), features=frozenset({Feature.IMAGE_OUTPUT, Feature.VISION})
    )
    assert gemini().encode(image_call({}), target("mine", capabilities=draws)).path.endswith(b"mine:generateContent")


@pytest.mark.parametrize(
    ("needs", "param"),
    [({"images": 5}, "n"), ({"image_format": "webp"}, "output_format"), ({"image_size": "1x1"}, "size")],
)
def test_what_imagen_can_not_draw_is_left_to_others(needs, param):
    with pytest.raises(UpstreamError) as caught:
        drawn(IMAGEN, **needs)
    assert (caught.value.reason, caught.value.param) == (Reason.UNSUPPORTED, param)


def test_imagen_edits_nothing():
    call = form_call([("prompt", "redder")], [("image", "a.png", b"a")], Endpoint.IMAGE_EDITS)
    with pytest.raises(UpstreamError) as caught:
        gemini().encode(call, target(IMAGEN))
    assert caught.value.param == "image"


def test_imagens_pictures_are_counted_and_the_filtered_ones_are_not():
    predictions = [{"bytesBase64Encoded": PNG, "mimeType": "image/png"}, {"raiFilteredReason": "no"}]
    event, whole = replied({"predictions": predictions}, call=image_call({}), model=IMAGEN)
    assert whole["data"] == [{"b64_json": PNG}]
    assert (event.usage.images, event.usage.total) == (1, 0)


@pytest.mark.parametrize(("reply", "words"), [({}, "filtered"), ({"predictions": [{"raiFilteredReason": "58"}]}, "58")])
def test_imagen_that_draws_nothing_has_filtered_it(reply, words):
    with pytest.raises(UpstreamError) as caught:
        replied(reply, call=image_call({}), model=IMAGEN)
    assert caught.value.reason is Reason.CONTENT_FILTER
    assert words in caught.value.message


def test_a_chat_may_ask_imagen_for_an_image():
    asked = {"messages": [{"role": "user", "content": "a leaf"}], "modalities": ["image"], "stream": True}
    call = json_call(asked, stream=True)
    sent = gemini().encode(call, target(IMAGEN))
    assert sent.path.endswith(b":predict")
    decoder = gemini().decoder(call, target(IMAGEN), JSON)
    events = decoder.decode(
        json.dumps({"predictions": [{"bytesBase64Encoded": PNG, "mimeType": "image/png"}]}).encode()
    )
    assert b'"images":[{"type":"image_url"' in events[0].data
    assert events[-1].data == b"data: [DONE]\n\n"


@pytest.mark.parametrize("reply", [b"", b"[]", b'{"predictions": {}}', b'{"error": {"code": 500, "message": "x"}}'])
def test_what_is_no_prediction_is_an_error(reply):
    decoder = gemini().decoder(image_call({}), target(IMAGEN), JSON)
    with pytest.raises(UpstreamError):
        decoder.decode(reply)
