"""What of prompts and replies comes into spans."""

from __future__ import annotations

import json
import logging

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import validate

from gateway.core.body import FormBody, JsonBody
from gateway.core.payload import Payload
from gateway.core.types import Endpoint
from gateway.telemetry.tracing import content as subject
from gateway.telemetry.tracing.content import LEFT_OUT, Content
from tests.telemetry.outcomes import outcome

INPUT, OUTPUT = "gen_ai.input.messages", "gen_ai.output.messages"
PICTURE = "data:image/png;base64," + "iVBORw0KGgo" * 20
PARTS = {
    "text": ["content"],
    "reasoning": ["content"],
    "tool_call": ["name"],
    "tool_call_response": ["response"],
}
MESSAGES = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["role", "parts"],
        "properties": {
            "role": {"type": "string"},
            "finish_reason": {"type": "string"},
            "parts": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["type"],
                    "properties": {"type": {"type": "string"}},
                    "allOf": [
                        {"if": {"properties": {"type": {"const": kind}}}, "then": {"required": needs}}
                        for kind, needs in PARTS.items()
                    ],
                },
            },
        },
    },
}
"""What the conventions' schemas of both ask for."""


def body(fields):
    raw = json.dumps(fields).encode()
    return JsonBody(raw, msgspec.json.decode(raw, type=dict[str, msgspec.Raw]))


def whole(*messages, finish="stop"):
    choices = [{"index": index, "message": message, "finish_reason": finish} for index, message in enumerate(messages)]
    return json.dumps({"id": "c-1", "choices": choices}).encode()


def frames(*deltas, finish="stop", index=0):
    chunks = [{"choices": [{"index": index, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({"choices": [{"index": index, "delta": {}, "finish_reason": finish}]})
    return [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks] + [b"data: [DONE]\n\n"]


def told(request, *reply, content=None, endpoint=Endpoint.CHAT, kept=1_000_000, finish="stop"):
    content = content or Content(16_000)
    payload = Payload(request if not isinstance(request, dict) else body(request), kept)
    for piece in reply:
        payload.add(piece)
    found = content.of(outcome(endpoint=endpoint, payload=payload, finish=finish))
    for name in (INPUT, OUTPUT):
        if name in found:
            validate(json.loads(found[name]), MESSAGES)
    return found


def ask(*messages, **more):
    return {"model": "m", "messages": [*messages], **more}


def hi(text="hi"):
    return ask({"role": "user", "content": text})


def texts(messages):
    return [part.get("content", part.get("response")) for each in json.loads(messages) for part in each["parts"]]


def test_without_a_payload_there_is_no_content():
    assert Content(100).of(outcome()) == {}


def test_a_chat_is_told_in_the_conventions_form():
    found = told(
        ask(
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "what is it?"}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call-1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "call-1", "content": "a cat"},
        ),
        whole({"role": "assistant", "content": "A cat.", "reasoning_content": "hm"}),
    )
    assert json.loads(found[INPUT]) == [
        {"role": "system", "parts": [{"type": "text", "content": "be brief"}]},
        {"role": "user", "parts": [{"type": "text", "content": "what is it?"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "call-1", "name": "look", "arguments": "{}"}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call-1", "response": "a cat"}]},
    ]
    assert json.loads(found[OUTPUT]) == [
        {
            "role": "assistant",
            "parts": [{"type": "reasoning", "content": "hm"}, {"type": "text", "content": "A cat."}],
            "finish_reason": "stop",
        }
    ]
    assert set(found) == {INPUT, OUTPUT}


def test_a_stream_is_told_as_what_it_adds_up_to():
    found = told(
        hi(),
        *frames(
            {"role": "assistant", "content": ""},
            {"content": "Hel"},
            {"content": "lo"},
            {"tool_calls": [{"index": 0, "id": "call-1", "function": {"name": "look", "arguments": '{"at'}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '":1}'}}]},
            finish="tool_calls",
        ),
    )
    assert json.loads(found[OUTPUT]) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "Hello"},
                {"type": "tool_call", "id": "call-1", "name": "look", "arguments": '{"at":1}'},
            ],
            "finish_reason": "tool_calls",
        }
    ]


