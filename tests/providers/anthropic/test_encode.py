"""A chat in Anthropic's words: address, turns, parts, tools, bounds."""

from __future__ import annotations

import base64
import contextlib
import json
import re

import pytest

from gateway.core.errors import InvalidRequest, Reason, UpstreamError
from gateway.core.types import Endpoint
from tests.providers.anthropic.asking import HELLO, request, sent, speaker, target, turns
from tests.providers.calls import json_call

MARK = {"type": "ephemeral", "ttl": "1h"}
PNG = base64.b64encode(b"\x89PNG").decode()
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def text(words, **more):
    return {"type": "text", "text": words, **more}


def call(id, arguments="{}", name="weather"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def refused(**asked):
    with pytest.raises(UpstreamError) as caught:
        sent(**asked)
    assert caught.value.reason is Reason.UNSUPPORTED
    return caught.value


def test_the_request_goes_to_messages_with_key_and_version():
    asked = request({})

    assert (asked.method, str(asked.origin), asked.path) == (b"POST", "https://api.anthropic.test", b"/v1/messages")
    headers = dict(asked.headers)
    assert headers[b"x-api-key"] == b"sk-ant-secret"
    assert headers[b"anthropic-version"] == b"2023-06-01"
    assert b"anthropic-beta" not in headers
    assert b"authorization" not in headers


def test_the_configurations_headers_win_and_betas_add_up():
    own = speaker(
        headers={"Anthropic-Beta": "files-api-2025-04-14", "X-Api-Key": "other"}, base_url="https://p.test/a/"
    )
    made = own.encode(json_call({"messages": [HELLO], "mcp_servers": [{"type": "url", "url": "https://m"}]}), target())

    headers = dict(made.headers)
    assert made.path == b"/a/v1/messages"
    assert headers[b"x-api-key"] == b"other"
    assert headers[b"anthropic-beta"] == b"files-api-2025-04-14,mcp-client-2025-11-20"


def test_secrets_are_in_no_repr():
    assert "secret" not in repr(speaker()) + repr(request({}))


@pytest.mark.parametrize("endpoint", [Endpoint.EMBEDDINGS, Endpoint.IMAGE_GENERATIONS])
def test_what_is_no_chat_goes_elsewhere(endpoint):
    with pytest.raises(UpstreamError, match="nothing like"):
        speaker().encode(json_call({"prompt": "x", "input": "x"}, endpoint), target())


def test_leading_instructions_are_the_system_prompt_with_their_cache_marks():
    body = sent(
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [text("Be kind.", cache_control=MARK)]},
            HELLO,
        ]
    )

    assert body["system"] == [text("Be brief."), text("Be kind.", cache_control=MARK)]
    assert body["messages"] == [{"role": "user", "content": [text("Hello")]}]


LATER = ({"role": "system", "content": "Now in French."},)


def test_a_later_instruction_stays_in_its_place_where_the_model_takes_one():
    assert turns(HELLO, *LATER, model="claude-opus-4-8")[1] == ("system", [text("Now in French.")])
    assert turns(HELLO, *LATER, {"role": "assistant", "content": "Oui"}, HELLO, model="claude-opus-5")[1][0] == "system"


@pytest.mark.parametrize(
    ("model", "messages"),
    [
        ("claude-sonnet-4-5", (HELLO, *LATER)),
        ("claude-opus-4-8", (HELLO, *LATER, HELLO)),
        ("claude-opus-4-8", (HELLO, {"role": "assistant", "content": "Hi"}, *LATER, HELLO)),
    ],
)
def test_a_later_instruction_is_marked_text_of_the_user_elsewhere(model, messages):
    found = turns(*messages, model=model)

    assert text("<system>\nNow in French.\n</system>") in found[-1][1]
    assert {role for role, _ in found} <= {"user", "assistant"}


def test_instructions_alone_are_said_by_the_user():
    body = sent(messages=[{"role": "system", "content": "Say hello."}])

    assert "system" not in body
    assert body["messages"] == [{"role": "user", "content": [text("Say hello.")]}]


def test_messages_that_say_nothing_go_elsewhere():
    assert refused(messages=[{"role": "user", "content": " "}]).param == "messages"


