"""Chats with images in them that pass through: the images are counted, the bytes are left alone."""

from __future__ import annotations

import json

import pytest

from gateway.core.exchange import HttpHead
from gateway.core.types import Capabilities, Endpoint, Feature, Needs, Target
from gateway.providers import registry
from tests.clock import FrozenClock
from tests.providers.calls import TARGET, account, json_call

OPENAI = registry.dialect(account(), FrozenClock())
JSON = HttpHead(200, ((b"content-type", b"application/json"),))
SSE = HttpHead(200, ((b"content-type", b"text/event-stream"),))
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def call(*, stream: bool, features=frozenset({Feature.IMAGE_OUTPUT})):
    needs = Needs(features=features, image_quality="low", image_size="1024x1024")
    return json_call({"model": "m", "messages": []}, needs=needs, stream=stream)


def whole(images) -> bytes:
    message = {"role": "assistant", "content": "Here.", "images": images}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE}).encode()


def chunk(delta, **more) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}], **more}).encode() + b"\n\n"


def test_the_images_of_a_whole_reply_are_counted():
    body = whole([PICTURE, PICTURE])

    (event,) = OPENAI.decoder(call(stream=False), TARGET, JSON).decode(body)

    assert event.data == body
    assert (event.usage.images, event.usage.image_line, event.usage.output) == (2, "low/1024x1024", 3)


def test_the_images_of_a_stream_are_counted_whichever_chunks_they_came_in():
    decoder = OPENAI.decoder(call(stream=True), TARGET, SSE)
    for frame in (chunk({"content": "Here."}), chunk({"images": [PICTURE]}), chunk({"images": [PICTURE, PICTURE]})):
        decoder.decode(frame)

    (event,) = decoder.decode(b"data: " + json.dumps({"choices": [], "usage": USAGE}).encode() + b"\n\n")

    assert (event.usage.images, event.usage.image_line, event.usage.output) == (3, "low/1024x1024", 3)


@pytest.mark.parametrize("images", [None, [], {}, "no", 7])
def test_what_is_no_list_of_images_counts_for_none(images):
    (event,) = OPENAI.decoder(call(stream=False), TARGET, JSON).decode(whole(images))
    assert event.usage.images == 0

    decoder = OPENAI.decoder(call(stream=True), TARGET, SSE)
    (event,) = decoder.decode(chunk({"images": images}, usage=USAGE))
    assert event.usage.images == 0


def test_a_chat_that_asks_for_no_image_is_not_looked_at_for_one():
    (event,) = OPENAI.decoder(call(stream=False, features=frozenset()), TARGET, JSON).decode(whole([PICTURE]))

    assert event.usage.images == 0


@pytest.mark.parametrize(("nearest", "sent"), [(True, "1536x1024"), (False, "1920x1080")])
def test_the_nearest_size_is_asked_for_where_the_config_allows_it(nearest, sent):
    able = Capabilities(endpoints=frozenset({Endpoint.CHAT}), image_sizes=frozenset({"1024x1024", "1536x1024"}))
    one = Target(id="a/b", provider="a", model="b", capabilities=able, nearest_image_size=nearest)
    config = {"size": "1920x1080", "strength": 1}
    needs = Needs(features=frozenset({Feature.IMAGE_OUTPUT}), image_size="1920x1080")
    asked = json_call({"model": "m", "messages": [], "modalities": ["image"], "image_config": config}, needs=needs)

    body = json.loads(b"".join(map(bytes, OPENAI.encode(asked, one).body)))

    assert body["image_config"] == {**config, "size": sent}
