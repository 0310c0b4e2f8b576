"""A conversation goes to each dialect and is read back: nothing is lost but what the table here names."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.exchange import HttpHead
from gateway.core.types import Target
from gateway.providers.base import Dialect
from tests.contract.dialects.both_ways import streamed
from tests.contract.dialects.reading_back import Said, conversation, joined
from tests.contract.dialects.seeing import CHAT, seen
from tests.contract.dialects.speaking import Speech, call_of, speaker, target_of

SETTINGS = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
JSON = HttpHead(200, [(b"content-type", b"application/json")])


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's kind, and what its format can't carry or carries elsewhere."""

    dialect: str
    kind: str
    model: str
    format: str
    """Its own name in ``reasoning_details``: thoughts of others are not sent to it."""
    settings: Mapping[str, Any] = {}
    lacks: frozenset[str] = frozenset()
    """What is said in OpenAI's format and not in this one, by the second word of Said."""

    def __repr__(self) -> str:
        return f"<Lane {self.kind} {self.model}>"


LANES = (
    Lane(dialect="anthropic", kind="anthropic", model="claude-sonnet-4-5", format="anthropic-claude-v1"),
    Lane(dialect="anthropic", kind="anthropic", model="claude-opus-4-8", format="anthropic-claude-v1"),
    Lane(
        dialect="converse",
        kind="bedrock",
        model="us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        format="anthropic-claude-v1",
        settings={"region": "us-east-1"},
        lacks=frozenset({"link"}),
    ),
    Lane(
        dialect="converse",
        kind="bedrock",
        model="us.amazon.nova-2-lite-v1:0",
        format="amazon-bedrock-v1",
        settings={"region": "us-east-1"},
        lacks=frozenset({"link"}),
    ),
    Lane(dialect="gemini", kind="gemini", model="gemini-2.5-flash", format="google-gemini-v1"),
    Lane(dialect="gemini", kind="gemini", model="gemini-3.5-flash", format="google-gemini-v1"),
    Lane(
        dialect="gemini",
        kind="vertex",
        model="gemini-2.5-flash",
        format="google-gemini-v1",
        settings={"project": "p", "location": "us-central1"},
    ),
)
lanes = pytest.mark.parametrize("lane", LANES, ids=repr)

