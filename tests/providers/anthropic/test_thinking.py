"""Effort, thoughts and their signatures, there and back."""

from __future__ import annotations

import pytest

from gateway.core.errors import InvalidRequest, UpstreamError
from gateway.limits.estimate import UNKNOWN_OUTPUT_TOKENS
from tests.providers.anthropic.asking import HELLO, read, sent, turns, whole

FORMAT = "anthropic-claude-v1"
TOOL = {"type": "function", "function": {"name": "f"}}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "x"}


def signed(index=0, **fields):
    given = {"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": FORMAT, "index": index}
    return {**given, **fields}


def thinks(model, **asked):
    body = sent(model, **asked)
    return body.get("thinking"), body.get("output_config")


@pytest.mark.parametrize(
    ("model", "asked", "thinking", "config"),
    [
        ("claude-3-5-haiku-latest", {"reasoning_effort": "high"}, None, None),
        ("claude-sonnet-4-5", {}, None, None),
        ("claude-sonnet-4-5", {"reasoning_effort": "none"}, None, None),
        ("claude-sonnet-4-5", {"reasoning_effort": "minimal"}, ("enabled", 1024), None),
        ("claude-sonnet-4-5", {"reasoning_effort": "high"}, ("enabled", 16384), None),
        ("claude-sonnet-4-5", {"reasoning": {"max_tokens": 5000}}, ("enabled", 5000), None),
        ("claude-sonnet-4-5", {"reasoning": {"max_tokens": 5}}, ("enabled", 1024), None),
        ("claude-sonnet-4-5", {"reasoning": {"enabled": True}}, ("enabled", 8192), None),
        ("claude-sonnet-4-5", {"reasoning": {"enabled": False}, "reasoning_effort": "high"}, None, None),
        ("claude-sonnet-4-5", {"reasoning_effort": "high", "max_tokens": 4000}, ("enabled", 2976), None),
        ("claude-sonnet-4-5", {"reasoning_effort": "high", "max_tokens": 2000}, None, None),
        ("claude-opus-4-6", {"reasoning_effort": "xhigh"}, "adaptive", {"effort": "high"}),
        ("claude-opus-4-6", {"reasoning": {"effort": "max"}}, "adaptive", {"effort": "max"}),
        ("claude-opus-4-6", {"reasoning": {"enabled": True}}, "adaptive", None),
        ("claude-opus-4-7", {"reasoning_effort": "xhigh"}, "summarized", {"effort": "xhigh"}),
        ("claude-opus-4-7", {"reasoning": {"effort": "low", "exclude": True}}, "omitted", {"effort": "low"}),
        ("claude-opus-4-7", {"reasoning_effort": "none"}, None, None),
        ("claude-opus-5", {}, None, None),
        ("claude-opus-5", {"reasoning_effort": "none"}, "disabled", None),
        ("claude-sonnet-5-5", {"reasoning_effort": "none"}, "between_tools", None),
        ("claude-fable-5", {"reasoning_effort": "none"}, None, {"effort": "low"}),
        ("glm-4.6", {"reasoning_effort": "low"}, ("enabled", 2048), None),
    ],
)
def test_effort_is_said_as_the_generation_has_it(model, asked, thinking, config):
    said, told = thinks(model, **asked)

    if isinstance(thinking, tuple):
        thinking = {"type": thinking[0], "budget_tokens": thinking[1]}
    elif thinking in ("summarized", "omitted"):
        thinking = {"type": "adaptive", "display": thinking}
    elif thinking is not None:
        thinking = {"type": thinking}
    assert (said, told) == (thinking, config)


def test_the_clients_own_words_pass():
    own = {"type": "enabled", "budget_tokens": 2000, "display": "omitted"}

    assert thinks("claude-sonnet-4-5", thinking=own, reasoning_effort="high", max_tokens=9000) == (own, None)
    with pytest.raises(InvalidRequest):
        sent(thinking="yes")


def test_a_tool_that_must_be_called_comes_before_effort():
    forced = {"tools": [TOOL], "tool_choice": "required", "reasoning_effort": "high"}

    assert thinks("claude-sonnet-4-5", **forced) == (None, None)
    assert thinks("claude-opus-5", **forced) == ({"type": "disabled"}, None)
    with pytest.raises(UpstreamError, match="always thinks"):
        sent("claude-opus-5-5", **forced)


