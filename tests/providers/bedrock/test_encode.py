"""Requests to Converse: where they go, and what they say beside the conversation."""

from __future__ import annotations

import contextlib
import json

import pytest

from gateway.core.errors import InvalidRequest, Reason, UpstreamError
from gateway.core.types import Capabilities, Endpoint
from gateway.providers.bedrock.thinking import LEAST_ANSWER
from gateway.providers.bedrock.tools import JSON_TOOL, ONLY_JSON, ONLY_WORDS
from tests.providers.bedrock.asking import (
    ADAPTIVE,
    ARN,
    CLAUDE,
    GPT_OSS,
    HELLO,
    LLAMA,
    NEW_CLAUDE,
    NOVA,
    NOVA_2,
    bedrock,
    body_of,
    called,
    chat_call,
    read_whole,
    refused,
    reply,
    sent,
    target,
    tool,
)
from tests.providers.calls import json_call

SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}}
OPUS_4_1 = "us.anthropic.claude-opus-4-1-20250805-v1:0"
CLOSED = {**SCHEMA, "additionalProperties": False}
FORMAT = {"type": "json_schema", "json_schema": {"name": "point", "schema": SCHEMA, "strict": True}}


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (CLAUDE, b"/model/us.anthropic.claude-3-7-sonnet-20250219-v1%3A0/converse"),
        (
            ARN,
            b"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc/converse",
        ),
    ],
)
def test_the_model_stands_in_the_path(model, path):
    whole = bedrock().encode(chat_call(), target(model))
    streamed = bedrock().encode(chat_call(stream=True), target(model))
    assert (whole.method, whole.path, streamed.path) == (b"POST", path, path + b"-stream")
    assert str(whole.origin) == "https://bedrock-runtime.us-east-1.amazonaws.com"
    assert bedrock(base_url="http://proxy.test/aws/").encode(chat_call(), target(model)).path == b"/aws" + path


def test_an_api_key_is_shown_and_without_one_the_request_is_left_to_be_signed():
    headers = dict(bedrock().encode(chat_call(), target()).headers)
    assert headers[b"authorization"] == b"Bearer sk-secret"
    assert headers[b"content-type"] == b"application/json"
    assert b"authorization" not in dict(bedrock(api_key="").encode(chat_call(), target()).headers)
    assert "sk-secret" not in repr(bedrock())


def test_inference_is_configured_in_converse_s_words():
    body = sent(max_completion_tokens=9, temperature=0.5, top_p=0.9, top_k=3, stop="END", seed=1, user="me")
    assert body["inferenceConfig"] == {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]}
    assert body["additionalModelRequestFields"] == {"top_k": 3}
    assert body.keys() == {"messages", "inferenceConfig", "additionalModelRequestFields"}
    assert sent(top_k=3, model=NOVA)["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 3}}
    assert "additionalModelRequestFields" not in sent(top_k=3, model=LLAMA)


def test_what_a_model_takes_not_is_left_out_or_brought_into_its_range():
    assert sent(temperature=1.7)["inferenceConfig"] == {"temperature": 1.0}
    assert sent(temperature=0.1, top_p=0.2, model=NEW_CLAUDE)["inferenceConfig"] == {"temperature": 0.1}
    assert refused(stop=["\n"]).param == "stop"
    assert sent(stop=["\n"], model=NOVA)["inferenceConfig"] == {"stopSequences": ["\n"]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"n": 2}, "n"), ({"logprobs": True}, "logprobs"), ({"modalities": ["text", "audio"]}, "modalities")],
)
def test_what_converse_cannot_say_is_refused(fields, param):
    assert refused(**fields).param == param


def test_tools_are_specs():
    strict = tool("strict", strict=True, description="d", parameters=SCHEMA)
    config = sent(tools=[tool(description=" "), strict], tool_choice="auto", model=NEW_CLAUDE)["toolConfig"]
    assert config == {
        "tools": [
            {"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}},
            {
                "toolSpec": {
                    "name": "strict",
                    "description": "d",
                    "inputSchema": {"json": CLOSED},
                    "strict": True,
                }
            },
        ]
    }
    assert "strict" not in sent(tools=[tool(strict=True, parameters=SCHEMA)])["toolConfig"]["tools"][0]["toolSpec"]
    free = sent(tools=[tool(strict=True)], model=NEW_CLAUDE)["toolConfig"]["tools"][0]["toolSpec"]
    assert free == {"name": "look", "inputSchema": {"json": {"type": "object"}}}


@pytest.mark.parametrize(
    ("choice", "theirs"),
    [
        ("required", {"any": {}}),
        ({"type": "function", "function": {"name": "look"}}, {"tool": {"name": "look"}}),
    ],
)
def test_a_choice_of_tool_is_converse_s(choice, theirs):
    assert sent(tools=[tool()], tool_choice=choice)["toolConfig"]["toolChoice"] == theirs
    assert refused(tools=[tool()], tool_choice=choice, model=LLAMA).param == "tool_choice"


def test_no_tool_may_be_called():
    assert "toolConfig" not in sent(tools=[tool()], tool_choice="none")
    history = [HELLO, {"role": "assistant", "tool_calls": [called(name="old")]}]
    history += [{"role": "tool", "tool_call_id": "tooluse_1", "content": "1"}]
    body = sent(history)
    assert [each["toolSpec"]["name"] for each in body["toolConfig"]["tools"]] == ["old"]
    assert body["system"] == [{"text": ONLY_WORDS}]
    body = sent(history, tools=[tool("old")], tool_choice="none")
    assert (len(body["toolConfig"]["tools"]), body["system"]) == (1, [{"text": ONLY_WORDS}])


def test_one_tool_at_a_time_is_claude_s_own_word():
    body = sent(tools=[tool()], parallel_tool_calls=False, tool_choice="required")
    assert body["additionalModelRequestFields"] == {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}}
    assert "toolChoice" not in body["toolConfig"]
    assert refused(tools=[tool()], parallel_tool_calls=False, model=NOVA).param == "parallel_tool_calls"
    assert "additionalModelRequestFields" not in sent(parallel_tool_calls=False, model=NOVA)


