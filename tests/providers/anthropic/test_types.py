"""Whatever is asked of whichever model: what goes out is of the official SDK's types, and its turns are in order."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import CallError, UpstreamError
from tests.contract.dialects.anthropic import SAMPLING, conforms
from tests.providers.anthropic.asking import sent

MODELS = (
    "claude-3-5-haiku-latest",
    "claude-sonnet-4-0",
    "claude-sonnet-4-5",
    "claude-opus-4-6",
    "claude-opus-4-8",
    "claude-opus-5-5",
    "glm-4.6",
)
PARTS: tuple[dict[str, Any], ...] = (
    {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}},
    {"type": "text", "text": " "},
    {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
    {"type": "image_url", "image_url": {"url": "data:image/webp;base64,AAAA"}},
    {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
    {"type": "file", "file": {"file_id": "file_1"}},
)
THOUGHTS: tuple[dict[str, Any], ...] = (
    {"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.encrypted", "data": "ZA==", "format": "anthropic-claude-v1", "index": 3},
    {"type": "reasoning.text", "text": "Hm.", "format": "other"},
)
TOOLS = [
    {"type": "function", "function": {"name": "f"}},
    {
        "type": "function",
        "function": {"name": "g", "strict": True, "parameters": {"properties": {"a": {"type": "null"}}}},
    },
]
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}

_ids = st.sampled_from(["a", "b:1", "call_2"])
_call = st.builds(
    lambda name, arguments: {"id": name, "type": "function", "function": {"name": "f", "arguments": arguments}},
    _ids,
    st.sampled_from(["", "{}", '{"x": [1.5]}', "{broken"]),
)
_content = st.sampled_from(["", " ", "Hello"]) | st.lists(st.sampled_from(PARTS), max_size=3)
_message = st.one_of(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "developer"]), "content": st.sampled_from(["", "Rule."])}
    ),
    st.fixed_dictionaries({"role": st.just("user"), "content": _content}),
    st.fixed_dictionaries(
        {"role": st.just("assistant")},
        optional={
            "content": _content,
            "tool_calls": st.lists(_call, max_size=2),
            "reasoning_details": st.lists(st.sampled_from(THOUGHTS), max_size=2),
            "refusal": st.just("No."),
        },
    ),
    st.fixed_dictionaries({"role": st.just("tool"), "tool_call_id": _ids, "content": _content}),
)
_wishes = st.fixed_dictionaries(
    {},
    optional={
        "tools": st.just(TOOLS),
        "tool_choice": st.sampled_from(["none", "auto", "required", {"type": "function", "function": {"name": "f"}}]),
        "parallel_tool_calls": st.booleans(),
        "reasoning_effort": st.sampled_from(["none", "minimal", "medium", "xhigh"]),
        "reasoning": st.sampled_from([{"max_tokens": 3000}, {"enabled": True, "exclude": True}]),
        "response_format": st.sampled_from(
            [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}]
        ),
        "max_tokens": st.sampled_from([1, 1500, 9000]),
        "temperature": st.sampled_from([0, 0.5, 2]),
        "top_p": st.sampled_from([0.5, 0.99]),
        "top_k": st.just(5),
        "stop": st.sampled_from(["x", ["a", " "]]),
    },
)


@pytest.mark.parametrize("model", MODELS)
@given(st.lists(_message, min_size=1, max_size=7), _wishes)
@settings(max_examples=150, deadline=None)
def test_every_request_is_of_the_sdks_types(model, messages, wishes):
    try:
        body = sent(model, messages=messages, **wishes)
    except (UpstreamError, CallError):
        return
    roles = [turn["role"] for turn in body["messages"]]

    conforms({name: value for name, value in body.items() if name not in SAMPLING}, MessageCreateParamsNonStreaming)
    assert all(turn["content"] for turn in body["messages"])
    assert roles[0] == "user"
    assert all(one != other for one, other in pairwise(roles))
    assert "thinking" not in body or body["thinking"].get("budget_tokens", 0) < body["max_tokens"]
    for turn in body["messages"]:
        types = [block["type"] for block in turn["content"]]
        if turn["role"] == "assistant":
            assert types[-1] not in ("thinking", "redacted_thinking")
        else:
            assert types == sorted(types, key=lambda each: each != "tool_result")
        assert all(block["text"].strip() for block in turn["content"] if block["type"] == "text")
