"""Replies, whole and streamed, as the client gets them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Reason, UpstreamError
from gateway.core.usage import Usage
from gateway.providers.gemini.signatures import FORMAT
from tests.providers.calls import json_call
from tests.providers.gemini.asked import (
    HELLO,
    JSON,
    KEY,
    SSE,
    candidate,
    frame,
    gemini,
    message,
    replied,
    streamed,
    target,
)

USAGE = {"promptTokenCount": 10, "candidatesTokenCount": 4, "totalTokenCount": 14}
END = frame(candidates=candidate(finish="STOP"), usageMetadata=USAGE)
PNG = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}


def deltas(chunks):
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]]


def test_a_stream_is_chunks_with_the_role_first_and_usage_last():
    events, chunks = streamed(
        frame(
            candidates=candidate({"text": "Hel"}), usageMetadata={**USAGE, "candidatesTokenCount": 1}, responseId="r"
        ),
        frame(candidates=candidate({"text": "lo"})),
        END,
    )
    assert deltas(chunks) == [{"role": "assistant", "content": "Hel"}, {"content": "lo"}, {}]
    assert {chunk["id"] for chunk in chunks} == {"r"}
    assert [event.usage for event in events if event.usage] == [Usage(input=10), Usage(input=10, output=4)]
    assert [event.tokens for event in events[:2]] == [1, 1]  # beside the first usage, and since then
    assert [event.finish for event in events if event.finish] == ["stop"]
    assert events[-1].data == b"data: [DONE]\n\n"


def test_usage_of_every_chunk_between_is_not_passed_on_for_each_costs_a_write():
    part = frame(candidates=candidate({"text": "x"}), usageMetadata=USAGE)
    events, _ = streamed(part, part, part, END)
    assert sum(event.usage is not None for event in events) == 2


def test_thoughts_are_told_as_they_grow_for_a_client_that_hangs_up_owes_them():
    def chunk(part, thoughts, written=None):
        counts = {"promptTokenCount": 5, "thoughtsTokenCount": thoughts, "candidatesTokenCount": written}
        return frame(candidates=candidate(part), usageMetadata=counts)

    decoder = gemini().decoder(json_call({**HELLO, "stream": True}, stream=True), target(), SSE)
    chunks = [
        chunk({"text": "Hm", "thought": True}, 90),
        chunk({"text": "Ah", "thought": True}, 2_000),
        chunk({"text": "Yes"}, 2_400, 1),
        chunk({"text": "!"}, 2_400, 2),
    ]
    told = [event.usage for each in chunks for event in decoder.decode(each)]
    assert told == [
        Usage(input=5, reasoning=90),
        Usage(input=5, reasoning=2_000),
        Usage(input=5, reasoning=2_400),
        None,
    ]


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\n\n", b"\r\r", b""])
def test_lines_may_end_in_any_way(end):
    _, chunks = streamed(END.replace(b"\r\n\r\n", end))
    assert chunks[0]["choices"][0]["finish_reason"] == "stop"


def test_comments_and_empty_events_say_nothing():
    _, chunks = streamed(b": ping\r\n\r\n", b"\r\n", b"data: [DONE]\n\n", END)
    assert len(chunks) == 2


def test_every_chunk_may_name_the_end():
    _, chunks = streamed(frame(candidates=candidate({"text": "a"}, finish="STOP")), END)
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks if chunk["choices"]] == [None, "stop"]


def test_a_stream_that_does_not_say_why_it_ended_was_cut_off():
    with pytest.raises(UpstreamError) as caught:
        streamed(frame(candidates=candidate({"text": "Hel"})))
    assert caught.value.reason is Reason.CLOSED


def test_a_list_of_chunks_is_a_stream_that_came_whole():
    chunks = [{"candidates": candidate({"text": "a"})}, {"candidates": candidate({"text": "b"}, finish="STOP")}]
    _, found = streamed(json.dumps(chunks).encode(), head=JSON)
    assert "".join(delta.get("content", "") for delta in deltas(found)) == "ab"


@pytest.mark.parametrize(
    "broken",
    [
        frame(error={"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}),
        b'data: [{"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}}]\r\n\r\n',
        b'{\n  "error": {\n    "code": 503,\n    "message": "Overloaded",\n    "status": "UNAVAILABLE"\n  }\n}\n',
        b'[{\n  "error": {"status": "UNAVAILABLE", "message": "Overloaded"}\n}\n]',
    ],
)
def test_an_error_in_mid_stream_is_told_however_it_comes(broken):
    with pytest.raises(UpstreamError) as caught:
        streamed(frame(candidates=candidate({"text": "Hel"})), broken)
    assert (caught.value.reason, caught.value.message) == (Reason.OVERLOADED, "Overloaded")


@pytest.mark.parametrize("reply", [b"", b"{", b"[]", b"{}", b"null", b"<html>", b'{"candidates": 3}', b"\xff"])
def test_what_is_no_reply_is_unreadable(reply):
    decoder = gemini().decoder(json_call(HELLO), target(), JSON)
    with pytest.raises(UpstreamError) as caught:
        decoder.decode(reply)
    assert caught.value.reason is Reason.UNREADABLE


def test_tool_calls_come_whole_with_their_signature_beside_them():
    parts = [
        {"functionCall": {"name": "look", "args": {"at": 1.50, "l": [1, 2]}, "id": "c1"}, "thoughtSignature": "QUFB"},
        {"functionCall": {"name": "wait"}},
    ]
    whole = message({"candidates": candidate(*parts, finish="STOP"), "responseId": "r"})
    first, second = whole["tool_calls"]
    assert first == {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at":1.5,"l":[1,2]}'}}
    assert second["function"] == {"name": "wait", "arguments": "{}"}
    assert second["id"].startswith("call_")
    assert whole["reasoning_details"] == [
        {"type": "reasoning.encrypted", "data": "QUFB", "id": "c1", "format": FORMAT, "index": 0}
    ]
    assert whole["content"] is None


def test_ids_that_google_does_not_give_differ_from_call_to_call_and_from_reply_to_reply():
    parts = [{"functionCall": {"name": "look", "args": {}}}, {"functionCall": {"name": "look", "args": {}}}]
    replies = [message({"candidates": candidate(*parts, finish="STOP"), "responseId": id}) for id in ("r1", "r2")]
    assert len({call["id"] for reply in replies for call in reply["tool_calls"]}) == 4


def test_an_answer_with_tool_calls_ends_for_them():
    call = {"functionCall": {"name": "look", "args": {}}}
    for finish, told in (("STOP", "tool_calls"), ("MAX_TOKENS", "length")):
        _, whole = replied({"candidates": candidate(call, finish=finish)})
        assert whole["choices"][0]["finish_reason"] == told


FILTERED = (
    *("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "ESCALATION", "MODEL_ARMOR"),
    *("PUP_LIMITED_DISABLED", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
)


@pytest.mark.parametrize(
    ("finish", "told"),
    [
        *((finish, "stop") for finish in ["STOP", "OTHER", "NO_IMAGE", "IMAGE_OTHER", "OF_THE_FUTURE"]),
        *((finish, "length") for finish in ["MAX_TOKENS", "CONTINUATION", "TOO_MANY_TOOL_CALLS"]),
        *((finish, "content_filter") for finish in FILTERED),
    ],
)
def test_every_reason_of_the_end_has_a_word(finish, told):
    event, whole = replied({"candidates": candidate({"text": "x"}, finish=finish)})
    assert whole["choices"][0]["finish_reason"] == event.finish == told


@pytest.mark.parametrize(
    "finish", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE"]
)
def test_a_reply_that_google_itself_could_not_read_is_tried_again(finish):
    with pytest.raises(UpstreamError) as caught:
        message({"candidates": candidate(finish=finish, finishMessage=f"print({KEY})")})
    assert caught.value.reason is Reason.UNREADABLE
    assert finish in caught.value.message
    assert KEY not in caught.value.message


def test_a_blocked_prompt_is_a_refusal_that_costs_nothing():
    event, whole = replied({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"trafficType": "ON_DEMAND"}})
    (choice,) = whole["choices"]
    assert choice["finish_reason"] == "content_filter"
    assert choice["message"]["refusal"] == "the prompt was blocked: SAFETY"
    assert event.usage == Usage()


def test_a_blocked_prompt_ends_a_stream():
    _, chunks = streamed(frame(promptFeedback={"blockReason": "OTHER", "blockReasonMessage": "No."}))
    assert deltas(chunks)[0]["refusal"] == "No."
    assert chunks[1]["choices"][0]["finish_reason"] == "content_filter"


def test_a_filtered_answer_keeps_what_was_rated():
    rated = [{"category": "HARM_CATEGORY_HATE_SPEECH", "blocked": True}]
    whole = message({"candidates": candidate(finish="SAFETY", safetyRatings=rated, finishMessage="No.")})
    assert whole["refusal"] == "No."
    assert whole["extra_content"] == {"google": {"safety_ratings": rated}}


def test_thoughts_are_reasoning_and_pictures_among_them_are_none():
    parts = [
        {"text": "First. ", "thought": True},
        {"text": "Then.", "thought": True},
        {**PNG, "thought": True},
        {"text": "Answer", "thoughtSignature": "QUFB"},
    ]
    whole = message({"candidates": candidate(*parts, finish="STOP")})
    assert (whole["reasoning_content"], whole["content"]) == ("First. Then.", "Answer")
    assert "images" not in whole
    assert whole["reasoning_details"] == [
        {"type": "reasoning.text", "text": "First. Then.", "format": FORMAT, "index": 0},
        {"type": "reasoning.encrypted", "data": "QUFB", "format": FORMAT, "index": 1},
    ]


def test_pictures_are_told_with_their_signatures():
    whole = message({"candidates": candidate({**PNG, "thoughtSignature": "QUFB"}, PNG, finish="STOP")})
    assert [image["image_url"]["url"] for image in whole["images"]] == ["data:image/png;base64,iVBORw0KGgo="] * 2
    assert whole["reasoning_details"][0]["id"] == "image_0"


def test_code_that_ran_and_what_it_printed_are_text():
    parts = [
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
    ]
    assert message({"candidates": candidate(*parts, finish="STOP")})["content"] == (
        "\n```python\nprint(1)\n```\n\n```\n1\n```\n"
    )


GROUNDING = {
    "webSearchQueries": ["q"],
    "groundingChunks": [{"web": {"uri": "https://a.test", "title": "A"}}, {"web": {"uri": "https://b.test"}}],
    "groundingSupports": [
        {"segment": {"startIndex": 6, "endIndex": 11, "text": "Bärn"}, "groundingChunkIndices": [0, 1, 7]}
    ],
}


def cited(title, url, start, end):
    citation = {"start_index": start, "end_index": end, "url": url, "title": title}
    return {"type": "url_citation", "url_citation": citation}


def test_sources_are_annotations_in_characters_and_kept_as_they_came():
    reply = {"candidates": candidate({"text": "Dört: Bärn."}, finish="STOP", groundingMetadata=GROUNDING)}
    whole = message(reply)
    assert whole["annotations"] == [
        cited("A", "https://a.test", 6, 10),
        cited("https://b.test", "https://b.test", 6, 10),
    ]
    assert whole["extra_content"] == {"google": {"grounding_metadata": GROUNDING}}


def test_sources_of_no_passage_are_of_the_whole_answer():
    metadata = {"groundingChunks": GROUNDING["groundingChunks"][:1]}
    whole = message({"candidates": candidate({"text": "Bern"}, finish="STOP", groundingMetadata=metadata)})
    assert whole["annotations"] == [cited("A", "https://a.test", 0, 4)]


def test_sources_come_once_at_the_end_of_a_stream_on_one_line():
    grounded = json.dumps({"candidates": candidate(groundingMetadata=GROUNDING)}, indent=2).encode()
    lines = b"".join(b"data: " + line + b"\n" for line in grounded.split(b"\n")) + b"\n"
    _, chunks = streamed(frame(candidates=candidate({"text": "Dört: Bärn."})), lines, END)
    (found,) = [delta["annotations"] for delta in deltas(chunks) if "annotations" in delta]
    assert len(found) == 2
    (extra,) = [delta["extra_content"] for delta in deltas(chunks) if "extra_content" in delta]
    assert extra["google"]["grounding_metadata"] == GROUNDING


def test_grounding_of_another_shape_is_passed_on_and_cites_nothing():
    whole = message({"candidates": candidate({"text": "x"}, finish="STOP", groundingMetadata={"groundingChunks": 3})})
    assert "annotations" not in whole
    assert whole["extra_content"] == {"google": {"grounding_metadata": {"groundingChunks": 3}}}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "candidates",
                    "content",
                    "parts",
                    "text",
                    "functionCall",
                    "args",
                    "inlineData",
                    "finishReason",
                    "error",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_json.map(lambda value: b"data: " + json.dumps(value).encode() + b"\r\n\r\n") | st.binary(max_size=60)))
def test_whatever_comes_is_events_or_an_upstream_error(frames):
    decoder = gemini().decoder(json_call({**HELLO, "stream": True}, stream=True), target(), SSE)
    try:
        for each in frames:
            decoder.decode(each)
        decoder.finish()
    except UpstreamError:
        pass