def test_an_answer_by_a_schema_is_converse_s_own_where_the_model_can():
    body = sent(response_format=FORMAT, model=NEW_CLAUDE)
    definition = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    # An object that is not closed is an error 400 there.
    assert (definition["name"], json.loads(definition["schema"])) == ("point", CLOSED)
    assert "toolConfig" not in body
    assert refused(response_format=FORMAT, model=NEW_CLAUDE, tools=[tool(JSON_TOOL)]).param == "response_format"


def test_an_answer_by_a_schema_that_bedrock_does_not_compile_is_a_tool_s_input():
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
    schema = {**node, "$defs": {"node": node}}
    format = {"type": "json_schema", "json_schema": {"name": "list", "schema": schema}}
    body = sent(response_format=format, model=NEW_CLAUDE)
    assert body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"] == {"json": schema}
    assert "outputConfig" not in body
    answer = {"toolUse": {"toolUseId": "t", "name": JSON_TOOL, "input": {"next": {}}}}
    call = chat_call(response_format=format)
    told, _ = read_whole(reply(answer, stop="tool_use"), model=NEW_CLAUDE, call=call)
    assert told["choices"][0]["message"]["content"] == '{"next": {}}'


def test_json_after_no_schema_is_asked_for_in_words():
    body = sent(response_format={"type": "json_schema", "json_schema": {"name": "any"}}, model=NEW_CLAUDE)
    assert body["system"] == [{"text": ONLY_JSON}]
    assert "outputConfig" not in body


@pytest.mark.parametrize("model", [CLAUDE, NOVA])
def test_an_answer_by_a_schema_is_a_tool_s_input_where_the_model_cannot(model):
    body = sent(response_format=FORMAT, model=model, reasoning_effort="high")
    (spec,) = body["toolConfig"]["tools"]
    assert (spec["toolSpec"]["name"], spec["toolSpec"]["inputSchema"]) == (JSON_TOOL, {"json": SCHEMA})
    assert body["toolConfig"]["toolChoice"] == {"tool": {"name": JSON_TOOL}}
    assert "additionalModelRequestFields" not in body  # a tool that must be called leaves no room for thought
    body = sent(response_format=FORMAT, model=model, tools=[tool()])
    assert body["toolConfig"]["toolChoice"] == {"any": {}}
    assert refused(response_format=FORMAT, model=model, tools=[tool(JSON_TOOL)]).param == "response_format"
    assert refused(response_format=FORMAT, model=LLAMA).param == "response_format"


def test_any_json_is_asked_for_in_words():
    assert sent(response_format={"type": "json_object"})["system"] == [{"text": ONLY_JSON}]


