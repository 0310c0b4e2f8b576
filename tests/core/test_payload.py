from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.body import FormBody, FormFile, JsonBody
from gateway.core.payload import Payload

REQUEST = b'{"messages":[]}'


def json_body(raw=REQUEST):
    return JsonBody(raw, {})


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_it_keeps_what_was_sent_and_answered(kind):
    payload = Payload(json_body(kind(REQUEST)), 1_000)
    payload.add(b"data: one\n\n")
    payload.add(b"data: two\n\n")
    assert (payload.request, payload.reply) == (REQUEST, b"data: one\n\ndata: two\n\n")
    assert payload.is_whole


@given(st.lists(st.binary(max_size=9)), st.integers(min_value=1, max_value=30))
def test_no_more_is_kept_than_was_asked_for_and_the_sizes_are_those_of_the_whole(pieces, most):
    payload = Payload(json_body(), most)
    for piece in pieces:
        payload.add(piece)
    whole = b"".join(pieces)
    assert payload.reply == whole[:most]
    assert payload.request == REQUEST[:most]
    assert (payload.request_size, payload.reply_size) == (len(REQUEST), len(whole))
    assert payload.is_whole == (len(whole) <= most and len(REQUEST) <= most)


def test_of_a_form_it_keeps_the_words_and_what_the_files_are():
    picture = FormFile("image", "my cat.png", "image/png", io.BytesIO(b"PNG"), 3)
    payload = Payload(FormBody((("prompt", "a hat"), ("n", "1")), (picture,)), 1_000)
    assert json.loads(payload.request) == {
        "fields": [["prompt", "a hat"], ["n", "1"]],
        "files": [{"name": "image", "content_type": "image/png", "size": 3}],
    }


def test_it_shows_none_of_it():
    payload = Payload(json_body(b'{"prompt":"a secret"}'), 1_000)
    payload.add(b"another")
    assert repr(payload) == "<Payload 21 + 7 bytes>"
