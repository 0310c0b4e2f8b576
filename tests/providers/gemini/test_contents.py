"""Conversations as turns and parts."""

from __future__ import annotations

import json

import pytest

from gateway.core.errors import InvalidRequest, Reason, UpstreamError
from gateway.providers.client.chat import UNREADABLE
from gateway.providers.gemini.signatures import FORMAT, SKIP
from tests.providers.gemini.asked import body, request

PNG = "iVBORw0KGgo="
MP3 = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}


def user(content):
    return {"role": "user", "content": content}


def call(id, name="look", arguments='{"at": 1.0}', **more):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def assistant(*calls, content=None, **more):
    return {"role": "assistant", "content": content, **({"tool_calls": list(calls)} if calls else {}), **more}


def result(id, content):
    return {"role": "tool", "tool_call_id": id, "content": content}


def contents(*messages, model="gemini-2.5-flash", kind="gemini"):
    return body({"messages": list(messages)}, model, kind)["contents"]


def parts(content, **options):
    (turn,) = contents(user(content), **options)
    return turn["parts"]


def test_instructions_are_gathered_from_anywhere():
    messages = [
        {"role": "system", "content": "One."},
        user("Hi"),
        {"role": "developer", "content": [{"type": "text", "text": "Two."}]},
    ]
    sent = body({"messages": messages})
    assert sent["systemInstruction"] == {"parts": [{"text": "One."}, {"text": "Two."}]}
    assert sent["contents"] == [{"role": "user", "parts": [{"text": "Hi"}]}]


def test_instructions_alone_are_what_the_user_says():
    sent = body({"messages": [{"role": "system", "content": "Tell a joke."}]})
    assert sent == {"contents": [{"role": "user", "parts": [{"text": "Tell a joke."}]}]}


def test_instructions_are_what_the_user_says_first_to_a_model_that_takes_none():
    sent = body({"messages": [user("Hello"), {"role": "system", "content": "Be brief."}]}, "gemma-3-27b-it")
    assert sent == {
        "contents": [
            {"role": "user", "parts": [{"text": "Be brief."}]},
            {"role": "user", "parts": [{"text": "Hello"}]},
        ]
    }


def test_a_picture_among_the_instructions_can_not_be_said():
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    with pytest.raises(UpstreamError) as caught:
        request({"messages": [{"role": "system", "content": [picture]}, user("Hi")]})
    assert caught.value.param == "messages"


def test_messages_of_one_side_in_a_row_are_one_turn_and_empty_texts_none():
    turns = contents(user("a"), user(""), user("b"), assistant(content="c"), assistant(content="d"), user("e"))
    assert turns == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "c"}, {"text": "d"}]},
        {"role": "user", "parts": [{"text": "e"}]},
    ]


def test_calls_and_results_are_matched_by_id_and_results_go_in_the_order_of_the_calls():
    turns = contents(
        user("go"),
        assistant(call("a", "first"), call("b", "second")),
        result("b", "two"),
        result("a", '{"n": 1.50}'),
        user("and?"),
    )
    assert [turn["role"] for turn in turns] == ["user", "model", "user", "user"]
    assert turns[1]["parts"] == [
        {"functionCall": {"id": "a", "name": "first", "args": {"at": 1.0}}},
        {"functionCall": {"id": "b", "name": "second", "args": {"at": 1.0}}},
    ]
    assert turns[2]["parts"] == [
        {"functionResponse": {"id": "a", "name": "first", "response": {"n": 1.5}}},
        {"functionResponse": {"id": "b", "name": "second", "response": {"output": "two"}}},
    ]


def test_numbers_of_arguments_keep_the_form_they_were_written_in():
    asked = {"messages": [user("go"), assistant(call("a", arguments='{"n":1.50,"m":12345678901234567890}'))]}
    sent = b"".join(bytes(piece) for piece in request(asked).body)
    assert b'"args":{"n":1.50,"m":12345678901234567890}' in sent


@pytest.mark.parametrize(
    ("written", "args"),
    [("", {}), ("{}", {}), ("[1]", {UNREADABLE: "[1]"}), ('{"cut', {UNREADABLE: '{"cut'})],
)
def test_arguments_are_an_object_whatever_was_written(written, args):
    turns = contents(user("go"), assistant(call("a", arguments=written)))
    assert turns[1]["parts"][0]["functionCall"]["args"] == args


def test_a_result_of_a_call_that_nobody_made_is_the_clients_fault():
    with pytest.raises(InvalidRequest) as caught:
        request({"messages": [user("go"), result("x", "1")]})
    assert "'x'" in caught.value.message