def test_a_budget_of_the_clients_own_raises_the_ceiling_no_further_than_what_is_held():
    own = {"type": "enabled", "budget_tokens": 10**6}

    assert sent(thinking=own, most=None)["max_tokens"] == 128_000 < UNKNOWN_OUTPUT_TOKENS
    assert sent(thinking=own, most=64_000)["max_tokens"] == 64_000


def test_no_budget_where_the_turn_to_go_on_with_began_without_a_signed_thought():
    asked = {"tools": [TOOL], "reasoning_effort": "high"}
    unsigned = [HELLO, {"role": "assistant", "tool_calls": [CALL]}, RESULT]
    thought = [HELLO, {"role": "assistant", "tool_calls": [CALL], "reasoning_details": [signed()]}, RESULT]
    own = {"type": "enabled", "budget_tokens": 2000}

    assert thinks("claude-sonnet-4-5", messages=unsigned, **asked) == (None, None)
    assert thinks("claude-sonnet-4-5", messages=unsigned, tools=[TOOL], thinking=own) == (None, None)
    assert thinks("claude-sonnet-4-5", messages=thought, **asked)[0] is not None
    assert thinks("claude-opus-4-6", messages=unsigned, **asked)[0] == {"type": "adaptive"}
    answered = [*unsigned, {"role": "assistant", "content": "Done."}, HELLO]
    assert thinks("claude-sonnet-4-5", messages=answered, **asked)[0] is not None


def test_signed_and_hidden_thoughts_go_back_to_their_places():
    hidden = {"type": "reasoning.encrypted", "data": "ZGF0YQ==", "format": FORMAT, "index": 2}
    (_, content), *_ = turns(
        HELLO,
        {"role": "assistant", "content": "I look.", "tool_calls": [CALL], "reasoning_details": [signed(), hidden]},
        RESULT,
    )[1:]

    assert content == [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "text", "text": "I look."},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
    ]


def test_a_thought_is_never_a_turns_last_block():
    (_, content), *_ = turns(HELLO, {"role": "assistant", "content": "Hi", "reasoning_details": [signed(7)]}, HELLO)[1:]

    assert [block["type"] for block in content] == ["thinking", "text"]
    assert [role for role, _ in turns(HELLO, {"role": "assistant", "reasoning_details": [signed()]}, HELLO)] == ["user"]


@pytest.mark.parametrize(
    "thought",
    [
        signed(format="google-gemini-v1"),
        signed(format=None),
        signed(signature=None),
        {"type": "reasoning.summary", "summary": "Hm.", "format": FORMAT},
    ],
)
def test_thoughts_of_others_and_unsigned_ones_are_left_out(thought):
    message = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm.", "reasoning_details": [thought]}

    assert turns(HELLO, message, HELLO)[1][1] == [{"type": "text", "text": "Hi"}]


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}, {"type": "text", "text": "Hi"}],
        [{"type": "thinking", "thinking": "", "signature": "c2ln"}, {"type": "text", "text": "Hi"}],
        [
            {"type": "redacted_thinking", "data": "ZGF0YQ=="},
            {"type": "text", "text": "Hi"},
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
            {"type": "tool_use", "id": "a", "name": "f", "input": {"x": [1]}},
        ],
    ],
)
def test_a_reply_that_comes_back_with_the_conversation_is_what_it_was(content):
    choice, _ = read(whole(content, "end_turn" if content[-1]["type"] == "text" else "tool_use"))

    assert turns(HELLO, choice["message"], HELLO)[1] == ("assistant", content)


def test_a_thought_whose_format_an_sdk_has_joined_with_its_text_goes_back_too():
    thought = signed(format=FORMAT * 3)

    content = turns(HELLO, {"role": "assistant", "content": "Hi", "reasoning_details": [thought]}, HELLO)[1][1]

    assert content[0] == {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}


def test_a_thought_that_comes_back_in_the_pieces_of_its_stream_is_one():
    pieces = [signed(text="So ", signature=None), signed(text="much.", signature=None), signed(text=None)]
    again = signed(text="Hm.")  # of the same place, and whole by itself

    found = turns(HELLO, {"role": "assistant", "content": "Hi", "reasoning_details": [*pieces, again]}, HELLO)[1][1]

    assert {(block["thinking"], block["signature"]) for block in found[:-1]} == {("So much.", "c2ln"), ("Hm.", "c2ln")}
