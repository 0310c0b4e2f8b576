"""A chat request, taken apart."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.body import JsonBody
from gateway.core.errors import InvalidRequest, Reason, UpstreamError
from gateway.core.types import Endpoint
from gateway.providers.client.chat import Chat, Text, own_field
from gateway.providers.client.media import Media
from tests.providers.calls import form_call, json_call

ASK = [{"role": "user", "content": "hi"}]
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def chat(**fields) -> Chat:
    return Chat.of(json_call({"model": "m", "messages": ASK, **fields}))


def refused(**fields) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        chat(**fields)
    assert caught.value.reason is Reason.UNSUPPORTED
    return caught.value


def test_what_the_client_did_not_say_is_none():
    plain = chat()

    assert (plain.tools, plain.temperature, plain.most_tokens, plain.effort) == (None, None, None, None)
    assert plain.stops == ()


@pytest.mark.parametrize(("content", "text"), [("a sea", "a sea"), ("", ""), (None, "")])
def test_text_alone_is_one_part_or_none(content, text):
    (message,) = chat(messages=[{"role": "assistant", "content": content}]).messages

    assert message.text == text
    assert list(message.parts) == ([Text(text)] if text else [])


def test_the_text_of_several_parts_is_joined_without_what_stands_between():
    parts = [{"type": "text", "text": "a "}, {"type": "image_url", "image_url": "https://a.test/b.png"}]
    (message,) = chat(messages=[{"role": "user", "content": [*parts, {"type": "text", "text": "sea"}]}]).messages

    assert message.text == "a sea"
    assert message.parts[1].media == Media(url="https://a.test/b.png")


def test_an_image_is_given_as_an_object_or_as_its_address_alone():
    url = "data:image/png;base64,QUJD"
    given = [{"type": "image_url", "image_url": {"url": url, "detail": "low"}}, {"type": "image_url", "image_url": url}]
    (message,) = chat(messages=[{"role": "user", "content": given}]).messages

    first, second = message.parts
    assert first.media == second.media == Media(type="image/png", base64="QUJD")
    assert (first.detail, second.detail) == ("low", None)


def test_the_newer_name_of_the_ceiling_goes_before_the_older_and_nought_is_none():
    assert chat(max_tokens=5, max_completion_tokens=7).most_tokens == 7
    assert chat(max_tokens=5).most_tokens == 5
    assert chat(max_tokens=0).most_tokens is None


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({"reasoning_effort": "low"}, "low"),
        ({"reasoning_effort": "low", "reasoning": {"effort": "high"}}, "high"),
        ({"reasoning_effort": "low", "reasoning": {"max_tokens": 9}}, "low"),
        ({"reasoning_effort": "low", "reasoning": {"enabled": False}}, "none"),
    ],
)
def test_effort_is_read_from_either_field(fields, effort):
    assert chat(**fields).effort == effort


def test_stops_are_a_list_however_they_came():
    assert chat(stop="END").stops == ["END"]
    assert chat(stop=["a", "b"]).stops == ["a", "b"]


def test_a_field_of_a_name_spelled_with_escapes_is_the_same_field():
    call = json_call(b'{"mess\\u0061ges":[{"role":"user","content":"hi"}],"max_t\\u006fkens":3}')

    assert Chat.of(call).most_tokens == 3
    assert own_field(call, "max_tokens") == 3


def test_of_a_field_that_came_twice_the_value_that_was_checked_counts():
    call = json_call(b'{"messages":[],"max_tokens":9,"max_tokens":3}')

    assert own_field(call, "max_tokens") == Chat.of(call).most_tokens == 3


@pytest.mark.parametrize(
    ("fields", "param", "place"),
    [
        ({"messages": [*ASK, {"role": "user", "content": [{"type": "hologram"}]}]}, "messages", "[1].content[0].type"),
        ({"messages": [{"role": "narrator", "content": "hi"}]}, "messages", "messages[0].role"),
        ({"messages": [None]}, "messages", "messages[0]"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages", "messages[0].content"),
        ({"temperature": "hot"}, "temperature", "'temperature'"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools", "tools[0].type"),
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, "tool_choice", "tool_choice.type"),
        ({"response_format": {"type": "grammar"}}, "response_format", "response_format.type"),
    ],
)
def test_a_shape_that_is_none_of_openais_names_its_place_and_may_be_another_providers(fields, param, place):
    error = refused(**fields)

    assert error.param == param
    assert place in error.message


@pytest.mark.parametrize("name", ["functions", "function_call"])
def test_what_tools_took_the_place_of_is_not_translated(name):
    error = refused(**{name: [{"name": "f"}]})

    assert error.param == name
    assert "'tools'" in error.message
    assert chat(**{name: None}).tools is None


@pytest.mark.parametrize(
    "content",
    [b'"\xff"', b'"\\ud800"', b'[{"type":"text","text":"a"'],
    ids=["no utf-8", "half a character", "cut"],
)
def test_what_is_no_json_is_the_clients_fault(content):
    body = b'{"messages":[{"role":"user","content":' + content + b"}]}"
    call = msgspec.structs.replace(json_call({"messages": ASK}), body=JsonBody(body, {"messages": msgspec.Raw(b"[]")}))
    with pytest.raises(InvalidRequest, match="not valid JSON"):
        Chat.of(call)


@given(st.dictionaries(st.sampled_from(Chat.__struct_fields__), anything, max_size=4), anything)
def test_whatever_is_sent_is_a_chat_or_an_error_that_names_a_field(fields, message):
    failed = None
    try:
        chat(**{"messages": [message], **fields})
    except UpstreamError as error:
        failed = error
    except InvalidRequest:
        pass
    assert failed is None or (failed.reason is Reason.UNSUPPORTED and failed.param)


def test_a_providers_own_field_is_read_as_json_and_its_absence_is_none():
    call = json_call({"messages": ASK, "top_k": 5, "safety_settings": [{"a": 1}], "gone": None})

    assert own_field(call, "safety_settings") == [{"a": 1}]
    assert own_field(call, "gone") is own_field(call, "never") is None


def test_a_providers_own_field_that_cannot_be_read_is_the_clients_fault():
    call = json_call({"messages": ASK})
    call.body.fields["thinking"] = b'{"a":' * 100_000
    with pytest.raises(InvalidRequest) as caught:
        own_field(call, "thinking")

    assert caught.value.param == "thinking"


@pytest.mark.parametrize("endpoint", [Endpoint.EMBEDDINGS, Endpoint.IMAGE_GENERATIONS])
def test_what_is_no_chat_is_not_translated_to_one(endpoint):
    form = form_call([("prompt", "a sea")], [], Endpoint.IMAGE_EDITS)
    for call in (json_call({"input": "a sea", "prompt": "a sea"}, endpoint), form):
        with pytest.raises(UpstreamError) as caught:
            Chat.of(call)
        assert (caught.value.reason, caught.value.param) == (Reason.UNSUPPORTED, "model")
