"""What is read of each endpoint's body, as far as routing and limits need it."""

from __future__ import annotations

import io

import pytest

from gateway.core.body import FormBody, FormFile
from gateway.core.errors import InvalidRequest
from gateway.core.types import Endpoint, Feature
from gateway.edge.chat import chat_call
from gateway.edge.embeddings import embeddings_call
from gateway.edge.images import image_call
from tests.edge.asgi import asking, body

HELLO = [{"role": "user", "content": "hello"}]
IMAGE = {"type": "image_url", "image_url": {"url": "https://x/1.png"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}


def chat(**fields):
    return chat_call(asking(), body(**{"model": "m", "messages": HELLO, **fields}))


@pytest.mark.parametrize(
    ("fields", "feature"),
    [
        ({"tools": [TOOL]}, Feature.TOOLS),
        ({"functions": [{"name": "f"}]}, Feature.TOOLS),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}}, Feature.JSON_SCHEMA),
        ({"logprobs": True}, Feature.LOGPROBS),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, Feature.VISION),
        ({"modalities": ["text", "audio"]}, Feature.AUDIO),
        ({"stream": True}, Feature.STREAMING),
    ],
)
def test_a_chats_needs_are_seen(fields, feature):
    assert chat(**fields).needs.features == {feature}


@pytest.mark.parametrize("fields", [{}, {"tools": []}, {"tools": None}, {"logprobs": False}, {"stream": False}])
def test_a_plain_chat_needs_nothing(fields):
    assert chat(**fields).needs.features == frozenset()


def test_a_chats_size_is_measured():
    needs = chat(n=3, max_tokens=9, max_completion_tokens=7).needs

    assert (needs.choices, needs.output_tokens_max) == (3, 9), "whichever a provider heeds"
    assert chat(max_tokens=9).needs.output_tokens_max == 9
    assert 0 < needs.input_tokens < needs.input_tokens_max
    assert chat(tools=[TOOL]).needs.input_tokens_max > needs.input_tokens_max, "tools are read too"


def test_who_wants_the_usage_of_a_stream_is_known():
    assert chat(stream=True, stream_options={"include_usage": True}).wants_usage
    assert not chat(stream=True).wants_usage


def test_a_call_carries_who_asked_and_how():
    call = chat(user="u1", model="m:cost")

    assert (call.id, call.caller.key, call.user) == ("r1", "k", "u1")
    assert (call.model, call.wish.by) == ("m", "cost")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"model": "x" * 300}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": {}}, "messages"),
        ({"stream": "yes"}, "stream"),
        ({"n": 0}, "n"),
        ({"n": 1_000}, "n"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"stream_options": 1}, "stream_options"),
        ({"user": 1}, "user"),
    ],
)
def test_a_chats_mistakes_are_named(fields, param):
    with pytest.raises(InvalidRequest) as caught:
        chat(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize("given", ["text", ["texts", "many"], [1, 2, 3], [[1, 2], [3]]])
def test_embeddings_take_texts_and_tokens(given):
    call = embeddings_call(asking(), body(model="m", input=given))

    assert call.endpoint is Endpoint.EMBEDDINGS
    assert call.needs.input_tokens_max >= 1


def form(fields=(), files=("image",)):
    return FormBody(tuple(fields), tuple(FormFile(name, "a.png", "image/png", io.BytesIO(b"x"), 1) for name in files))


def test_a_generations_needs_are_read():
    call = image_call(
        Endpoint.IMAGE_GENERATIONS,
        asking(),
        body(model="m", prompt="a sea", n=2, size="1024x1536", quality="high", output_format="webp",
             background="transparent", stream=True, partial_images=2),
    )  # fmt: skip
    needs = call.needs

    assert (needs.images, needs.image_size, needs.image_quality, needs.image_format) == (2, "1024x1536", "high", "webp")
    assert (needs.partial_images, call.stream) == (2, True)
    assert needs.features == {Feature.TRANSPARENT, Feature.STREAMING}


def test_a_form_says_the_same_as_json():
    fields = [("model", "m"), ("prompt", "brighter"), ("n", "2"), ("size", "512x512"), ("stream", "true")]
    call = image_call(Endpoint.IMAGE_EDITS, asking(), form(fields, ("image[]", "image[]", "mask")))

    assert (call.needs.images, call.needs.input_images, call.stream) == (2, 2, True)
    assert Feature.MASK in call.needs.features


def test_partial_images_count_only_in_a_stream():
    plain = image_call(Endpoint.IMAGE_GENERATIONS, asking(), body(model="m", prompt="x", partial_images=2))

    assert plain.needs.partial_images == 0


def test_a_variation_needs_no_prompt_and_images_may_leave_the_model_out():
    call = image_call(Endpoint.IMAGE_VARIATIONS, asking(), form())

    assert call.model == "dall-e-2"


@pytest.mark.parametrize(
    ("endpoint", "given", "param"),
    [
        (Endpoint.IMAGE_GENERATIONS, body(model="m"), "prompt"),
        (Endpoint.IMAGE_EDITS, form([("prompt", "x")], ()), "image"),
        (Endpoint.IMAGE_EDITS, form([("prompt", "x"), ("n", "many")]), "n"),
        (Endpoint.IMAGE_EDITS, form([("prompt", "x"), ("n", "11")]), "n"),
        (Endpoint.IMAGE_EDITS, form([("prompt", "x"), ("stream", "maybe")]), "stream"),
        (Endpoint.IMAGE_VARIATIONS, form([], ("mask",)), "image"),
    ],
)
def test_an_image_requests_mistakes_are_named(endpoint, given, param):
    with pytest.raises(InvalidRequest) as caught:
        image_call(endpoint, asking(), given)
    assert caught.value.param == param
