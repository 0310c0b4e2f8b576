"""Images of a chat model that draws: the request becomes a chat, its pictures the reply's data."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpHead
from gateway.core.types import Capabilities, Endpoint, Feature, Needs, Target
from gateway.providers import registry
from tests.clock import FrozenClock
from tests.providers.calls import account, form_call, json_call

GENERATIONS, EDITS = Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS
HEAD = HttpHead(200, ((b"content-type", b"application/json"),))
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
URL = f"data:image/png;base64,{PNG}"
TARGET = Target(
    id="openai/gpt-5-image-mini",
    provider="openai",
    model="gpt-5-image-mini",
    capabilities=Capabilities(
        endpoints=frozenset({Endpoint.CHAT}),
        features=frozenset({Feature.IMAGE_OUTPUT, Feature.VISION}),
        image_sizes=frozenset({"1024x1024", "1536x1024"}),
    ),
    nearest_image_size=True,
)


def speak(kind: str = "openai"):
    return registry.dialect(account(kind), FrozenClock())


def asked(body: dict[str, Any], endpoint=GENERATIONS, *, stream: bool = False, **needs: Any):
    needs.setdefault("images", 1)
    return json_call({"model": "public", **body}, endpoint, stream=stream, needs=Needs(**needs), user=body.get("user"))


def sent(call, target=TARGET) -> tuple[bytes, dict[str, Any]]:
    request = speak().encode(call, target)
    body = b"".join(map(bytes, request.body))
    assert len(body) == request.body.length
    assert dict(request.headers)[b"content-type"] == b"application/json"
    return request.path, json.loads(body)


def reply(*urls: str, **rest: Any) -> bytes:
    images = [{"type": "image_url", "image_url": {"url": url}, "index": i} for i, url in enumerate(urls)]
    message = {"role": "assistant", "content": "Here you are.", "images": images, **rest.pop("message", {})}
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 1_310,
        "total_tokens": 1_319,
        "completion_tokens_details": {"image_tokens": 1_290},
    }
    choice = {"index": 0, "message": message, "finish_reason": rest.pop("finish_reason", "stop")}
    return json.dumps({"id": "gen-1", "choices": [choice], "usage": usage, **rest}).encode()


def read(call, body: bytes, kind: str = "openai"):
    decoder = speak(kind).decoder(call, TARGET, HEAD)
    assert decoder.framing == "whole"
    return [*decoder.decode(body), *decoder.finish()]


def test_a_prompt_becomes_a_users_message_that_asks_for_an_image():
    path, body = sent(asked({"prompt": "a siamese cat", "user": "u-1"}))

    assert path == b"/v1/chat/completions"
    assert body == {
        "model": "gpt-5-image-mini",
        "messages": [{"role": "user", "content": "a siamese cat"}],
        "modalities": ["image", "text"],
        "user": "u-1",
    }


def test_how_it_is_to_be_drawn_goes_along_and_what_is_left_open_does_not():
    fields = {"prompt": "a cat", "background": "opaque", "output_compression": 70, "output_format": "webp"}
    _, body = sent(asked(fields, image_size="1024x1024", image_quality="low", image_format="webp"))

    assert body["image_config"] == {
        "size": "1024x1024",
        "quality": "low",
        "background": "opaque",
        "output_format": "webp",
        "output_compression": 70,
    }


def test_the_nearest_size_is_asked_for():
    _, body = sent(asked({"prompt": "a cat"}, image_size="1792x1024"))

    assert body["image_config"] == {"size": "1536x1024"}


@pytest.mark.parametrize("url", [URL, "https://example.test/cat.png"])
def test_images_to_edit_are_parts_of_the_message(url):
    _, body = sent(asked({"prompt": "green", "images": [{"image_url": url}]}, EDITS, input_images=1))

    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "green"},
        {"type": "image_url", "image_url": {"url": url}},
    ]


def test_files_of_a_form_are_parts_of_the_message():
    files = [("image[]", "a.png", b"\x89PNG\r\n\x1a\na"), ("image[]", "b.png", b"\x89PNG\r\n\x1a\nb")]
    call = form_call([("model", "public"), ("prompt", "green")], files, EDITS)

    _, body = sent(call)

    urls = [part["image_url"]["url"] for part in body["messages"][0]["content"][1:]]
    assert [base64.b64decode(url.partition(",")[2]) for url in urls] == [data for _, _, data in files]
    assert all(url.startswith("data:image/png;base64,") for url in urls)


@pytest.mark.parametrize(
    ("fields", "needs", "param"),
    [({"mask": {"image_url": URL}, "images": [{"image_url": URL}]}, {}, "mask"), ({}, {"images": 2}, "n")],
)
def test_what_a_chat_cannot_say_is_not_sent(fields, needs, param):
    with pytest.raises(UpstreamError) as raised:
        sent(asked({"prompt": "a cat", **fields}, EDITS if fields else GENERATIONS, **needs))

    assert (raised.value.reason, raised.value.param) == (Reason.UNSUPPORTED, param)


def test_the_pictures_are_the_reply_and_the_words_beside_them_are_not_told():
    (event,) = read(asked({"prompt": "a cat"}, image_quality="low", image_size="1024x1024"), reply(URL))
    body = json.loads(event.data)

    assert body["data"] == [{"b64_json": PNG}]
    assert (body["quality"], body["size"], body["output_format"]) == ("low", "1024x1024", "png")
    assert b"Here you are" not in event.data
    usage = event.usage
    assert (usage.input, usage.output, usage.image_output, usage.images) == (9, 20, 1_290, 1)
    assert usage.image_line == "low/1024x1024"
    assert body["usage"]["output_tokens_details"] == {"text_tokens": 20, "image_tokens": 1_290}


def test_a_client_that_streams_gets_the_finished_image_as_an_event():
    (event,) = read(asked({"prompt": "a cat"}, stream=True), reply(URL))
    name, data = event.data.decode().rstrip().split("\n")

    assert name == "event: image_generation.completed"
    assert json.loads(data.removeprefix("data: "))["b64_json"] == PNG
    assert event.usage.images == 1


def test_pictures_among_the_parts_of_the_content_are_found_too():
    parts = [{"type": "text", "text": "here"}, {"type": "image_url", "image_url": {"url": URL}}]
    (event,) = read(asked({"prompt": "a cat"}), reply(message={"content": parts, "images": None}))

    assert json.loads(event.data)["data"] == [{"b64_json": PNG}]


def test_a_picture_by_address_is_told_as_one():
    (event,) = read(asked({"prompt": "a cat"}), reply("https://example.test/1.png"))

    assert json.loads(event.data)["data"] == [{"url": "https://example.test/1.png"}]


def test_the_providers_own_bill_is_the_truth():
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "cost": 0.0387287}
    decoder = registry.OpenAI(account("openrouter"), registry.KINDS["openrouter"], FrozenClock()).decoder(
        asked({"prompt": "a cat"}), TARGET, HEAD
    )
    (event,) = decoder.decode(reply(URL, usage=usage))

    assert event.usage.cost_nanousd == 38_728_700


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (reply(), Reason.UNREADABLE),
        (reply(finish_reason="content_filter"), Reason.CONTENT_FILTER),
        (reply("data:no-comma"), Reason.UNREADABLE),
        (b'{"choices":[]}', Reason.UNREADABLE),
        (b'{"choices":[{"message":null}]}', Reason.UNREADABLE),
        (b'{"choices":{}}', Reason.UNREADABLE),
        (b'{"error":{"message":"busy","code":429}}', Reason.RATE_LIMITED),
        (b"null", Reason.UNREADABLE),
        (b"", Reason.UNREADABLE),
    ],
)
def test_a_reply_without_an_image_is_a_failure_that_says_why(body, reason):
    with pytest.raises(UpstreamError) as raised:
        read(asked({"prompt": "a cat"}), body)

    assert raised.value.reason is reason


def test_what_a_model_said_instead_of_drawing_is_told():
    with pytest.raises(UpstreamError, match="Here you are"):
        read(asked({"prompt": "a cat"}), reply())


def test_a_body_that_never_came_is_a_failure():
    with pytest.raises(UpstreamError):
        speak().decoder(asked({"prompt": "a cat"}), TARGET, HEAD).finish()


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(URL),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "images", "image_url", "url", "content", "usage", "type", "text"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(odd, st.booleans())
def test_no_reply_however_odd_is_more_than_an_upstream_error(given_, stream):
    for body in (given_, {"choices": [{"message": {"images": [given_], "content": given_}, "finish_reason": "stop"}]}):
        with contextlib.suppress(UpstreamError):
            read(asked({"prompt": "a cat"}, stream=stream), json.dumps(body).encode())
