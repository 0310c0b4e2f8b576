"""Replies of Converse in OpenAI's words, whole and streamed alike."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.errors import Reason, UpstreamError
from gateway.core.types import Capabilities, Endpoint, Feature, Needs
from gateway.core.usage import Usage
from gateway.providers.bedrock.tools import JSON_TOOL
from tests.providers.bedrock.asking import (
    CLAUDE,
    NOVA,
    NOVA_2,
    OK,
    PIXEL,
    bedrock,
    body_of,
    chat_call,
    chunks_of,
    deltas,
    events,
    read_stream,
    read_whole,
    reply,
    target,
)
from tests.providers.calls import json_call
from tests.wire.messages import event, exception, message

STOP = event("messageStop", {"stopReason": "end_turn", "p": "abc"})
USAGE = event("metadata", {"usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}, "metrics": {}})
BEGIN = event("messageStart", {"role": "assistant", "p": "ab"})
SCHEMA = {"type": "json_schema", "json_schema": {"name": "point", "schema": {"type": "object"}}}


def delta(index: int = 0, **fields) -> bytes:
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": fields})


def start(index: int, **fields) -> bytes:
    return event("contentBlockStart", {"contentBlockIndex": index, "start": fields})


def end(index: int = 0) -> bytes:
    return event("contentBlockStop", {"contentBlockIndex": index})


def failed(pieces, **options) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        events(pieces, **options)
    return caught.value


def test_a_whole_reply_is_a_chat_completion():
    completion, usage = read_whole(reply({"text": "Hel"}, {"text": "lo"}))
    assert completion == {
        "id": "chatcmpl-call-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": CLAUDE,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": completion["usage"],
    }
    assert usage == Usage(input=5, output=7)


def test_text_streams_as_it_comes():
    chunks = read_stream([BEGIN, delta(text="Hel"), delta(text="lo"), end(), STOP, USAGE])
    assert [each.get("content") for each in deltas(chunks)] == ["Hel", "lo", None]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["total_tokens"] == 7


def test_what_went_through_the_cache_is_not_input_again():
    counts = {"inputTokens": 12, "outputTokens": 185, "cacheReadInputTokens": 1028, "cacheWriteInputTokens": 40}
    counts["cacheDetails"] = [{"ttl": "5m", "inputTokens": 15}, {"ttl": "1h", "inputTokens": 25}]
    counts["totalTokens"] = 1265
    completion, usage = read_whole(reply({"text": "a"}, usage=counts))
    assert usage == Usage(input=12, cached_input=1028, cache_write=15, cache_write_1h=25, output=185)
    assert completion["usage"]["total_tokens"] == counts["totalTokens"]


@pytest.mark.parametrize(
    ("given", "usage"),
    [
        ({"inputTokens": -5, "outputTokens": None}, Usage()),
        ({"inputTokens": 10**18, "outputTokens": 1}, Usage(input=10**12, output=1)),
    ],
)
def test_counts_that_cannot_be_are_brought_into_bounds(given, usage):
    assert read_whole(reply({"text": "a"}, usage=given))[1] == usage


@pytest.mark.parametrize(
    ("reason", "finish", "is_told"),
    [
        ("end_turn", "stop", False),
        ("stop_sequence", "stop", False),
        ("max_tokens", "length", False),
        ("model_context_window_exceeded", "length", True),
        ("guardrail_intervened", "content_filter", True),
        ("content_filtered", "content_filter", True),
        ("something_new", "stop", True),
    ],
)
def test_each_stop_reason_has_its_word(reason, finish, is_told):
    choice = read_whole(reply({"text": "a"}, stop=reason))[0]["choices"][0]
    assert choice["finish_reason"] == finish
    told = {"extra_content": {"aws": {"stopReason": reason}}} if is_told else {}
    assert choice["message"] == {"role": "assistant", "content": "a", "refusal": None, **told}
    chunks = read_stream([BEGIN, delta(text="a"), end(), event("messageStop", {"stopReason": reason}), USAGE])
    assert chunks[-2]["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use"])
def test_a_model_that_failed_is_an_error(reason):
    with pytest.raises(UpstreamError) as caught:
        read_whole(reply({"text": "a"}, stop=reason))
    assert caught.value.reason is Reason.UNREADABLE
    assert failed([BEGIN, event("messageStop", {"stopReason": reason}), USAGE]).reason is Reason.UNREADABLE


def test_tool_calls_in_parallel():
    first = {"toolUse": {"toolUseId": "t1", "name": "look", "input": {"at": "sea"}}}
    second = {"toolUse": {"toolUseId": "t2", "name": "wait", "input": {}}}
    choice = read_whole(reply({"text": "I look."}, first, second, stop="tool_use"))[0]["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"] == [
        {"id": "t1", "type": "function", "function": {"name": "look", "arguments": '{"at": "sea"}'}},
        {"id": "t2", "type": "function", "function": {"name": "wait", "arguments": "{}"}},
    ]


def test_a_tool_call_streams_its_arguments_in_pieces():
    pieces = [start(0, toolUse={"toolUseId": "t1", "name": "look"}), delta(toolUse={"input": ""})]
    pieces += [delta(toolUse={"input": '{"at"'}), delta(toolUse={"input": ':"sea"}'}), end()]
    pieces += [start(1, toolUse={"toolUseId": "t2", "name": "wait"}), end(1)]
    chunks = read_stream([BEGIN, *pieces, event("messageStop", {"stopReason": "tool_use"}), USAGE])
    calls = [call for each in deltas(chunks) for call in each.get("tool_calls", ())]
    assert [(call["index"], call["function"]["arguments"]) for call in calls] == [
        (0, ""),
        (0, '{"at"'),
        (0, ':"sea"}'),
        (1, ""),
        (1, "{}"),
    ]
    assert (calls[0]["id"], calls[3]["id"]) == ("t1", "t2")


def test_arguments_without_a_call_are_no_reply():
    assert failed([BEGIN, delta(toolUse={"input": "{"})]).reason is Reason.UNREADABLE


def test_reasoning_is_read_with_its_signature():
    thought = {"reasoningContent": {"reasoningText": {"text": "So", "signature": "sig"}}}
    hidden = {"reasoningContent": {"redactedContent": "QUJD"}}
    message = read_whole(reply(thought, hidden, {"text": "a"}))[0]["choices"][0]["message"]
    assert message["reasoning_content"] == "So"
    claudes = {"type": "reasoning.text", "text": "So", "signature": "sig", "format": "anthropic-claude-v1", "index": 0}
    secret = {"type": "reasoning.encrypted", "data": "QUJD", "format": "amazon-bedrock-v1", "index": 1}
    assert message["reasoning_details"] == [claudes, secret]
    pieces = [delta(0, reasoningContent={"text": "S"}), delta(0, reasoningContent={"text": "o"})]
    pieces += [delta(0, reasoningContent={"signature": "sig"}), end(0)]
    pieces += [delta(1, reasoningContent={"redactedContent": "QUJD"}), end(1), delta(2, text="a"), end(2)]
    details = [each["reasoning_details"][0] for each in deltas(read_stream([BEGIN, *pieces, STOP, USAGE]))[:-2]]
    assert [each.get("text") or each.get("signature") for each in details[:3]] == ["S", "o", "sig"]
    assert details[3] == secret
    nova = read_whole(reply(thought, {"text": "a"}), model=NOVA_2)[0]["choices"][0]["message"]
    assert nova["reasoning_details"][0]["format"] == "amazon-bedrock-v1"


def test_a_guardrail_s_trace_is_kept():
    trace = {"guardrail": {"actionReason": "Guardrail blocked."}}
    message = read_whole(reply({"text": "No."}, stop="guardrail_intervened", trace=trace))[0]["choices"][0]["message"]
    assert message["extra_content"]["aws"] == {"stopReason": "guardrail_intervened", "trace": trace}
    stop = event("messageStop", {"stopReason": "guardrail_intervened"})
    streamed = deltas(read_stream([BEGIN, delta(text="No."), end(), stop, event("metadata", {"trace": trace})]))
    extra = next(each["extra_content"] for each in streamed if "extra_content" in each)
    assert extra["aws"] == {"stopReason": "guardrail_intervened", "trace": trace}


def test_tools_that_ran_at_bedrock_are_no_calls_of_the_client_s():
    use = {"toolUseId": "t", "name": "nova_code_interpreter", "type": "server_tool_use"}
    result = {"toolUseId": "t", "status": "success", "type": "nova_code_interpreter_result"}
    pieces = [start(0, toolUse=use), delta(toolUse={"input": '{"a"'}), delta(toolUse={"input": ":1}"}), end(0)]
    pieces += [start(1, toolResult=result), delta(1, toolResult=[{"json": {"stdOut": "1"}}]), end(1)]
    chunks = deltas(read_stream([BEGIN, *pieces, delta(2, text="1"), end(2), STOP, USAGE], model=NOVA_2))
    assert not any("tool_calls" in each for each in chunks)
    (ran,) = [each["extra_content"]["aws"]["serverTools"] for each in chunks if "extra_content" in each]
    assert ran[0] == {"toolUse": {"toolUseId": "t", "name": "nova_code_interpreter", "input": '{"a":1}'}}
    whole = reply({"toolUse": {**use, "input": {"a": 1}}}, {"toolResult": result}, {"text": "1"})
    choice = read_whole(whole, model=NOVA_2)[0]["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("stop", "1")
    assert len(choice["message"]["extra_content"]["aws"]["serverTools"]) == 2


@pytest.mark.parametrize("stop", ["tool_use", "end_turn"])
def test_an_answer_given_as_a_tool_s_input_is_the_text(stop):
    call = chat_call(response_format=SCHEMA)
    answer = {"toolUse": {"toolUseId": "t", "name": JSON_TOOL, "input": {"x": 1}}}
    choice = read_whole(reply(answer, stop=stop), call=call)[0]["choices"][0]
    assert (choice["finish_reason"], json.loads(choice["message"]["content"])) == ("stop", {"x": 1})
    assert "tool_calls" not in choice["message"]
    pieces = [start(0, toolUse={"toolUseId": "t", "name": JSON_TOOL}), delta(toolUse={"input": '{"x"'})]
    pieces += [delta(toolUse={"input": ":1}"}), end(), event("messageStop", {"stopReason": stop}), USAGE]
    chunks = read_stream([BEGIN, *pieces], call=chat_call(stream=True, response_format=SCHEMA))
    assert "".join(each.get("content", "") for each in deltas(chunks)) == '{"x":1}'


def test_pictures_come_whole_also_where_they_are_streamed_in_pieces():
    image = {"image": {"format": "png", "source": {"bytes": PIXEL}}}
    message = read_whole(reply({"text": "Here"}, image))[0]["choices"][0]["message"]
    url = f"data:image/png;base64,{PIXEL}"
    assert message["images"] == [{"type": "image_url", "image_url": {"url": url}, "index": 0}]
    raw = base64.b64decode(PIXEL)
    halves = [base64.b64encode(half).decode() for half in (raw[:10], raw[10:])]
    pieces = [start(0, image={"format": "png"}), *(delta(image={"source": {"bytes": half}}) for half in halves), end()]
    chunks = deltas(read_stream([BEGIN, *pieces, STOP, USAGE]))
    assert [each["images"][0]["image_url"]["url"] for each in chunks if "images" in each] == [url]
    broken = [start(0, image={}), delta(image={"source": {"bytes": "A"}}), delta(image={"source": {"bytes": "?"}})]
    assert failed([BEGIN, *broken, end()]).reason is Reason.UNREADABLE


def test_an_images_call_is_answered_by_a_model_that_talks():
    call = json_call({"model": "m", "prompt": "a cat"}, Endpoint.IMAGE_GENERATIONS, needs=Needs(images=1))
    image = {"image": {"format": "png", "source": {"bytes": PIXEL}}}
    given = json.dumps(reply({"text": "Here"}, image)).encode()
    talks = Capabilities(endpoints=frozenset({Endpoint.CHAT}), features=frozenset({Feature.IMAGE_OUTPUT}))
    drawing = target(NOVA, capabilities=talks)
    assert body_of(bedrock().encode(call, drawing)) == {"messages": [{"role": "user", "content": [{"text": "a cat"}]}]}
    (event,) = bedrock().decoder(call, drawing, OK).decode(given)
    assert json.loads(event.data)["data"] == [{"b64_json": PIXEL}]


def test_sources_on_the_web_are_cited_and_documents_are_kept():
    web = {"title": "T", "location": {"web": {"url": "https://a.test", "domain": "a.test"}}}
    page = {"title": "P", "location": {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}}}
    block = {"citationsContent": {"content": [{"text": "sea"}], "citations": [web, page]}}
    message = read_whole(reply({"text": "The "}, block))[0]["choices"][0]["message"]
    assert message["content"] == "The sea"
    cited = {"url": "https://a.test", "title": "T", "start_index": 4, "end_index": 7}
    assert message["annotations"] == [{"type": "url_citation", "url_citation": cited}]
    assert message["extra_content"] == {"aws": {"citations": [page]}}
    pieces = [delta(0, text="The "), end(0), delta(1, text="sea"), delta(1, citation=web), delta(1, citation=page)]
    chunks = deltas(read_stream([BEGIN, *pieces, end(1), STOP, USAGE]))
    assert [each["annotations"] for each in chunks if "annotations" in each] == [message["annotations"]]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("throttlingException", Reason.RATE_LIMITED),
        ("serviceUnavailableException", Reason.OVERLOADED),
        ("modelStreamErrorException", Reason.SERVER_ERROR),
        ("internalServerException", Reason.SERVER_ERROR),
        ("modelTimeoutException", Reason.SERVER_ERROR),
        ("validationException", Reason.INVALID_REQUEST),
        ("someNewException", Reason.SERVER_ERROR),
    ],
)
@pytest.mark.parametrize("before", [[], [BEGIN], [BEGIN, delta(text="Hel")]])
def test_an_exception_in_the_stream_is_an_error(name, reason, before):
    error = failed([*before, exception(name, {"message": "sk-secret went wrong"})])
    assert (error.reason, error.message) == (reason, "[redacted] went wrong")


def test_an_exception_before_the_first_word_leaves_the_call_to_others():
    decoder = bedrock().decoder(chat_call(stream=True), target(), OK)
    assert not decoder.decode(BEGIN)
    with pytest.raises(UpstreamError):
        decoder.decode(exception("throttlingException", {"message": "slow down"}))


def test_an_error_that_stands_in_the_headers_is_read():
    headers = {":message-type": "error", ":error-code": "ThrottlingException", ":error-message": "slow down"}
    error = failed([BEGIN, message(headers)])
    assert (error.reason, error.message) == (Reason.RATE_LIMITED, "slow down")


def test_a_stream_that_ends_before_its_reply_is_broken_off():
    for pieces in ([], [BEGIN], [BEGIN, delta(text="a")], [BEGIN, delta(text="a"), end()], [BEGIN, STOP[:-1]]):
        assert failed(pieces).reason is Reason.CLOSED
    assert failed([BEGIN, USAGE]).reason is Reason.UNREADABLE


def test_a_stream_that_lacks_but_its_usage_is_whole():
    chunks = read_stream([BEGIN, delta(text="a"), end(), STOP])
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_what_is_not_known_is_left_out():
    odd = [event("contentBlockPause", {"a": 1}), delta(hologram={"a": 1}), start(1, hologram={}), message({})]
    odd += [message({":message-type": "event", ":event-type": "initial-response"}, b"{}")]
    chunks = read_stream([BEGIN, *odd, delta(text="a"), end(), STOP, USAGE, delta(text="too late")])
    assert "".join(each.get("content", "") for each in deltas(chunks)) == "a"
    assert read_whole(reply({"hologram": 1}, {"text": "a"}))[0]["choices"][0]["message"]["content"] == "a"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"{",
        b'{"output":{}}',
        b'{"output":{"message":{"content":null}},"stopReason":"end_turn"}',
        b'{"output":{"message":{"content":[{"text":1}]}},"stopReason":"end_turn"}',
        b'{"output":{"message":{"content":[{"text":"a"}]}}}',
        b'{"output":{"message":{"content":[{"text":"\xff"}]}},"stopReason":"end_turn"}',
        b'{"output":' + b"[" * 100_000,
        b'{"stopReason":"end_turn","trace":' + b"[" * 900 + b"]" * 900 + b"}",
    ],
)
def test_a_body_that_is_no_reply_is_unreadable(body):
    with pytest.raises(UpstreamError) as caught:
        read_whole(body)
    assert caught.value.reason is Reason.UNREADABLE


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"{", b'{"delta":{"text":1}}', b"\xff", b"[" * 100_000])
def test_a_payload_that_is_none_is_unreadable(payload):
    headers = {":message-type": "event", ":event-type": "contentBlockDelta"}
    assert failed([BEGIN, message(headers, payload)]).reason is Reason.UNREADABLE


CONTENT = [
    BEGIN,
    delta(0, reasoningContent={"text": "Hm"}),
    delta(0, reasoningContent={"signature": "s"}),
    end(0),
    delta(1, text="Grüße"),
    end(1),
    start(2, toolUse={"toolUseId": "t", "name": "look"}),
    delta(2, toolUse={"input": '{"a":"ü"}'}),
    end(2),
    event("messageStop", {"stopReason": "tool_use"}),
    USAGE,
]


def test_each_byte_alone_gives_the_same_events():
    data = b"".join(CONTENT)
    assert events(data[at : at + 1] for at in range(len(data))) == events([data])


def test_a_stream_cut_short_anywhere_is_an_error():
    data = b"".join(CONTENT)
    whole = len(data) - len(USAGE)
    for size in range(len(data)):
        if size == whole:
            assert chunks_of(events([data[:size]]))
            continue
        assert failed([data[:size]]).reason is Reason.CLOSED


NAMES = ["delta", "start", "text", "toolUse", "input", "name", "reasoningContent", "image", "source", "bytes", "usage"]
NAMES += ["inputTokens", "stopReason", "trace", "citation", "location", "web", "url", "toolResult", "type"]
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"]),
            junk,
        ),
        max_size=6,
    )
)
def test_any_events_are_a_reply_or_an_error(given):
    try:
        data = events([event(kind, payload) for kind, payload in given])
    except UpstreamError:
        return
    assert data.endswith(b"data: [DONE]\n\n")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(junk, junk, junk)
def test_any_whole_reply_is_a_reply_or_an_error(content, stop, usage):
    given = {"output": {"message": {"content": content}}, "stopReason": stop, "usage": usage, "trace": content}
    try:
        completion, _ = read_whole(given)
    except UpstreamError as error:
        assert error.reason is Reason.UNREADABLE  # noqa: PT017
        return
    assert completion["object"] == "chat.completion"