def test_neighbours_of_one_role_are_one_turn_and_blank_text_is_none():
    found = turns(
        HELLO,
        {"role": "user", "content": " \n"},
        {"role": "user", "content": [text("there"), text("")]},
        {"role": "assistant", "content": "Hi"},
        {"role": "assistant", "content": None, "refusal": "No more."},
        {"role": "user", "content": "Why?"},
    )

    assert found == [
        ("user", [text("Hello"), text("there")]),
        ("assistant", [text("Hi"), text("No more.")]),
        ("user", [text("Why?")]),
    ]


def test_somebody_speaks_before_an_assistant_that_opens():
    found = turns({"role": "assistant", "content": "Welcome!"}, HELLO)

    assert [role for role, _ in found] == ["user", "assistant", "user"]


def test_the_results_of_parallel_calls_are_one_turn_and_come_first():
    found = turns(
        HELLO,
        {"role": "assistant", "content": "I look.", "tool_calls": [call("a", '{"city": "Oslo"}'), call("b", "")]},
        {"role": "tool", "tool_call_id": "a", "content": "Sunny"},
        {"role": "user", "content": "And?"},
        {
            "role": "tool",
            "tool_call_id": "b",
            "content": [text("Rain"), {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"}],
        },
        tools=[WEATHER],
    )

    assert found[1][1] == [
        text("I look."),
        {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Oslo"}},
        {"type": "tool_use", "id": "b", "name": "weather", "input": {}},
    ]
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    assert found[2][1] == [
        {"type": "tool_result", "tool_use_id": "a", "content": "Sunny"},
        {"type": "tool_result", "tool_use_id": "b", "content": [text("Rain"), image]},
        text("And?"),
    ]


@pytest.mark.parametrize("arguments", ["{broken", "[1]", '"x"', "null"])
def test_arguments_that_are_no_object_are_kept_as_text(arguments):
    found = turns(HELLO, {"role": "assistant", "tool_calls": [call("a", arguments)]}, HELLO)

    assert found[1][1][0]["input"] == {"unreadable_arguments": arguments}


def test_ids_of_other_providers_are_spelled_so_that_anthropic_takes_them():
    found = turns(
        HELLO,
        {"role": "assistant", "tool_calls": [call("functions.f:0"), call("functions_f_0"), call("")]},
        *({"role": "tool", "tool_call_id": id, "content": "x"} for id in ("functions.f:0", "functions_f_0", "")),
    )

    called = [block["id"] for block in found[1][1]]
    assert (called[0], called[2], len(set(called))) == ("functions_f_0", "call", 3)
    assert re.fullmatch(r"functions_f_0_[0-9a-f]{16}", called[1])
    assert [block["tool_use_id"] for block in found[2][1]] == called


def test_a_conversation_about_tools_defines_some():
    body = sent(messages=[HELLO, {"role": "assistant", "tool_calls": [call("a"), call("b")]}, HELLO])

    assert body["tools"] == [{"name": "weather", "input_schema": {"type": "object"}}]
    assert body["tool_choice"] == {"type": "none"}


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "low"}, "cache_control": MARK},
            {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}, "cache_control": MARK},
        ),
        (
            {"type": "image_url", "image_url": {"url": f"data:image/jpg;base64,{PNG}"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
                "title": "a.pdf",
            },
        ),
        (
            {"type": "file", "file": {"file_data": "JVBE"}, "cache_control": MARK},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
                "cache_control": MARK,
            },
        ),
        (
            {"type": "file", "file": {"file_data": "https://x.test/a.pdf"}},
            {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}},
        ),
        (
            {"type": "file", "file": {"file_data": base64.b64encode("né".encode()).decode(), "filename": "a.txt"}},
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "né"},
                "title": "a.txt",
            },
        ),
        (
            {"type": "file", "file": {"file_data": PNG, "filename": "a.png"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ),
        (
            {"type": "file", "file": {"file_id": "file_1"}},
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        ),
    ],
)
def test_pictures_and_documents_are_blocks(part, block):
    assert turns({"role": "user", "content": [part]}) == [("user", [block])]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "data:image/svg+xml,<svg/>"}},
        {"type": "file", "file": {"file_data": "data:application/zip;base64,UEs="}},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,/w=="}},
    ],
)
def test_what_anthropic_does_not_read_goes_elsewhere(part):
    assert refused(messages=[{"role": "user", "content": [part]}]).param == "messages"


