"""``response_format``: JSON after a schema, by a tool, or by being told."""

from __future__ import annotations

import pytest

from gateway.core.errors import InvalidRequest, UpstreamError
from gateway.providers.anthropic.answer import TOOL
from gateway.providers.anthropic.schema import CannotSay, strict
from tests.providers.anthropic.asking import block, deltas, end, read, sent, start, whole

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
OTHER = {"type": "function", "function": {"name": "f"}}


def asks(schema=SCHEMA):
    return {"type": "json_schema", "json_schema": {"name": "count", "schema": schema, "strict": True}}


def test_a_model_that_knows_schemas_is_given_it_beside_tools_and_effort():
    body = sent("claude-opus-4-6", response_format=asks(), tools=[OTHER], reasoning_effort="low")

    assert body["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}
    assert [tool["name"] for tool in body["tools"]] == ["f"]
    assert "tool_choice" not in body


@pytest.mark.parametrize(
    ("asked", "tools", "choice"),
    [
        ({}, [TOOL], {"type": "tool", "name": TOOL}),
        ({"tools": [OTHER]}, ["f", TOOL], {"type": "any"}),
        ({"tools": [OTHER], "tool_choice": "none"}, ["f", TOOL], {"type": "tool", "name": TOOL}),
        (
            {"tools": [OTHER], "parallel_tool_calls": False},
            ["f", TOOL],
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        (
            {"tools": [OTHER], "tool_choice": {"type": "function", "function": {"name": "f"}}},
            ["f"],
            {"type": "tool", "name": "f"},
        ),
    ],
)
def test_an_older_model_answers_by_a_tool_that_it_must_call(asked, tools, choice):
    body = sent("claude-sonnet-4-0", response_format=asks(), reasoning_effort="high", **asked)

    assert [tool["name"] for tool in body["tools"]] == tools
    assert body["tool_choice"] == choice
    assert "thinking" not in body
    assert "output_config" not in body


def test_a_schema_beyond_the_subset_is_a_tools():
    free = {"type": "object", "additionalProperties": {"type": "string"}}

    assert sent(response_format=asks(free))["tools"][0]["input_schema"] == free
    with pytest.raises(UpstreamError, match="always thinks"):
        sent("claude-opus-5-5", response_format=asks(free))
    with pytest.raises(UpstreamError, match="object"):
        sent("claude-sonnet-4-0", response_format=asks({"type": "array", "items": SCHEMA}))


@pytest.mark.parametrize("format", [{"type": "json_object"}, {"type": "json_schema"}])
def test_json_of_any_shape_is_asked_for_in_words(format):
    body = sent(response_format=format, messages=[{"role": "system", "content": "S"}, {"role": "user", "content": "U"}])

    assert body["system"][0]["text"] == "S"
    assert "JSON" in body["system"][1]["text"]
    assert "system" not in sent(response_format={"type": "text"})


def test_the_tools_input_is_the_answers_text_whole_and_streamed():
    called = {"type": "tool_use", "id": "t", "name": TOOL, "input": {"n": 1}}
    choice, _ = read(whole([called], "tool_use"))
    pieces = ({"type": "input_json_delta", "partial_json": piece} for piece in ('{"n"', ": 1}"))
    streamed = deltas(start(), *block(0, {**called, "input": {}}, *pieces), *end("tool_use"))

    assert (choice["message"]["content"], choice["finish_reason"]) == ('{"n": 1}', "stop")
    assert "tool_calls" not in choice["message"]
    assert "".join(delta["content"] for delta in streamed) == '{"n": 1}'


def test_a_schema_keeps_what_the_subset_has_and_tells_the_rest():
    given = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "title": "T",
        "properties": {
            "mail": {"type": "string", "format": "email", "maxLength": 9, "description": "An address"},
            "kind": {"enum": ["a", None], "default": "a"},
            "list": {"type": "array", "items": {"$ref": "#/$defs/n", "description": "x"}, "minItems": 1, "maxItems": 3},
            "one": {"oneOf": [{"type": "null"}, {"type": "string", "format": "odd"}]},
        },
        "$defs": {"n": {"type": ["number", "null"], "exclusiveMinimum": 0}},
    }

    assert strict(given) == {
        "type": "object",
        "title": "T",
        "properties": {
            "mail": {"type": "string", "format": "email", "description": "An address (maxLength: 9)"},
            "kind": {"enum": ["a", None], "default": "a"},
            "list": {
                "type": "array",
                "items": {"$ref": "#/$defs/n"},
                "minItems": 1,
                "description": "(maxItems: 3)",
            },
            "one": {"anyOf": [{"type": "null"}, {"type": "string", "description": "(format: odd)"}]},
        },
        "$defs": {"n": {"type": ["number", "null"], "description": "(exclusiveMinimum: 0)"}},
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    "schema",
    [{}, {"type": "object"}, {"properties": {"a": True}, "type": "object"}, {"type": "array", "items": {"const": [1]}}],
)
def test_what_the_subset_can_not_say_is_known(schema):
    if schema.get("type") == "array":
        assert strict(schema)["items"] == {"const": [1]}
        return
    with pytest.raises(CannotSay):
        strict(schema)


def holds(of, **definitions):
    return {"type": "object", "properties": {"of": of}, "$defs": definitions}


TEXT = {"type": "string"}
TREE = holds({"$ref": "#/$defs/n"}, n={"type": "array", "items": {"$ref": "#/$defs/n"}})


@pytest.mark.parametrize(
    "schema",
    [
        TREE,
        holds({"$ref": "#/$defs/a"}, a=holds({"$ref": "#/$defs/b"}), b=holds({"$ref": "#/$defs/a"})),
        holds({"$ref": "#"}),
        holds({"$ref": "https://schemas.test/a"}),
        holds({"allOf": [{"$ref": "#/$defs/a"}, TEXT]}, a=TEXT),
        holds({"anyOf": [TEXT], "oneOf": [{"type": "null"}]}),
    ],
)
def test_a_schema_that_holds_itself_or_two_at_once_is_beyond_the_subset(schema):
    with pytest.raises(CannotSay):
        strict(schema)


def test_a_reference_within_the_schema_is_kept_and_one_alone_stands_alone():
    given = holds(
        {"allOf": [{"$ref": "#/$defs/a"}], "default": "x"}, a={"items": {"$ref": "#/$defs/b"}, "type": "array"}, b=TEXT
    )
    made = strict(given)

    assert made["properties"] == {"of": {"$ref": "#/$defs/a"}}
    assert made["$defs"] == given["$defs"]


def test_a_schema_that_holds_itself_is_a_tools():
    assert sent(response_format=asks(TREE))["tools"][0]["input_schema"] == TREE


def test_a_bottomless_schema_is_the_clients_fault():
    schema = {"type": "string"}
    for _ in range(200):
        schema = {"type": "object", "properties": {"a": schema}}

    with pytest.raises(InvalidRequest, match="deeper"):
        strict(schema)