def test_each_choice_is_a_message():
    both = whole({"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"})
    assert texts(told(hi(), both)[OUTPUT]) == ["a", "b"]
    streamed = [*frames({"content": "b"}, index=1)[:-1], *frames({"content": "a"})]
    assert texts(told(hi(), *streamed)[OUTPUT]) == ["a", "b"]


def test_a_reply_that_broke_off_ends_with_an_error():
    found = told(hi(), frames({"content": "Hel"})[0], finish=None)
    assert json.loads(found[OUTPUT])[0]["finish_reason"] == "error"


@pytest.mark.parametrize("url", [PICTURE, "https://cdn.test/cat.png?sig=hidden-one"])
def test_pictures_sound_and_documents_are_named_and_left_out(url):
    parts = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"file_data": "JVBERi0="}},
        {"type": "text", "text": "what are they?"},
    ]
    drawn = whole({"role": "assistant", "content": "see", "images": [{"image_url": {"url": url}}]})
    found = told(ask({"role": "user", "content": parts}), drawn)
    kinds = [part["type"] for part in json.loads(found[INPUT])[0]["parts"]]
    assert kinds == ["image", "audio", "document", "text"]
    assert [part["type"] for part in json.loads(found[OUTPUT])[0]["parts"]] == ["text", "image"]
    assert not any(secret in str(found) for secret in ("iVBOR", "UklGR", "JVBER", "hidden-one"))


def test_streamed_pictures_are_left_out():
    found = told(hi(), *frames({"content": "see"}, {"images": [{"image_url": {"url": PICTURE}}]}))
    assert [part["type"] for part in json.loads(found[OUTPUT])[0]["parts"]] == ["text", "image"]
    assert "iVBOR" not in str(found)


def test_of_images_the_prompt_is_told_and_no_picture():
    reply = json.dumps({"data": [{"b64_json": "iVBORw0KGgo"}]}).encode()
    found = told({"prompt": "a cat", "model": "m"}, reply, endpoint=Endpoint.IMAGE_GENERATIONS)
    assert found == {
        INPUT: json.dumps([{"role": "user", "parts": [{"type": "text", "content": "a cat"}]}], separators=(",", ":"))
    }


def test_of_a_form_the_prompt_is_told():
    found = told(FormBody((("model", "m"), ("prompt", "a hat")), ()), endpoint=Endpoint.IMAGE_EDITS)
    assert texts(found[INPUT]) == ["a hat"]


@pytest.mark.parametrize(("given", "expected"), [("a", ["a"]), (["a", "b"], ["a", "b"])])
def test_of_embeddings_the_input_is_told(given, expected):
    assert texts(told({"input": given}, b'{"data": []}', endpoint=Endpoint.EMBEDDINGS)[INPUT]) == expected


def test_of_embeddings_of_tokens_nothing_is_told():
    assert told({"input": [1, 2, 3]}, endpoint=Endpoint.EMBEDDINGS) == {}


def test_more_than_there_is_room_for_is_cut():
    found = told(
        ask(
            {"role": "user", "content": "ä" * 30},
            {"role": "user", "content": "b" * 30},
            {"role": "user", "content": "c"},
        ),
        whole({"role": "assistant", "content": "d" * 200}),
        content=Content(71),
    )
    assert texts(found[INPUT]) == ["ä" * 30, "b" * 11]
    assert texts(found[OUTPUT]) == ["d" * 71]
    assert found["sluice.content.cut"] is True


def test_a_character_is_not_cut_in_two():
    assert texts(told(hi("aää"), content=Content(4))[INPUT]) == ["aä"]


def test_of_a_payload_that_was_cut_the_beginning_is_told():
    found = told(hi("x" * 5_000), whole({"role": "assistant", "content": "y" * 5_000}), kept=1_000)
    (asked,), (said,) = texts(found[INPUT]), texts(found[OUTPUT])
    assert 700 < len(asked) < 1_000
    assert set(asked) == {"x"}
    assert 700 < len(said) < 1_000
    assert found["sluice.content.cut"] is True