def test_pictures_that_a_model_wrote_open_the_users_next_turn():
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    found = turns(
        HELLO, {"role": "assistant", "content": "Here.", "images": [picture]}, {"role": "user", "content": "Bluer"}
    )

    assert [block["type"] for block in found[1][1]] == ["text"]
    assert [block["type"] for block in found[2][1]] == ["image", "text"]


def test_a_messages_cache_mark_stands_on_its_last_block_and_a_tools_on_the_tool():
    body = sent(
        messages=[{"role": "user", "content": [text("a"), text("b")], "cache_control": MARK}],
        tools=[{**WEATHER, "cache_control": MARK}],
    )

    assert body["messages"][0]["content"] == [text("a"), text("b", cache_control=MARK)]
    assert body["tools"][0]["cache_control"] == MARK


@pytest.mark.parametrize(
    ("asked", "choice"),
    [
        ({}, None),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "weather"}}, "parallel_tool_calls": False},
            {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_which_tools_to_use_is_said(asked, choice):
    assert sent(tools=[WEATHER], **asked).get("tool_choice") == choice


def test_a_choice_without_tools_is_left_out():
    assert not sent(tools=[], tool_choice="auto", parallel_tool_calls=False).keys() & {"tools", "tool_choice"}


def test_a_strict_tool_keeps_to_the_subset_and_else_is_but_described():
    bounded = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
    free = {"type": "object", "additionalProperties": True}
    tools = [
        {"type": "function", "function": {"name": name, "parameters": schema, "strict": True}}
        for name, schema in (("bounded", bounded), ("free", free))
    ]

    one, two = sent(tools=tools)["tools"]

    assert one["strict"] is True
    assert one["input_schema"]["additionalProperties"] is False
    assert one["input_schema"]["properties"]["n"] == {"type": "integer", "description": "(minimum: 1)"}
    assert two == {"name": "free", "input_schema": free}
    assert "strict" not in sent("claude-3-5-haiku-latest", tools=tools)["tools"][0]


@pytest.mark.parametrize(
    ("asked", "most", "sends"),
    [
        ({}, 64_000, 32_000),
        ({}, 8_192, 8_192),
        ({}, None, 32_000),
        ({"max_tokens": 7}, 8_192, 7),
        ({"max_completion_tokens": 9, "max_tokens": 7}, None, 9),
        ({"max_tokens": 100_000}, 8_192, 8_192),
        ({"thinking": {"type": "enabled", "budget_tokens": 40_000}}, 64_000, 64_000),
    ],
)
def test_max_tokens_is_always_said(asked, most, sends):
    assert sent(most=most, **asked)["max_tokens"] == sends


@pytest.mark.parametrize(
    ("model", "most"), [("claude-3-opus-20240229", 4_096), ("glm-4.6", 8_192), ("claude-opus-9", 32_000)]
)
def test_of_an_unknown_model_no_more_is_asked_than_its_generation_can_write(model, most):
    assert sent(model, most=None)["max_tokens"] == most


@pytest.mark.parametrize(
    ("model", "asked", "sends"),
    [
        (
            "claude-3-5-haiku-latest",
            {"temperature": 0.5, "top_p": 0.9, "top_k": 5},
            {"temperature": 0.5, "top_p": 0.9, "top_k": 5},
        ),
        ("claude-3-5-haiku-latest", {"temperature": 1.7}, {"temperature": 1.0}),
        ("claude-sonnet-4-5", {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5}),
        ("claude-sonnet-4-5", {"top_p": 0.9}, {"top_p": 0.9}),
        ("claude-opus-4-7", {"temperature": 0.5, "top_p": 0.9, "top_k": 5}, {}),
        ("claude-sonnet-4-0", {"temperature": 0.5, "top_p": 0.9, "top_k": 5, "reasoning_effort": "low"}, {}),
        ("claude-sonnet-4-0", {"top_p": 0.97, "reasoning_effort": "low"}, {"top_p": 0.97}),
    ],
)
def test_sampling_is_what_the_generation_takes(model, asked, sends):
    body = sent(model, **asked)

    assert {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body} == sends


def test_stops_are_sequences_and_blank_ones_are_said_elsewhere():
    assert sent(stop="END")["stop_sequences"] == ["END"]
    assert sent(stop=["a", "", "b"])["stop_sequences"] == ["a", "b"]
    assert "stop_sequences" not in sent(stop="")
    assert refused(stop=["\n"]).param == refused(stop=["a", " \n"]).param == "stop"


@pytest.mark.parametrize(
    ("asked", "sends"),
    [
        ({"metadata": {"user_id": "u2", "team": "x"}}, {"metadata": {"user_id": "u2"}}),
        ({"safety_identifier": "u3"}, {"metadata": {"user_id": "u3"}}),
        ({"metadata": {"team": "x"}}, {}),
        ({"safety_identifier": "u" * 257}, {}),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"service_tier": "flex"}, {}),
        ({"speed": "standard", "inference_geo": "global"}, {}),
        ({"container": "c1", "cache_control": MARK}, {"container": "c1", "cache_control": MARK}),
        ({"output_config": {"task_budget": 1}}, {"output_config": {"task_budget": 1}}),
        ({"seed": 1, "store": True, "frequency_penalty": 1, "logit_bias": {}}, {}),
    ],
)
def test_own_fields_pass_and_hints_are_left_out(asked, sends):
    body = sent(**asked)

    assert {name: value for name, value in body.items() if name not in ("model", "max_tokens", "messages")} == sends


