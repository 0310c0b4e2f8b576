"""A chat that asks for an image, on an image model: its last words become a prompt, the pictures an answer."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart import parse_form

from gateway.core.errors import InvalidRequest, Reason, UpstreamError
from gateway.core.exchange import HttpHead
from gateway.core.types import Capabilities, Endpoint, Feature, Needs, Target
from gateway.providers import registry
from tests.clock import FrozenClock
from tests.providers.calls import account, json_call

GENERATIONS, EDITS = Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS
HEAD = HttpHead(200, ((b"content-type", b"application/json"),))
PIXELS = b"\x89PNG\r\n\x1a\n" + bytes(40)
PNG = base64.b64encode(PIXELS).decode()
URL = f"data:image/png;base64,{PNG}"


def model(*features: Feature, **rest: Any) -> Target:
    able = Capabilities(endpoints=frozenset({GENERATIONS, EDITS}), features=frozenset(features))
    return Target(id="openai/gpt-image-1", provider="openai", model="gpt-image-1", capabilities=able, **rest)


def user(text: str, *urls: str) -> dict[str, Any]:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"role": "user", "content": [{"type": "text", "text": text}, *parts] if urls else text}


def chat(*messages: dict[str, Any], stream: bool = False, images: int = 0, choices: int = 1, **fields: Any):
    body = {"model": "public", "messages": messages, "modalities": ["image", "text"], **fields}
    config = fields.get("image_config", {})
    needs = Needs(
        features=frozenset({Feature.IMAGE_OUTPUT}),
        input_images=images,
        choices=choices,
        image_size=config.get("size", "auto"),
        image_quality=config.get("quality", "auto"),
        image_format=config.get("output_format"),
    )
    return json_call(body, stream=stream, needs=needs, user=fields.get("user"))


def speak(kind: str = "openai"):
    return registry.dialect(account(kind), FrozenClock())


def sent(call, target=None, kind: str = "openai"):
    request = speak(kind).encode(call, target or model())
    body = b"".join(map(bytes, request.body))
    assert len(body) == request.body.length
    return request, body


def read(call, body: bytes, kind: str = "openai"):
    decoder = speak(kind).decoder(call, model(), HEAD)
    return [*decoder.decode(body), *decoder.finish()]


def reply(*data: dict[str, str], **rest: Any) -> bytes:
    usage = {"input_tokens": 76, "input_tokens_details": {"image_tokens": 64, "text_tokens": 12}, "output_tokens": 120}
    return json.dumps({"created": 1, "data": data or [{"b64_json": PNG}], "usage": usage, **rest}).encode()


def test_the_users_last_words_are_the_prompt_and_what_steers_words_is_left_out():
    turns = [{"role": "system", "content": "be brief"}, user("a dog"), {"role": "assistant", "content": "no"}]
    request, body = sent(chat(*turns, user("a cat"), temperature=0.3, max_tokens=9, user="u-1"))

    assert request.path == b"/v1/images/generations"
    assert json.loads(body) == {"model": "gpt-image-1", "prompt": "a cat", "user": "u-1"}


def test_choices_are_images_and_image_config_is_in_the_endpoints_own_words():
    config = {"size": "1536x1024", "quality": "high", "background": "transparent", "output_format": "webp"}
    _, body = sent(chat(user("a cat"), choices=3, image_config=config))

    assert json.loads(body) == {"model": "gpt-image-1", "prompt": "a cat", "n": 3, **config}


def test_an_aspect_ratio_is_not_a_size_and_is_said_to_be_none():
    with pytest.raises(UpstreamError, match="has no aspect_ratio: ask for a size") as raised:
        sent(chat(user("a cat"), image_config={"aspect_ratio": "3:2"}))

    assert (raised.value.reason, raised.value.param) == (Reason.UNSUPPORTED, "image_config")


def test_what_would_answer_with_a_link_is_told_not_to():
    _, body = sent(chat(user("a cat")), model(Feature.IMAGE_LINKS))

    assert json.loads(body)["response_format"] == "b64_json"


def form(request, body: bytes):
    fields, files = {}, []

    def on_file(file) -> None:
        file.file_object.seek(0)
        files.append((file.field_name.decode(), file.file_name.decode(), file.file_object.read()))

    headers = {
        "Content-Type": dict(request.headers)[b"content-type"],
        "Content-Length": str(len(body)).encode(),
    }
    chunks = [body]
    stream = type("Body", (), {"read": lambda _self, _size=-1: chunks.pop() if chunks else b""})()
    parse_form(headers, stream, lambda f: fields.update({f.field_name.decode(): f.value.decode()}), on_file)
    return fields, files


@pytest.mark.parametrize(("urls", "name"), [([URL], "image"), ([URL, URL], "image[]")])
def test_attached_images_are_edited_in_a_form_which_every_model_takes(urls, name):
    request, body = sent(chat(user("make it green", *urls), images=len(urls)))
    fields, files = form(request, body)

    assert request.path == b"/v1/images/edits"
    assert fields == {"model": "gpt-image-1", "prompt": "make it green"}
    assert files == [(name, f"image{index}.png", PIXELS) for index in range(len(urls))]


def test_the_last_images_before_are_edited_where_the_user_only_talks_on():
    drawn = {"role": "assistant", "content": None, "images": [{"type": "image_url", "image_url": {"url": URL}}]}
    request, body = sent(chat(user("a cat"), drawn, user("now green"), images=1))

    assert form(request, body)[1][0][2] == PIXELS


def test_an_image_at_an_address_is_edited_by_json_which_can_name_it():
    request, body = sent(chat(user("green", "https://example.test/a.png", URL), images=2))

    assert request.path == b"/v1/images/edits"
    assert json.loads(body) == {
        "model": "gpt-image-1",
        "prompt": "green",
        "images": [{"image_url": "https://example.test/a.png"}, {"image_url": URL}],
    }


def test_an_attached_image_that_is_no_base64_is_the_requests_fault():
    with pytest.raises(InvalidRequest) as raised:
        sent(chat(user("green", "data:image/png;base64,!!!"), images=1))

    assert raised.value.param == "messages"


def test_a_conversation_without_a_users_words_is_nothing_to_draw():
    with pytest.raises(UpstreamError) as raised:
        sent(chat({"role": "system", "content": "hi"}))

    assert raised.value.param == "messages"


def test_azure_is_asked_at_its_own_path():
    request, _ = sent(chat(user("a cat")), kind="azure")

    assert request.path.endswith(b"/openai/v1/images/generations")


def test_the_pictures_come_as_a_message():
    (event,) = read(chat(user("a cat")), reply(quality="low", size="1024x1024"))
    body = json.loads(event.data)
    (choice,) = body["choices"]

    assert body["object"] == "chat.completion"
    assert choice["message"]["images"][0]["image_url"]["url"] == URL
    assert choice["finish_reason"] == "stop"
    assert body["usage"]["completion_tokens_details"]["image_tokens"] == 120
    usage = event.usage
    assert (usage.input, usage.image_input, usage.image_output) == (12, 64, 120)
    assert (usage.images, usage.image_line) == (1, "low/1024x1024")


def test_a_client_that_streams_gets_chunks_and_the_first_says_what_it_costs():
    events = read(chat(user("a cat"), stream=True, choices=2), reply({"b64_json": PNG}, {"b64_json": PNG}))
    chunks = [line[6:] for event in events for line in event.data.decode().split("\n") if line.startswith("data: ")]
    images = [
        image
        for chunk in chunks[:-1]
        for choice in json.loads(chunk)["choices"]
        for image in choice["delta"].get("images", ())
    ]

    assert chunks[-1] == "[DONE]"
    assert [image["image_url"]["url"] for image in images] == [URL, URL]
    assert [image["index"] for image in images] == [0, 1]
    assert events[0].usage.images == 2
    assert b"images" in events[0].data
    assert any(event.finish == "stop" for event in events)


def test_a_picture_by_address_stays_an_address():
    (event,) = read(chat(user("a cat")), reply({"url": "https://example.test/1.jpeg", "mime_type": "image/jpeg"}))

    url = json.loads(event.data)["choices"][0]["message"]["images"][0]["image_url"]["url"]
    assert url == "https://example.test/1.jpeg"


@pytest.mark.parametrize(
    ("data", "type"),
    [
        ({"b64_json": base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(20)).decode()}, "image/jpeg"),
        ({"b64_json": base64.b64encode(b"RIFF0000WEBPVP8 ").decode()}, "image/webp"),
        ({"b64_json": "AAAA", "mime_type": "image/avif"}, "image/avif"),
        ({"b64_json": "AAAA"}, "image/png"),
    ],
)
def test_the_type_of_a_picture_is_read_from_its_first_bytes(data, type):
    (event,) = read(chat(user("a cat")), reply(data))

    url = json.loads(event.data)["choices"][0]["message"]["images"][0]["image_url"]["url"]
    assert url.startswith(f"data:{type};base64,")


def test_the_providers_own_bill_is_the_truth():
    (event,) = read(chat(user("a cat")), reply(usage={"cost_in_usd_ticks": 200_000_000}), kind="xai")

    assert event.usage.cost_nanousd == 20_000_000


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"data":[]}', Reason.UNREADABLE),
        (b'{"data":[{"b64_json":""}]}', Reason.UNREADABLE),
        (b'{"data":7}', Reason.UNREADABLE),
        (b'{"error":{"message":"no","code":"content_policy_violation"}}', Reason.CONTENT_FILTER),
        (b"null", Reason.UNREADABLE),
    ],
)
def test_a_reply_without_an_image_is_a_failure_that_says_why(body, reason):
    with pytest.raises(UpstreamError) as raised:
        read(chat(user("a cat")), body)

    assert raised.value.reason is reason


def test_a_body_that_never_came_is_a_failure():
    with pytest.raises(UpstreamError):
        speak().decoder(chat(user("a cat")), model(), HEAD).finish()


@given(
    st.dictionaries(
        st.sampled_from(["data", "usage", "error", "quality", "size"]),
        st.none() | st.integers() | st.text(max_size=4) | st.lists(st.none() | st.just({"b64_json": PNG}), max_size=2),
    ),
    st.booleans(),
)
def test_no_reply_however_odd_is_more_than_an_upstream_error(body, stream):
    with contextlib.suppress(UpstreamError):
        read(chat(user("a cat"), stream=stream), json.dumps(body).encode())
