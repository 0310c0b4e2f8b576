"""Lookalikes bend the format in replies: what a client gets is straight, whole or streamed alike."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpHead
from gateway.core.kinds import KINDS
from gateway.providers import registry
from tests.providers.calls import TARGET, account, json_call

SSE = HttpHead(200, [(b"content-type", b"text/event-stream")])
JSON = HttpHead(200, [(b"content-type", b"application/json")])
HEAD = {"id": "c", "created": 1, "model": "m"}
NAMES_REASONING = sorted(kind for kind, row in KINDS.items() if row.writes_reasoning)
WRITE_PARTS = sorted(kind for kind, row in KINDS.items() if row.writes_parts)


def decoder(kind, head, **fields):
    return registry.dialect(account(kind)).decoder(json_call({"model": "p", "messages": []}, **fields), TARGET, head)


def whole(kind, message):
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    body = json.dumps({**HEAD, "object": "chat.completion", "choices": [choice]}).encode()
    (event,) = decoder(kind, JSON).decode(b"\n  " + body)
    ChatCompletion.model_validate_json(event.data)
    return json.loads(event.data)["choices"][0]["message"], event


def frame(delta, finish=None, mark="\n\n", separators=(",", ":")):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {**HEAD, "object": "chat.completion.chunk", "choices": [choice]}
    return f"data: {json.dumps(chunk, separators=separators)}{mark}".encode()


def streamed(kind, delta, **form):
    (event,) = decoder(kind, SSE, stream=True).decode(frame(delta, **form))
    data = event.data.strip().removeprefix(b"data: ")
    ChatCompletionChunk.model_validate_json(data)
    return json.loads(data)["choices"][0]["delta"], event


TEXTS = ["We", 'a "quoted\\" \n word', '"', "\\", 'x","reasoning":"y', "naïve ✓"]


class TestReasoning:
    @pytest.mark.parametrize("kind", NAMES_REASONING)
    @pytest.mark.parametrize("said", TEXTS)
    def test_it_is_found_under_the_usual_name_and_under_their_own(self, kind, said):
        expected = {"content": "", "reasoning": said, "reasoning_content": said}

        assert streamed(kind, {"content": "", "reasoning": said})[0] == expected
        assert whole(kind, {"content": "", "reasoning": said})[0] == {"role": "assistant", **expected}

    def test_spaces_and_other_line_ends_change_nothing(self):
        for form in ({"separators": (", ", ": ")}, {"mark": "\r\n\r\n"}):
            assert streamed("groq", {"reasoning": "We"}, **form)[0]["reasoning_content"] == "We"

    @pytest.mark.parametrize(
        "delta",
        [
            {"content": "x", "reasoning": None},
            {"content": "", "reasoning": ""},
            {"content": 'about "reasoning": it is hard'},
            {"reasoning": "a", "reasoning_content": "a"},
            {"reasoning": {"text": "a"}},
        ],
    )
    def test_a_chunk_that_needs_nothing_stays_the_bytes_that_came(self, delta):
        assert streamed("groq", delta)[1].data == frame(delta)

    def test_it_is_counted_once(self):
        text = "four letter word" * 10
        tokens = decoder("openai", SSE, stream=True).decode(frame({"reasoning": text}))[0].tokens

        assert streamed("groq", {"reasoning": text})[1].tokens == tokens
        assert whole("groq", {"reasoning": text})[1].tokens == whole("openai", {"reasoning": text})[1].tokens

    @given(st.text())
    def test_any_text_survives(self, said):
        delta, _ = streamed("openrouter", {"reasoning": said})

        assert delta["reasoning"] == said
        assert delta.get("reasoning_content", "") == said

    def test_others_are_left_alone(self):
        for kind in ("openai", "xai", "deepseek"):
            assert streamed(kind, {"reasoning": "We"})[1].data == frame({"reasoning": "We"})


class TestFinish:
    @pytest.mark.parametrize(
        ("kind", "theirs", "ours"),
        [
            ("mistral", "model_length", "length"),
            ("zai", "sensitive", "content_filter"),
            ("together", "eos", "stop"),
            ("huggingface", "eos_token", "stop"),
            ("mistral", "stop", "stop"),
        ],
    )
    def test_it_is_told_in_openais_words(self, kind, theirs, ours):
        (event,) = decoder(kind, SSE, stream=True).decode(frame({}, theirs))
        assert event.finish == ours
        assert ChatCompletionChunk.model_validate_json(event.data[6:]).choices[0].finish_reason == ours

        choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": theirs}
        body = json.dumps({**HEAD, "object": "chat.completion", "choices": [choice]})
        (event,) = decoder(kind, JSON).decode(body.encode())
        assert event.finish == ours
        assert ChatCompletion.model_validate_json(event.data).choices[0].finish_reason == ours

    @pytest.mark.parametrize("kind", ["openrouter", "mistral", "zai", "deepseek"])
    @pytest.mark.parametrize("theirs", ["error", "network_error", "insufficient_system_resource"])
    def test_a_fault_of_the_provider_is_no_end_of_the_answer(self, kind, theirs):
        with pytest.raises(UpstreamError) as caught:
            decoder(kind, SSE, stream=True).decode(frame({"content": ""}, theirs))
        assert caught.value.reason is Reason.SERVER_ERROR
        assert theirs in caught.value.message

        choice = {"index": 0, "message": {"content": ""}, "finish_reason": theirs}
        choice["error"] = {"code": 429, "message": "Provider returned error", "metadata": {"raw": "slow down"}}
        with pytest.raises(UpstreamError) as caught:
            decoder(kind, JSON).decode(json.dumps({"choices": [choice]}).encode())
        assert caught.value.reason is Reason.RATE_LIMITED
        assert caught.value.message == "Provider returned error slow down"


THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "12 "}, {"type": "text", "text": "twelves"}]}
REASONING = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "12 twelves", "signature": "s"}]}
REFERENCE = {"type": "reference", "reference_ids": [1, 2]}


class TestParts:
    @pytest.mark.parametrize("kind", WRITE_PARTS)
    @pytest.mark.parametrize("thought", [THINKING, REASONING, {"type": "thinking", "thinking": "12 twelves"}])
    def test_a_list_becomes_a_text_and_its_reasoning(self, kind, thought):
        content = [thought, {"type": "text", "text": "14"}, {"type": "text", "text": "4"}]
        expected = {"content": "144", "reasoning_content": "12 twelves"}

        assert streamed(kind, {"content": content})[0] == expected
        assert whole(kind, {"content": content})[0] == {"role": "assistant", **expected}

    def test_what_is_no_text_is_kept_apart(self):
        content = [{"type": "text", "text": "So it is"}, REFERENCE]

        delta, _ = streamed("mistral", {"content": content})

        assert delta == {"content": "So it is", "extra_content": {"content": [REFERENCE]}}

    def test_tool_calls_beside_a_list_stay(self):
        call = {"id": "1", "type": "function", "index": 0, "function": {"name": "f", "arguments": "{}"}}

        message, _ = whole("mistral", {"content": [THINKING], "tool_calls": [call]})

        assert message["content"] == ""
        assert message["tool_calls"] == [call]

    @pytest.mark.parametrize("delta", [{"content": "x"}, {"content": None}, {"content": 'a "content": [1]'}])
    def test_a_chunk_without_a_list_stays_the_bytes_that_came(self, delta):
        assert streamed("mistral", delta)[1].data == frame(delta)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["type", "text", "thinking", "summary", "content", "delta", "choices", "message"]),
                    inner | st.sampled_from(["text", "thinking", "reasoning"]),
                    max_size=4,
                )
            ),
            max_leaves=15,
        )
    )
    def test_parts_of_any_shape_are_an_upstream_error_or_nothing(self, value):
        for kind in ("mistral", "groq"):
            for body in (value, {"choices": [value]}, {"choices": [{"delta": value, "message": value}]}):
                raw = json.dumps(body).encode()
                for head, data in ((JSON, raw), (SSE, b"data: " + raw + b"\n\n")):
                    try:
                        decoder(kind, head, stream=head is SSE).decode(data)
                    except UpstreamError:
                        continue

    def test_nesting_deeper_than_any_stack_is_an_upstream_error_or_nothing(self):
        deep = b'data: {"choices":[{"delta":{"content": [' + b"[" * 100_000

        with pytest.raises(UpstreamError):
            decoder("mistral", SSE, stream=True).decode(deep + b"\n\n")