@pytest.mark.parametrize(
    ("model", "fields", "sent_as"),
    [
        (CLAUDE, {"reasoning_effort": "low"}, {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        (CLAUDE, {"reasoning": {"max_tokens": 5000}}, {"thinking": {"type": "enabled", "budget_tokens": 5000}}),
        (
            CLAUDE,
            {"reasoning_effort": "high", "max_tokens": 3000},
            {"thinking": {"type": "enabled", "budget_tokens": 1976}},
        ),
        (CLAUDE, {"reasoning_effort": "high", "max_tokens": 2000}, None),
        (OPUS_4_1, {"reasoning_effort": "xhigh"}, {"thinking": {"type": "enabled", "budget_tokens": 30_976}}),
        (CLAUDE, {"reasoning_effort": "none"}, None),
        ("anthropic.claude-3-haiku-20240307-v1:0", {"reasoning_effort": "high"}, None),
        (ADAPTIVE, {"reasoning_effort": "high"}, {"thinking": {"type": "adaptive"}}),
        (NOVA_2, {"reasoning_effort": "none"}, {"reasoningConfig": {"type": "disabled"}}),
        (
            NOVA_2,
            {"reasoning_effort": "minimal"},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
        ),
        (
            NOVA_2,
            {"reasoning_effort": "high", "max_tokens": 9},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}},
        ),
        (NOVA, {"reasoning_effort": "high"}, None),
        (GPT_OSS, {"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        (LLAMA, {"reasoning_effort": "high"}, None),
        (CLAUDE, {"reasoning_effort": "strange"}, None),
    ],
)
def test_effort_is_said_in_each_family_s_own_words(model, fields, sent_as):
    assert sent(model=model, **fields).get("additionalModelRequestFields") == sent_as


def test_a_claude_that_decides_by_itself_is_told_its_effort():
    assert sent(model=ADAPTIVE, reasoning_effort="xhigh")["outputConfig"] == {"effort": "max"}


def test_a_model_that_thinks_takes_no_temperature():
    assert "inferenceConfig" not in sent(reasoning_effort="low", temperature=0.3, top_p=0.5, top_k=2)
    assert "inferenceConfig" not in sent(reasoning_effort="low", temperature=0.3, model=NOVA_2)


def test_claude_does_not_think_on_an_answer_without_its_thought():
    said = [HELLO, {"role": "assistant", "tool_calls": [called()]}]
    said += [{"role": "tool", "tool_call_id": "tooluse_1", "content": "1"}]
    assert "additionalModelRequestFields" not in sent(said, tools=[tool()], reasoning_effort="low")
    thought = {"type": "reasoning.text", "text": "a", "signature": "s", "format": "anthropic-claude-v1", "index": 0}
    said[1]["reasoning_details"] = [thought]
    assert "thinking" in sent(said, tools=[tool()], reasoning_effort="low")["additionalModelRequestFields"]


def test_converse_s_own_fields_pass_under_both_spellings():
    guard = {"guardrailIdentifier": "g", "guardrailVersion": "1", "trace": "enabled"}
    assert sent(guardrailConfig=guard)["guardrailConfig"] == guard
    body = sent(guardrail_config=guard, performance_config={"latency": "standard"}, requestMetadata={"a": "b"})
    assert (body["guardrailConfig"], body["performanceConfig"]) == (guard, {"latency": "standard"})
    assert body["requestMetadata"] == {"a": "b"}
    fields = {"thinking": {"type": "enabled", "budget_tokens": 4000}, "other": 1}
    assert sent(reasoning_effort="low", additionalModelRequestFields=fields)["additionalModelRequestFields"] == fields
    with pytest.raises(InvalidRequest):
        sent(additionalModelRequestFields=[1])


def test_a_latency_that_costs_more_than_the_price_list_says_is_refused():
    assert refused(performanceConfig={"latency": "optimized"}).param == "performanceConfig"
    assert refused(performance_config={"latency": "optimized"}).param == "performanceConfig"


def test_thoughts_have_all_that_the_model_writes_but_room_for_an_answer():
    call = chat_call(reasoning={"max_tokens": 100_000})
    asked = bedrock().encode(call, target(CLAUDE, capabilities=Capabilities(max_output_tokens=64_000)))
    assert body_of(asked)["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 64_000 - LEAST_ANSWER


def test_a_service_tier_is_said_by_openai_s_name_alone():
    assert sent(service_tier="flex")["serviceTier"] == {"type": "flex"}
    for tier in ("auto", "default"):
        assert "serviceTier" not in sent(service_tier=tier)
    assert "serviceTier" not in sent(serviceTier={"type": "priority"})


def test_tools_that_run_at_bedrock_are_named():
    assert sent(system_tools=["nova_grounding"], model=NOVA_2)["toolConfig"] == {
        "tools": [{"systemTool": {"name": "nova_grounding"}}]
    }
    assert refused(system_tools="nova_grounding").param == "system_tools"


def test_there_are_no_embeddings():
    call = json_call({"model": "m", "input": "a"}, Endpoint.EMBEDDINGS)
    with pytest.raises(UpstreamError) as caught:
        bedrock().encode(call, target("amazon.titan-embed-text-v2:0"))
    assert caught.value.reason is Reason.UNSUPPORTED


@pytest.mark.parametrize("depth", range(800, 1_000, 5))
def test_what_is_nested_too_deeply_is_the_client_s_fault(depth):
    """Reading goes a little deeper than writing, or not, by where it begins on the stack."""
    raw = b'{"model":"m","messages":[{"role":"user","content":"a"}],"requestMetadata":' + b'{"a":' * depth + b"1"
    try:
        call = json_call(raw + b"}" * (depth + 1))
    except RecursionError:
        return  # the edge has refused it
    with contextlib.suppress(InvalidRequest):
        assert bedrock().encode(call, target()).body.length > depth


def test_a_body_is_written_the_same_each_time():
    request = bedrock().encode(chat_call(), target())
    assert body_of(request) == body_of(request)
    assert request.body.length == len(b"".join(request.body))