def test_of_a_stream_that_was_cut_the_beginning_is_told():
    found = told(hi(), *frames(*({"content": "word "} for _ in range(500))), kept=20_000)
    (said,) = texts(found[OUTPUT])
    assert said.startswith("word word")
    assert found["sluice.content.cut"] is True


def test_what_a_pattern_matches_is_left_out_everywhere():
    content = Content(10_000, [r"\b\d{4}-\d{4}\b", r"(?i)project \w+"])
    call = {"id": "call-1", "function": {"name": "pay", "arguments": '{"card": "1234-5678"}'}}
    found = told(
        ask({"role": "user", "content": "card 1234-5678 for Project Falcon"}, {"role": "tool", "content": "1234-5678"}),
        whole(
            {
                "role": "assistant",
                "content": "paid with 1234-5678",
                "reasoning_content": "1234-5678?",
                "tool_calls": [call],
            }
        ),
        content=content,
    )
    assert texts(found[INPUT])[0] == "card [redacted] for [redacted]"
    assert not any(secret in str(found) for secret in ("5678", "Falcon"))


def test_what_looks_like_a_key_is_left_out_without_any_pattern():
    found = told(
        hi("my key is sk-abcdefghijklmnop0123"), whole({"role": "assistant", "content": "api_key=hunter2hunter2"})
    )
    assert not any(secret in str(found) for secret in ("abcdefghijklmnop", "hunter2"))


def test_what_is_written_in_escapes_is_matched_as_what_it_says():
    raw = rb'{"messages": [{"role": "user", "content": "\u0031\u0032\u0033\u0034-5678"}]}'
    request = JsonBody(raw, msgspec.json.decode(raw, type=dict[str, msgspec.Raw]))
    assert texts(told(request, content=Content(1_000, [r"\d{4}-\d{4}"]))[INPUT]) == ["[redacted]"]


def test_what_goes_through_the_cut_of_what_is_read_is_not_told_in_half():
    secret = "1234-5678"
    text = "x" * 400 + secret + "y" * 400
    content = Content(100_000, [secret])
    for kept in range(300, 600):
        found = told(hi(text), content=content, kept=kept)
        assert "1234" not in found[INPUT]


def test_a_pattern_that_takes_too_long_costs_the_content_and_is_named_once(monkeypatch, caplog):
    monkeypatch.setattr(subject, "MATCH_S", 0.02)
    content = Content(10_000, [r"(?:(?:a|a)+)+b"])
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert told(hi("a" * 60 + "c"), content=content) == {LEFT_OUT: "a pattern of traces.redact took too long"}
    (record,) = caplog.records
    assert "traces.redact" in record.getMessage()
    assert "aaaa" not in record.getMessage()


@pytest.mark.parametrize(
    "raw",
    [b'{"messages": 7}', b'{"messages": "hi"}', b"[1]", b"null", b"\xff\xfe", b'{"messages": [{"role":', b"[" * 3_000],
)
def test_a_request_that_is_no_chat_tells_nothing(raw):
    found = told(JsonBody(raw, {}))
    assert set(found) <= {LEFT_OUT, INPUT}
    assert INPUT not in found or texts(found[INPUT]) == []


def test_a_text_that_utf8_can_not_hold_is_told_as_far_as_it_can():
    found = told(JsonBody(rb'{"messages": [{"role": "user", "content": "a\ud800b"}]}', {}))
    assert LEFT_OUT in found or "a" in found[INPUT]


def test_a_pattern_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"'\('"):
        Content(100, ["("])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "messages",
                    "content",
                    "role",
                    "choices",
                    "message",
                    "delta",
                    "tool_calls",
                    "function",
                    "text",
                    "type",
                    "images",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(
    request=json_values, reply=json_values, is_stream=st.booleans(), kept=st.integers(1, 400), size=st.integers(1, 100)
)
def test_whatever_was_sent_and_answered_it_costs_no_span(request, reply, is_stream, kept, size):
    raw = json.dumps(reply).encode()
    raw = b"data: " + raw + b"\n\n" if is_stream else raw
    found = told(JsonBody(json.dumps(request).encode(), {}), raw, content=Content(size), kept=kept)
    assert all(isinstance(value, (str, bool)) for value in found.values())