def test_a_picture_of_a_tool_stands_within_its_result_or_beside_it():
    shown = [
        {"type": "text", "text": "here"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    ]
    blob = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    talk = (user("go"), assistant(call("a")), result("a", shown))
    new = contents(*talk, model="gemini-3.5-flash")[2]["parts"]
    assert new[0]["functionResponse"]["parts"] == [blob]
    old = contents(*talk)[2]["parts"]
    assert old[1:] == [blob]
    assert old[0]["functionResponse"]["response"] == {"output": "here"}


def test_media_are_inline_or_at_an_address():
    given = [
        {"type": "image_url", "image_url": {"url": f"data:image/jpg;base64,{PNG}"}},
        {"type": "image_url", "image_url": {"url": "https://a.test/x.webp?s=1"}},
        {"type": "image_url", "image_url": {"url": "gs://bucket/y"}},
        MP3,
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PNG}"}},
        {"type": "file", "file": {"file_data": PNG, "filename": "a.csv"}},
        {"type": "file", "file": {"file_id": "https://generativelanguage.googleapis.com/v1beta/files/1"}},
    ]
    assert parts(given) == [
        {"inlineData": {"mimeType": "image/jpeg", "data": PNG}},
        {"fileData": {"fileUri": "https://a.test/x.webp?s=1", "mimeType": "image/webp"}},
        {"fileData": {"fileUri": "gs://bucket/y"}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}},
        {"inlineData": {"mimeType": "application/pdf", "data": PNG}},
        {"inlineData": {"mimeType": "text/csv", "data": PNG}},
        {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/1"}},
    ]


@pytest.mark.parametrize("type", ["image/gif", "image/bmp"])
def test_a_picture_that_gemini_can_not_read_is_left_to_others(type):
    with pytest.raises(UpstreamError) as caught:
        parts([{"type": "image_url", "image_url": {"url": f"data:{type};base64,R0lGODlh"}}])
    assert (caught.value.reason, caught.value.param) == (Reason.UNSUPPORTED, "messages")


def test_vertex_is_always_told_the_type_of_what_it_fetches():
    (part,) = parts([{"type": "image_url", "image_url": {"url": "gs://bucket/y"}}], kind="vertex")
    assert part == {"fileData": {"fileUri": "gs://bucket/y", "mimeType": "image/jpeg"}}


def test_a_file_that_was_uploaded_elsewhere_is_unknown():
    with pytest.raises(UpstreamError) as caught:
        request({"messages": [user([{"type": "file", "file": {"file_id": "file-abc"}}])]})
    assert caught.value.param == "messages"


def thought(**fields):
    return {"type": "reasoning.encrypted", "format": FORMAT, **fields}


def test_signatures_go_back_with_the_parts_that_they_belong_to():
    details = [
        {"type": "reasoning.text", "text": "Hm.", "format": FORMAT, "index": 0},
        thought(data="QUFB", id="a"),
        thought(data="QkJC"),
        thought(data="Q0ND", id="image_0"),
        {"type": "reasoning.text", "text": "Not ours.", "signature": "RERE", "format": "anthropic-claude-v1"},
    ]
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    said = assistant(call("a"), call("b"), content="Well", reasoning_details=details, images=[picture])
    assert contents(user("go"), said, model="gemini-3.5-flash")[1]["parts"] == [
        {"text": "Hm.", "thought": True},
        {"text": "Well", "thoughtSignature": "QkJC"},
        {"inlineData": {"mimeType": "image/png", "data": PNG}, "thoughtSignature": "Q0ND"},
        {"functionCall": {"id": "a", "name": "look", "args": {"at": 1.0}}, "thoughtSignature": "QUFB"},
        {"functionCall": {"id": "b", "name": "look", "args": {"at": 1.0}}},
    ]


def test_a_signature_may_stand_where_googles_own_endpoint_puts_it():
    said = assistant(call("a", extra_content={"google": {"thought_signature": "QUFB"}}))
    assert contents(user("go"), said)[1]["parts"][0]["thoughtSignature"] == "QUFB"


def test_a_lost_signature_is_skipped_for_the_first_call_of_each_step_of_the_turn_that_goes_on():
    talk = (
        user("go"),
        assistant(call("a")),
        result("a", "1"),
        user("more"),
        assistant(call("b"), call("c")),
        result("b", "1"),
        result("c", "1"),
        assistant(call("d")),
    )
    signatures = [
        part.get("thoughtSignature")
        for turn in contents(*talk, model="gemini-3-pro-preview")
        for part in turn["parts"]
        if "functionCall" in part
    ]
    assert signatures == [None, SKIP, None, SKIP]
    assert SKIP not in json.dumps(contents(*talk, model="gemini-2.5-flash"))


def test_image_models_get_a_signature_for_every_picture_that_they_drew():
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    said = assistant(content="Here", images=[picture])
    turns = contents(user("draw"), said, user("bigger"), model="gemini-3-pro-image")
    assert [part["thoughtSignature"] for part in turns[1]["parts"]] == [SKIP, SKIP]
    assert "thoughtSignature" not in json.dumps(contents(user("draw"), said, user("x"), model="gemini-2.5-flash-image"))