def test_the_calls_user_is_told():
    body = json.loads(b"".join(request({}, user="u1").body))

    assert body["metadata"] == {"user_id": "u1"}


@pytest.mark.parametrize("asked", [{"speed": "fast"}, {"inference_geo": "us"}])
def test_what_is_dearer_than_the_price_list_goes_elsewhere(asked):
    assert [refused(**asked).param] == list(asked)


def test_an_assistants_last_word_is_gone_on_with_where_the_model_can():
    last = {"role": "assistant", "content": "The answer is "}

    assert turns(HELLO, last)[-1] == ("assistant", [text("The answer is")])
    assert refused(model="claude-sonnet-4-6", messages=[HELLO, last]).param == "messages"


@pytest.mark.parametrize("depth", range(900, 1_000, 7))
def test_however_deep_a_schema_is_it_goes_out_or_is_the_clients_fault(depth):
    nested = b'{"properties":{"a":' * (depth // 2) + b"{}" + b"}}" * (depth // 2)
    tool = b'{"type":"function","function":{"name":"f","strict":true,"parameters":' + nested + b"}}"
    body = b'{"messages":[{"role":"user","content":"x"}],"tools":[' + tool + b"]}"
    try:
        call = json_call(body)
    except RecursionError:
        return  # the edge refuses it

    with contextlib.suppress(InvalidRequest):
        speaker().encode(call, target())


def test_a_tool_by_the_gateways_own_name_is_refused():
    with pytest.raises(InvalidRequest, match="own"):
        sent(tools=[{"type": "function", "function": {"name": "sluice_json_answer"}}])


def test_a_tools_failure_is_told_as_one():
    asks = {"role": "assistant", "tool_calls": [call("a")]}
    found = turns(HELLO, asks, {"role": "tool", "tool_call_id": "a", "content": "no such city", "is_error": True})

    assert found[2][1] == [
        {"type": "tool_result", "tool_use_id": "a", "content": "no such city", "is_error": True},
    ]


def test_a_thought_stands_before_the_end_however_far_off_its_place_is():
    thought = {"text": "a", "signature": "s", "format": "anthropic-claude-v1", "index": 10**30}
    found = turns(HELLO, {"role": "assistant", "content": "Hi", "reasoning_details": [thought]}, HELLO)

    assert [block["type"] for block in found[1][1]] == ["thinking", "text"]


def test_a_picture_is_what_its_first_bytes_say():
    jpeg = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(20)).decode()
    ((_, (picture,)),) = turns(
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{jpeg}"}}]}
    )

    assert picture["source"] == {"type": "base64", "media_type": "image/jpeg", "data": jpeg}
