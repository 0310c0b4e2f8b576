"""Chat completions in OpenAI's format: as chunks, and as one message."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.core.errors import Reason, UpstreamError
from gateway.core.usage import Usage
from gateway.providers.client.chat import Chat, Thought
from gateway.providers.client.chunk_writer import ChunkWriter
from gateway.providers.client.message_writer import MessageWriter
from tests.openapi import SPEC, validator
from tests.providers.calls import json_call
from tests.providers.client.joining import chunks_of, joined

BOTH = pytest.mark.parametrize("write", [ChunkWriter, MessageWriter])


def writer(write, **given):
    return write(**{"id": "chatcmpl-r1", "model": "m-1", "created": 1_760_000_000, **given})


def told(writer, calls):
    """The events of a writer that is told ``calls``, taken after each of them."""
    events = []
    for name, *values in calls:
        getattr(writer, name)(*values)
        events += writer.take()
    writer.close()
    return [*events, *writer.take()]


def whole_of(calls, **given):
    (event,) = told(writer(MessageWriter, **given), calls)
    return json.loads(event.data)


def chunks(calls, **given):
    return chunks_of(told(writer(ChunkWriter, **given), calls))


text = st.text(max_size=12)
small = st.none() | st.integers(0, 2)
thoughts = st.builds(
    Thought,
    type=st.sampled_from(["reasoning.text", "reasoning.summary", "reasoning.encrypted"]),
    text=st.none() | text,
    signature=st.none() | text,
    summary=st.none() | text,
    data=st.none() | text,
    id=st.none() | st.text(min_size=1, max_size=4),
    format=st.none() | st.just("anthropic-claude-v1"),
    index=small,
)
usages = st.builds(
    Usage,
    input=st.integers(0, 99),
    cached_input=st.integers(0, 9),
    cache_write=st.integers(0, 9),
    image_input=st.integers(0, 9),
    output=st.integers(0, 99),
    reasoning=st.integers(0, 9),
    image_output=st.integers(0, 9),
)
CITATION = {
    "type": "url_citation",
    "url_citation": {"start_index": 0, "end_index": 1, "title": "t", "url": "https://a"},
}
words = st.one_of(
    st.tuples(st.just("text"), text),
    st.tuples(st.just("refusal"), text),
    st.tuples(st.just("thought"), thoughts),
    st.tuples(st.just("tool_call"), st.sampled_from(["", "call_1"]), st.text(min_size=1, max_size=6)),
    st.tuples(st.just("arguments"), text),
    st.tuples(st.just("image"), st.just("image/png"), st.sampled_from(["QUJD", "REVG"])),
    st.tuples(st.just("cite"), st.just(CITATION)),
    st.tuples(st.just("extra"), st.sampled_from(["google", "aws"]), st.dictionaries(text, text, max_size=2)),
    st.tuples(st.just("finish"), st.sampled_from(["stop", "length", "tool_calls", "content_filter"])),
    st.tuples(st.just("usage"), usages),
)
names = st.lists(st.tuples(st.just("begin"), st.sampled_from(["", "msg_1"]), st.sampled_from(["", "m-2"])), max_size=2)


@st.composite
def replies(draw):
    """What a decoder may tell: names, then words of any order (arguments after a call), and why it ended."""
    said = []
    has_call = False
    for call in draw(st.lists(words, max_size=12)):
        has_call = has_call or call[0] == "tool_call"
        if call[0] != "arguments" or has_call:
            said.append(call)
    return said, draw(names), draw(st.sampled_from(["stop", "tool_calls"]))


def tell(write, reply):
    said, begun, finish = reply
    making = writer(write, image_line="low/1024x1024")
    for _, id, model in begun:
        making.begin(id=id, model=model)
    return told(making, [*said, ("finish", finish)])


@given(replies())
def test_the_chunks_joined_are_the_message(reply):
    streamed = joined(chunks_of(tell(ChunkWriter, reply)))
    (whole,) = tell(MessageWriter, reply)

    assert streamed == json.loads(whole.data)


@given(replies())
def test_both_ways_cost_the_same_and_end_the_same(reply):
    streamed = tell(ChunkWriter, reply)
    (whole,) = tell(MessageWriter, reply)

    official = [event.usage for event in streamed if event.is_usage_frame]
    assert official == ([whole.usage] if whole.usage is not None else [])
    assert [event.finish for event in streamed if event.finish] == [whole.finish]


@given(replies())
def test_the_sdk_reads_all_that_is_written(reply):
    (whole,) = tell(MessageWriter, reply)
    ChatCompletion.model_validate_json(whole.data, strict=True)
    for chunk in chunks_of(tell(ChunkWriter, reply)):
        ChatCompletionChunk.model_validate_json(json.dumps(chunk), strict=True)


@pytest.mark.skipif(not SPEC.exists(), reason=f"OpenAI's OpenAPI document is not at {SPEC}")
@given(replies())
def test_openais_schema_allows_all_that_is_written(reply):
    (whole,) = tell(MessageWriter, reply)
    validator("CreateChatCompletionResponse").validate(json.loads(whole.data))
    for chunk in chunks_of(tell(ChunkWriter, reply)):
        validator("CreateChatCompletionStreamResponse").validate(chunk)


@given(replies())
def test_what_was_written_can_be_said_again_in_the_next_turn(reply):
    (whole,) = tell(MessageWriter, reply)
    message = json.loads(whole.data)["choices"][0]["message"]
    (again,) = Chat.of(json_call({"messages": [message]})).messages

    assert again.text == (message["content"] or "")
    assert [call.id for call in again.tool_calls or ()] == [call["id"] for call in message.get("tool_calls", ())]
    assert len(again.reasoning_details or ()) == len(message.get("reasoning_details", ()))


def test_the_role_rides_on_the_first_chunk_and_the_reason_of_the_end_on_the_last():
    first, second, last = chunks([("text", "a "), ("text", "sea"), ("finish", "stop")])

    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "a "}
    assert second["choices"][0] == {"index": 0, "delta": {"content": "sea"}, "logprobs": None, "finish_reason": None}
    assert last["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}


def test_nothing_is_said_before_the_provider_has():
    making = writer(ChunkWriter)
    making.begin(id="msg_1", model="m-2")
    making.text("")
    making.usage(Usage(input=5))

    assert list(making.take()) == []


def test_what_was_told_together_is_one_event_and_one_write():
    making = writer(ChunkWriter)
    for word in ("a", "sea", "of stones"):
        making.text(word)
    (event,) = making.take()

    assert event.data.count(b"data: ") == 3
    assert event.tokens == 1 + 1 + 3
    assert list(making.take()) == []


def test_a_tool_call_streams_its_arguments_in_pieces():
    made = chunks([("tool_call", "call_1", "f"), ("arguments", '{"a"'), ("arguments", ":1}"), ("finish", "tool_calls")])
    calls = [chunk["choices"][0]["delta"].get("tool_calls") for chunk in made]

    assert calls == [
        [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}],
        [{"index": 0, "function": {"arguments": '{"a"'}}],
        [{"index": 0, "function": {"arguments": ":1}"}}],
        None,
    ]


def test_made_up_ids_are_all_different_and_any_provider_takes_them_back():
    calls = [*[("tool_call", "", "f")] * 40, ("finish", "tool_calls")]
    made = [
        call["id"]
        for name, created in (("chatcmpl-r1", 1), ("chatcmpl-r2", 1), ("chatcmpl-r1", 2), (f"chatcmpl-{'é' * 200}", 1))
        for call in whole_of(calls, id=name, created=created)["choices"][0]["message"]["tool_calls"]
    ]

    assert len(set(made)) == 4 * 40
    # OpenAI takes 40 characters, Anthropic and Bedrock these.
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{9,40}", id) for id in made)


@BOTH
def test_arguments_of_no_call_are_the_providers_fault(write):
    with pytest.raises(UpstreamError) as caught:
        writer(write).arguments("{}")

    assert caught.value.reason is Reason.UNREADABLE


@BOTH
def test_a_reply_that_does_not_say_why_it_ended_is_none(write):
    making = writer(write)
    making.text("a sea")
    with pytest.raises(UpstreamError) as caught:
        making.close()

    assert caught.value.reason is Reason.UNREADABLE


def test_of_several_reasons_of_the_end_the_last_is_said_and_said_once():
    made = chunks([("text", "a "), ("finish", "stop"), ("text", "sea"), ("finish", "length")])

    assert [chunk["choices"][0]["finish_reason"] for chunk in made] == [None, None, "length"]


@pytest.mark.parametrize(
    ("told_first", "content"),
    [
        ([], ""),
        ([("text", "")], ""),
        ([("text", "a sea")], "a sea"),
        ([("tool_call", "c", "f")], None),
        ([("refusal", "no")], None),
        ([("image", "image/png", "QUJD")], None),
        ([("text", "a sea"), ("tool_call", "c", "f")], "a sea"),
    ],
)
def test_a_message_has_no_content_only_where_it_has_something_else(told_first, content):
    message = whole_of([*told_first, ("finish", "stop")])["choices"][0]["message"]

    assert message["content"] == content


def test_pieces_of_a_thought_are_one_block_also_where_others_come_between():
    said = [
        ("thought", Thought(text="hm", index=0)),
        ("thought", Thought(type="reasoning.encrypted", data="x", index=1)),
        ("thought", Thought(text=" yes", index=0)),
        ("thought", Thought(signature="s", index=0)),
        ("finish", "stop"),
    ]
    message = whole_of(said)["choices"][0]["message"]

    assert message["reasoning_content"] == "hm yes"
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm yes", "signature": "s", "index": 0},
        {"type": "reasoning.encrypted", "data": "x", "index": 1},
    ]


def test_thoughts_without_an_index_are_blocks_of_their_own():
    said = [("thought", Thought(text="a")), ("thought", Thought(text="b")), ("finish", "stop")]

    assert len(whole_of(said)["choices"][0]["message"]["reasoning_details"]) == 2


def test_pictures_are_where_openrouter_puts_them_and_count_as_produced():
    said = [("image", "image/png", "QUJD"), ("usage", Usage(input=1, image_output=9)), ("finish", "stop")]
    (event,) = told(writer(MessageWriter, image_line="low/1024x1024"), said)
    (image,) = json.loads(event.data)["choices"][0]["message"]["images"]

    assert image == {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}, "index": 0}
    assert (event.usage.images, event.usage.image_line) == (1, "low/1024x1024")


def test_the_name_of_a_stream_does_not_change_once_it_was_told():
    making = writer(ChunkWriter)
    making.begin(id="msg_1", model="m-2")
    making.text("a")
    making.begin(id="msg_2", model="m-3")
    made = chunks_of(told(making, [("text", "b"), ("finish", "stop")]))

    assert {(chunk["id"], chunk["model"]) for chunk in made} == {("msg_1", "m-2")}


def test_usage_is_told_with_the_parts_that_its_totals_hold():
    usage = Usage(input=10, cached_input=4, cache_write=3, image_input=2, output=7, reasoning=5)
    made = whole_of([("text", "a"), ("finish", "stop"), ("usage", usage)])["usage"]

    assert (made["prompt_tokens"], made["completion_tokens"], made["total_tokens"]) == (19, 12, 31)
    assert made["prompt_tokens_details"]["cached_tokens"] == 4
    assert made["completion_tokens_details"]["reasoning_tokens"] == 5


def test_usage_that_comes_early_counts_and_what_was_told_before_it_is_not_counted_again():
    making = writer(ChunkWriter)
    making.text("four")
    making.usage(Usage(input=10, output=1))
    making.text("and four")
    (event,) = making.take()

    assert (event.usage, event.tokens) == (Usage(input=10, output=1), 2)
    assert not event.is_usage_frame


def test_a_reply_without_usage_says_none():
    assert "usage" not in whole_of([("text", "a"), ("finish", "stop")])
    assert not any("usage" in chunk for chunk in chunks([("text", "a"), ("finish", "stop")]))


def test_openai_s_own_sdk_joins_a_stream_with_several_of_everything():
    sources = [
        {"type": "url_citation", "url_citation": {"url": url, "title": url}} for url in ("https://a", "https://b")
    ]
    state = ChatCompletionStreamState()
    reply = [
        ("thought", Thought(text="Hm, ", format="f", index=0)),
        ("thought", Thought(text="so.", format="f", index=0)),
        ("text", "Well "),
        ("cite", sources[0]),
        ("image", "image/png", "aQ=="),
        ("text", "then."),
        ("cite", sources[1]),
        ("image", "image/png", "ag=="),
        ("tool_call", "a", "f"),
        ("arguments", "{}"),
        ("tool_call", "b", "f"),
        ("arguments", "{}"),
        ("extra", "google", {"grounding": [{"x": 1}]}),
        ("finish", "tool_calls"),
    ]
    for chunk in chunks(reply):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    message = state.get_final_completion().choices[0].message.to_dict()

    assert [source["url_citation"]["url"] for source in message["annotations"]] == ["https://a", "https://b"]
    assert [picture["image_url"]["url"][-4:] for picture in message["images"]] == ["aQ==", "ag=="]
    assert [call["id"] for call in message["tool_calls"]] == ["a", "b"]
    assert (message["content"], message["reasoning_details"][0]["text"]) == ("Well then.", "Hm, so.")
