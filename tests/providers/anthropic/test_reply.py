"""What the client gets of a message, whole or streamed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Reason, UpstreamError
from gateway.core.usage import Usage
from tests.providers.anthropic.asking import (
    JSON,
    block,
    decoder,
    deltas,
    end,
    events,
    frame,
    read,
    start,
    whole,
)

TEXT = {"type": "text", "text": ""}


def say(words):
    return {"type": "text_delta", "text": words}


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "length"),
        ("refusal", "content_filter"),
        ("tool_use", "stop"),
        ("something_new", "stop"),
    ],
)
def test_every_reason_to_stop_is_one_of_openais(stop, finish):
    choice, event = read(whole([{"type": "text", "text": "Hi"}], stop))

    assert choice["finish_reason"] == event.finish == finish


def test_a_tool_call_streams_its_arguments_in_pieces():
    begun = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
    pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", '{"city"', ': "Oslo"}')]

    found = deltas(start(), *block(0, begun, *pieces), *end("tool_use"))

    assert found[0]["tool_calls"][0]["id"] == "toolu_1"
    assert [delta["tool_calls"][0]["function"]["arguments"] for delta in found] == ["", '{"city"', ': "Oslo"}']


def test_a_call_without_input_has_an_empty_object():
    begun = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    choice, _ = read(whole([begun], "tool_use"))
    streamed = deltas(start(), *block(0, begun, {"type": "input_json_delta", "partial_json": ""}), *end("tool_use"))

    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert choice["finish_reason"] == "tool_calls"
    assert "".join(delta["tool_calls"][0]["function"]["arguments"] for delta in streamed) == "{}"


def test_numbers_in_arguments_stay_as_they_were_written():
    body = json.dumps(whole([{"type": "tool_use", "id": "a", "name": "f", "input": "INPUT"}], "tool_use"))
    (event,) = decoder().decode(body.replace('"INPUT"', '{"n": 12345678901234567890123, "x": 1.10}').encode())

    called = json.loads(event.data)["choices"][0]["message"]["tool_calls"][0]
    assert called["function"]["arguments"] == '{"n": 12345678901234567890123, "x": 1.10}'


def test_usage_has_parts_that_do_not_overlap():
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 50,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4},
    }
    _, event = read(whole([], usage=usage))

    assert event.usage == Usage(input=10, cached_input=100, cache_write=20, cache_write_1h=30, output=5, reasoning=4)
    assert json.loads(event.data)["usage"]["prompt_tokens"] == 160


def test_a_streams_usage_is_known_with_its_first_word_and_corrected_at_its_end():
    told = events(start(cache_read_input_tokens=7), *block(0, TEXT, say("Hi")), *end(input_tokens=11))

    assert [event.usage for event in told if event.usage] == [
        Usage(input=10, cached_input=7, output=1),
        Usage(input=11, cached_input=7, output=5),
    ]


@pytest.mark.parametrize("count", [-1, 10**15])
def test_absurd_counts_are_bounded(count):
    _, event = read(whole([], usage={"input_tokens": count, "output_tokens": None}))

    assert event.usage in (Usage(), Usage(input=10**12))


def test_nothing_is_said_before_the_model_has_spoken():
    reader = decoder(stream=True)

    assert not reader.decode(frame(start()))
    assert not reader.decode(frame({"type": "ping"}))
    assert not reader.decode(b": comment\n\n")
    assert not reader.decode(frame({"type": "content_block_start", "index": 0, "content_block": TEXT}))
    assert reader.decode(frame({"type": "content_block_delta", "index": 0, "delta": say("Hi")}))


def test_what_is_not_known_is_left_out():
    found = deltas(
        start(),
        {"type": "brand_new", "delta": "odd", "usage": 7},
        *block(
            0,
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            {"type": "input_json_delta", "partial_json": '{"q'},
        ),
        *block(1, {"type": "odd_block", "text": {"not": "text"}}, {"type": "odd_delta", "text": 7}, say("stray")),
        *block(2, TEXT, say("Hi"), {"type": "odd_delta", "text": "no"}),
        *end(),
    )
    choice, _ = read(whole([{"type": "odd_block", "text": [1]}, {"type": "text", "text": "Hi"}]))

    assert [delta["content"] for delta in found] == ["Hi"]
    assert choice["message"]["content"] == "Hi"


def test_empty_content_is_an_empty_answer():
    choice, _ = read(whole([]))

    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "stop")
    assert events(start(), *end())[-1].data == b"data: [DONE]\n\n"


def test_a_refusal_says_why():
    details = {"type": "refusal", "category": "cyber", "explanation": "Not this."}
    choice, _ = read(whole([], "refusal", stop_details=details))
    streamed = deltas(start(), *end("refusal", details))

    assert choice["message"]["refusal"] == "Not this."
    extra = {"stop_reason": "refusal", "stop_details": details}
    assert choice["message"]["extra_content"] == {"anthropic": extra}
    assert streamed[0]["refusal"] == "Not this."
    assert streamed[1]["extra_content"] == {"anthropic": extra}


def test_sources_with_an_address_are_annotations_and_others_are_kept():
    web = {"type": "web_search_result_location", "url": "https://a.test", "title": "A", "cited_text": "c"}
    page = {"type": "page_location", "document_index": 0, "start_page_number": 1, "cited_text": "d"}
    cited = {"type": "text", "text": "So.", "citations": [web, page]}
    choice, _ = read(whole([{"type": "text", "text": "Well. "}, cited]))
    streamed = deltas(
        start(),
        *block(0, TEXT, say("Well. ")),
        *block(1, TEXT, *({"type": "citations_delta", "citation": each} for each in (web, page)), say("So.")),
        *end(),
    )

    annotation = {"url": "https://a.test", "title": "A", "content": "c", "start_index": 6, "end_index": 9}
    assert choice["message"]["annotations"] == [{"type": "url_citation", "url_citation": annotation}]
    assert choice["message"]["extra_content"] == {"anthropic": {"citations": [page]}}
    assert [delta for delta in streamed if "content" not in delta] == [
        {"extra_content": choice["message"]["extra_content"]},
        {"annotations": choice["message"]["annotations"]},
    ]


def test_an_error_in_a_stream_is_raised_with_its_reason():
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded sk-ant-secret"}}
    for before in ((), (start(), *block(0, TEXT, say("Hi"))[:2])):
        with pytest.raises(UpstreamError) as caught:
            events(*before, error)
        assert (caught.value.reason, caught.value.status) == (Reason.OVERLOADED, 529)
        assert "secret" not in str(caught.value)
    with pytest.raises(UpstreamError, match="Overloaded"):
        decoder().decode(json.dumps(error).encode())


def test_a_stream_that_has_said_why_it_ends_is_whole():
    assert events(start(), *block(0, TEXT, say("Hi")), end()[0])[-1].data == b"data: [DONE]\n\n"


def test_a_stream_that_breaks_off_is_an_error():
    with pytest.raises(UpstreamError) as caught:
        events(start(), *block(0, TEXT, say("Hi")))
    assert caught.value.reason is Reason.CLOSED


def test_nothing_after_the_end_is_read():
    assert events(start(), *end(), {"type": "error", "error": {}})[-1].data == b"data: [DONE]\n\n"


def test_a_whole_reply_to_a_streaming_client_is_streamed():
    reader = decoder(stream=True, head=JSON)
    told = reader.decode(json.dumps(whole([{"type": "text", "text": "Hi"}])).encode())

    assert reader.framing == "whole"
    assert told[-1].data == b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"content": 1}',
        b'{"content": [1]}',
        b'{"content": [{"type": "text", "text": 1}]}',
        b"\xff",
        b"[" * 5000,
    ],
)
def test_what_is_no_message_is_unreadable(body):
    with pytest.raises(UpstreamError) as caught:
        decoder().decode(body)
    assert caught.value.reason is Reason.UNREADABLE


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = ("type", "text", "thinking", "signature", "partial_json", "citation", "id", "name", "input", "stop_reason")
_TYPES = ("text", "thinking", "tool_use", "redacted_thinking", "text_delta", "input_json_delta", "citations_delta")
_HELD = st.dictionaries(st.sampled_from(_FIELDS), st.sampled_from(_TYPES) | _JSON, max_size=5)
_EVENT = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta")
        )
    },
    optional={"index": _JSON, "delta": _HELD, "content_block": _HELD, "message": _HELD | _JSON, "usage": _JSON},
)


@given(st.lists(_EVENT, max_size=8))
@settings(max_examples=300, deadline=None)
def test_whatever_comes_is_events_or_an_upstream_error(given):
    try:
        told = events(*given)
    except UpstreamError:
        return
    assert told[-1].data == b"data: [DONE]\n\n"


def test_what_it_took_to_compact_a_context_is_billed_beside_the_answer():
    iterations = [
        {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3_500, "cache_creation_input_tokens": 7},
        {"type": "message", "input_tokens": 23_000, "output_tokens": 1_000},
    ]
    counts = {"input_tokens": 23_000, "output_tokens": 1_000, "iterations": iterations}
    billed = Usage(input=203_000, output=4_500, cache_write=7)

    _, event = read(whole([{"type": "text", "text": "Hi"}], usage=counts))
    assert event.usage == billed
    # A stream tells it with its end, all that was before included.
    ends = end(**counts)
    found = events(start(input_tokens=23_000), *block(0, TEXT, say("Hi")), ends[0], *ends)
    assert [event.usage for event in found if event.is_usage_frame] == [billed]