words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30).filter(
    lambda text: text.strip() and text.lstrip()[0] != "{"
)
"""No blanks, which say nothing. Nor a JSON object: a tool's result that is one goes to Google as one."""
letters = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
base64s = st.binary(min_size=1, max_size=12).map(lambda data: base64.b64encode(data).decode())
arguments = st.dictionaries(
    letters,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(letters, inner, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)


@st.composite
def reasoning(draw: st.DrawFn, lane: Lane, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``reasoning_details`` as a provider's reply has them: Google signs calls, the others thoughts."""
    text = {"type": "reasoning.text", "text": draw(words), "format": lane.format, "index": 0}
    if lane.dialect != "gemini":
        return [{**text, "signature": draw(base64s)}]
    id = {"id": calls[0]["id"]} if calls else {}
    return [text, {"type": "reasoning.encrypted", "data": draw(base64s), "format": lane.format, "index": 1, **id}]


@st.composite
def picture(draw: st.DrawFn, *, may_link: bool) -> dict[str, Any]:
    type = draw(st.sampled_from(["image/png", "image/jpeg", "image/webp"]))
    url = f"data:{type};base64,{draw(base64s)}"
    if may_link and draw(st.booleans()):
        url = f"https://pictures.test/{draw(letters)}.png"
    return {"type": "image_url", "image_url": {"url": url}}


@st.composite
def asks(draw: st.DrawFn, lane: Lane) -> dict[str, Any]:
    """A user's message: text, or parts."""
    if draw(st.booleans()):
        return {"role": "user", "content": draw(words)}
    part = st.builds(lambda text: {"type": "text", "text": text}, words)
    parts = draw(st.lists(part | picture(may_link="link" not in lane.lacks), min_size=1, max_size=3))
    return {"role": "user", "content": parts}


@st.composite
def answers(draw: st.DrawFn, lane: Lane, number: int) -> list[dict[str, Any]]:
    """An assistant's message, with the results of the tools that it calls."""
    count = draw(st.integers(0, 3))
    message: dict[str, Any] = {"role": "assistant", "content": draw(words if count == 0 else st.none() | words)}
    calls = [
        {
            "id": f"call_{number}_{index}",
            "type": "function",
            "function": {"name": draw(st.sampled_from(TOOLS)), "arguments": json.dumps(draw(arguments))},
        }
        for index in range(count)
    ]
    if calls:
        message["tool_calls"] = calls
    if draw(st.booleans()):
        message["reasoning_details"] = draw(reasoning(lane, calls))
        message["reasoning_content"] = message["reasoning_details"][0]["text"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": draw(words)} for call in calls]
    return [message, *results]


TOOLS = ("weather", "population", "look_up")
OFFERED = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in TOOLS]


@st.composite
def chats(draw: st.DrawFn, lane: Lane) -> dict[str, Any]:
    """A request of some turns, which ends with a user's message or with results."""
    instruction = st.builds(
        lambda role, text: {"role": role, "content": text}, st.sampled_from(["system", "developer"]), words
    )
    messages = draw(st.lists(instruction, max_size=2))
    messages.append(draw(asks(lane)))
    for number in range(draw(st.integers(0, 3))):
        said = draw(answers(lane, number))
        messages += said
        if said[-1]["role"] != "tool" or draw(st.booleans()):
            messages.append(draw(asks(lane)))
    return {"messages": messages, "tools": OFFERED, "reasoning_effort": "low"}


@lanes
@SETTINGS
@given(data=st.data())
def test_a_conversation_reaches_the_provider_whole(lane: Lane, data: st.DataObject) -> None:
    asked = data.draw(chats(lane))
    sent = encoded(lane, asked)
    assert conversation(lane.dialect, sent) == said_in(lane, asked)


@lanes
@SETTINGS
@given(data=st.data())
def test_what_a_provider_said_comes_back_to_it_in_the_next_turn(lane: Lane, data: st.DataObject) -> None:
    thinks = (data.draw(words), data.draw(base64s)) if data.draw(st.booleans()) else None
    text = data.draw(st.none() | words)
    calls = data.draw(st.lists(st.tuples(st.sampled_from(TOOLS), arguments), max_size=3))
    if text is None and not calls:
        text = "Hello"
    reply = REPLIES[lane.dialect](thinks, text, calls)
    asked = {"messages": [{"role": "user", "content": "Go on"}], "tools": OFFERED, "reasoning_effort": "low"}
    first, *_ = _messages(lane, encoded(lane, asked))
    for stream in (False, True):
        message = heard(lane, {**asked, "stream": stream}, reply)
        results = [
            {"role": "tool", "tool_call_id": call["id"], "content": "done"} for call in message.get("tool_calls") or ()
        ]
        then = results or [{"role": "user", "content": "And?"}]
        again = encoded(lane, {**asked, "messages": [*asked["messages"], message, *then]})
        ours, theirs, *_ = _messages(lane, again)
        assert ours == first
        assert theirs == CONTENT[lane.dialect](reply)


@lanes
def test_thoughts_of_another_provider_are_not_sent(lane: Lane) -> None:
    other = {"type": "reasoning.text", "text": "Hm", "signature": "c2ln", "format": "acme-v1", "index": 0}
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello", "reasoning_details": [other], "reasoning_content": "Hm"},
        {"role": "user", "content": "And?"},
    ]
    said = conversation(lane.dialect, encoded(lane, {"messages": messages}))
    assert [each[:2] for each in said] == [("user", "text"), ("assistant", "text"), ("user", "text")]


def encoded(lane: Lane, asked: dict[str, Any]) -> dict[str, Any]:
    """The body that the dialect makes of an OpenAI request."""
    request = _dialect(lane).encode(call_of(CHAT, asked), _target(lane))
    return json.loads(b"".join(bytes(piece) for piece in request.body))


def said_in(lane: Lane, asked: dict[str, Any]) -> list[Said]:
    """What the client said, as far as this format has words for it."""
    said = [each for each in conversation("openai", asked) if each[1] not in lane.lacks]
    return joined(said)


def heard(lane: Lane, asked: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    """The message that the client gets, and would send back."""
    if asked["stream"]:
        type, body = streamed(lane.dialect, reply)
        head = HttpHead(200, [(b"content-type", type.encode())])
    else:
        head, body = JSON, json.dumps(reply).encode()
    call = call_of(CHAT, {**asked, "stream_options": {"include_usage": True}} if asked["stream"] else asked)
    got = Speech("", lane.dialect, _dialect(lane), call, _target(lane), head, body).listen([body])
    assert got.error is None
    return seen(CHAT, b"".join(bytes(event.data) for event in got.events), is_stream=asked["stream"]).message


def _dialect(lane: Lane) -> Dialect:
    return speaker(lane.kind, **lane.settings)


def _target(lane: Lane) -> Target:
    return target_of(lane.kind, lane.model)


def _messages(lane: Lane, body: dict[str, Any]) -> list[Any]:
    return body["contents" if lane.dialect == "gemini" else "messages"]


Calls = Sequence[tuple[str, dict[str, Any]]]
Thinks = tuple[str, str] | None


def _of_anthropic(thinks: Thinks, text: str | None, calls: Calls) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if thinks:
        content.append({"type": "thinking", "thinking": thinks[0], "signature": thinks[1]})
    if text:
        content.append({"type": "text", "text": text})
    content += [
        {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": given}
        for index, (name, given) in enumerate(calls)
    ]
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": content,
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def _of_converse(thinks: Thinks, text: str | None, calls: Calls) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if thinks:
        content.append({"reasoningContent": {"reasoningText": {"text": thinks[0], "signature": thinks[1]}}})
    if text:
        content.append({"text": text})
    content += [
        {"toolUse": {"toolUseId": f"t{index}", "name": name, "input": given}}
        for index, (name, given) in enumerate(calls)
    ]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use" if calls else "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
    }


def _of_gemini(thinks: Thinks, text: str | None, calls: Calls) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if thinks:
        parts.append({"text": thinks[0], "thought": True})
    if text:
        parts.append({"text": text})
    parts += [
        {"functionCall": {"id": f"c{index}", "name": name, "args": given}} for index, (name, given) in enumerate(calls)
    ]
    # The first of parallel calls is signed, or the text where there are none.
    parts[len(parts) - max(len(calls), 1)]["thoughtSignature"] = thinks[1] if thinks else "c2ln"
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r"}


REPLIES = {"anthropic": _of_anthropic, "converse": _of_converse, "gemini": _of_gemini}
CONTENT = {
    "anthropic": lambda reply: {"role": "assistant", "content": reply["content"]},
    "converse": lambda reply: reply["output"]["message"],
    "gemini": lambda reply: reply["candidates"][0]["content"],
}
"""How the reply stands in the next request."""
