"""Images requests that pass through: what a target refuses is taken off, a size that it lacks becomes its nearest."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from gateway.core.exchange import HttpHead
from gateway.core.types import Capabilities, Endpoint, Feature, Needs, Target
from gateway.providers import registry
from tests.clock import FrozenClock
from tests.providers.calls import account, form_call, json_call

GENERATIONS, EDITS = Endpoint.IMAGE_GENERATIONS, Endpoint.IMAGE_EDITS
OPENAI = registry.dialect(account(), FrozenClock())
HEAD = HttpHead(200, ((b"content-type", b"application/json"),))


def target(*features: Feature, nearest: bool = False, known: bool = True) -> Target:
    able = Capabilities(
        endpoints=frozenset({GENERATIONS, EDITS}),
        features=frozenset(features) if known else None,
        image_sizes=frozenset({"1024x1024", "1536x1024"}),
    )
    return Target(id="a/b", provider="a", model="b", capabilities=able, nearest_image_size=nearest)


def asked(size: str = "1792x1024", **fields):
    body = {"model": "m", "prompt": "a cat", "size": size, **fields}
    return json_call(body, GENERATIONS, needs=Needs(images=1, image_size=size, image_quality="low"))


def sent(call, target_):
    return b"".join(map(bytes, OPENAI.encode(call, target_).body))


@pytest.mark.parametrize(
    ("one", "is_sent"),
    [
        (target(), False),
        (target(Feature.IMAGE_LINKS), True),
        (target(known=False), True),
    ],
    ids=["always base64", "links too", "not known"],
)
def test_response_format_is_not_sent_to_what_always_answers_with_base64(one, is_sent):
    body = sent(asked(response_format="b64_json"), one)
    assert ("response_format" in json.loads(body)) is is_sent

    form = form_call([("model", "m"), ("prompt", "x"), ("response_format", "url")], [("image", "a", b"a")], EDITS)
    assert (b"response_format" in sent(form, one)) is is_sent


def test_the_nearest_size_is_sent_where_the_config_allows_it():
    assert json.loads(sent(asked(), target(nearest=True)))["size"] == "1536x1024"
    assert json.loads(sent(asked(), target()))["size"] == "1792x1024"


def test_the_nearest_size_is_sent_in_a_form_too():
    call = form_call([("model", "m"), ("prompt", "x"), ("size", "1792x1024")], [("image", "a", b"a")], EDITS)
    call = replace(call, needs=asked().needs)

    assert b'name="size"\r\n\r\n1536x1024\r\n' in sent(call, target(nearest=True))


def test_a_size_that_nobody_asked_for_is_not_made_up():
    call = json_call({"model": "m", "prompt": "a cat"}, GENERATIONS, needs=Needs(images=1))

    assert "size" not in json.loads(sent(call, target(nearest=True)))


def test_what_is_billed_is_the_size_that_was_drawn():
    (event,) = OPENAI.decoder(asked(), target(nearest=True), HEAD).decode(b'{"created":1,"data":[{"b64_json":"AA=="}]}')

    assert event.usage.image_line == "low/1536x1024"
