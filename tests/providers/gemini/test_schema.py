from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.gemini.schema import json_schema


def test_what_google_heeds_stays_as_it_is():
    schema = {
        "type": "object",
        "properties": {
            "const": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "tree": {"$ref": "#/$defs/Tree"},
        },
        "required": ["const"],
        "additionalProperties": False,
        "$defs": {"Tree": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
    }
    assert json_schema(schema) == schema


def test_a_const_is_an_enum_of_one():
    schema = {"properties": {"kind": {"const": "cat"}, "is": {"const": True}}}
    assert json_schema(schema) == {"properties": {"kind": {"enum": ["cat"]}, "is": {"const": True}}}


def test_nothing_stands_beside_a_reference():
    schema = {"properties": {"x": {"$ref": "#/$defs/X", "description": "An X"}}, "$defs": {"X": {"type": "string"}}}
    assert json_schema(schema)["properties"] == {"x": {"$ref": "#/$defs/X"}}


def test_definitions_have_one_name():
    schema = {"properties": {"x": {"$ref": "#/definitions/X"}}, "definitions": {"X": {"const": 1}}}
    assert json_schema(schema) == {"properties": {"x": {"$ref": "#/$defs/X"}}, "$defs": {"X": {"enum": [1]}}}


def test_a_root_that_is_but_a_reference_is_what_it_refers_to():
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    found = json_schema({"$ref": "#/$defs/Node", "$defs": {"Node": node}, "title": "Node"})
    assert found == {**node, "$defs": {"Node": node}}


def test_a_root_that_refers_to_itself_ends():
    loop = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}}
    assert json_schema(loop)["$defs"] == loop["$defs"]


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["properties", "items", "anyOf", "$ref", "$defs", "definitions", "const", "enum", "type"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["properties", "$ref", "$defs", "definitions", "items", "anyOf"]), _values))
def test_whatever_a_client_calls_a_schema_is_cleaned_once_and_for_all(schema):
    once = json_schema(schema)
    assert json_schema(once) == once
