"""Messages go out as the provider knows them: its roles, and no field that it refuses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.kinds import KINDS
from gateway.providers import registry
from tests.providers.calls import TARGET, account, json_call


def messages(kind, given, **fields):
    call = json_call({"model": "p", "messages": given})
    request = registry.dialect(account(kind, **fields)).encode(call, TARGET)
    return json.loads(b"".join(map(bytes, request.body)))["messages"]


SYSTEM = {"role": "developer", "content": "Be brief."}
USER = {"role": "user", "content": 'Who is the "developer"?'}
ANSWER = {
    "role": "assistant",
    "content": "You.",
    "refusal": None,
    "annotations": [],
    "audio": None,
    "function_call": None,
    "reasoning_content": "Who asks?",
    "reasoning_details": [{"type": "reasoning.text", "text": "Who asks?", "signature": "s"}],
    "extra_content": {"google": {}},
    "images": [],
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"images": 1}'}}],
}
CALLS = ANSWER["tool_calls"]


@pytest.mark.parametrize(
    "kind",
    ["mistral", "deepseek", "together", "fireworks", "perplexity", "cerebras", "huggingface", "databricks", "zai"],
)
def test_whoever_knows_no_developer_gets_a_system(kind):
    assert messages(kind, [SYSTEM, USER]) == [{"role": "system", "content": "Be brief."}, USER]


@pytest.mark.parametrize("kind", ["openai", "groq", "xai", "openrouter"])
def test_whoever_knows_a_developer_gets_one(kind):
    assert messages(kind, [SYSTEM, USER]) == [SYSTEM, USER]


@pytest.mark.parametrize("kind", ["groq", "mistral", "cerebras"])
def test_strict_ones_get_only_what_they_know(kind):
    assert messages(kind, [USER, ANSWER]) == [USER, {"role": "assistant", "content": "You.", "tool_calls": CALLS}]


def test_openai_gets_nothing_that_another_provider_wrote():
    others = {"reasoning_content", "reasoning_details", "extra_content", "images"}

    (_, answer) = messages("openai", [USER, ANSWER], base_url="https://eu.api.openai.com/v1")

    assert answer == {name: value for name, value in ANSWER.items() if name not in others}


def test_a_server_of_ones_own_that_speaks_like_openai_gets_all_that_the_client_says():
    assert messages("openai", [USER, ANSWER], base_url="http://127.0.0.1:8000/v1") == [USER, ANSWER]


def test_whoever_takes_reasoning_back_gets_it():
    assert messages("deepseek", [USER, ANSWER]) == [USER, ANSWER]
    assert messages("openrouter", [USER, ANSWER]) == [USER, ANSWER]


@pytest.mark.parametrize("kind", ["openai", "mistral", "xai"])
def test_messages_that_need_nothing_stay_the_bytes_that_came(kind):
    body = b'{"model":"p","messages": [ {"role" : "user","content":"caf\\u00e9"} ]}'
    request = registry.dialect(account(kind)).encode(json_call(body), TARGET)

    assert b'[ {"role" : "user","content":"caf\\u00e9"} ]' in b"".join(map(bytes, request.body))


@pytest.mark.parametrize("kind", ["openai", "mistral"])
def test_words_elsewhere_change_nothing_of_the_messages(kind):
    came = b'[ {"role" : "user","content":"developer"} ]'
    tools = b'[{"function":{"parameters":{"properties":{"images":{}}}}}]'
    request = registry.dialect(account(kind)).encode(
        json_call(b'{"model":"p","messages":' + came + b',"tools":' + tools + b"}"), TARGET
    )

    assert came in b"".join(map(bytes, request.body))


def test_values_beside_what_changes_stay_the_bytes_that_came():
    body = b'{"model":"p","messages":[{"role":"developer","content":"caf\\u00e9", "x":1.50}]}'
    request = registry.dialect(account("zai")).encode(json_call(body), TARGET)

    assert b'{"role":"system","content":"caf\\u00e9","x":1.50}' in b"".join(map(bytes, request.body))


@pytest.mark.parametrize(
    "given", [None, 3, "developer", {"role": "developer"}, ["developer"], [{"role": ["developer"]}]]
)
def test_messages_of_another_shape_are_for_the_provider_to_refuse(given):
    assert messages("mistral", given) == given


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["developer", "images", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "images", "reasoning_content", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from(["role", "content", "images", "x"]), JSON), max_size=4))
def test_nothing_else_changes(given):
    refused = KINDS["mistral"].refuses_in_messages
    expected = [
        {
            name: "system" if (name, value) == ("role", "developer") else value
            for name, value in message.items()
            if name not in refused
        }
        for message in given
    ]

    assert messages("mistral", given) == expected
