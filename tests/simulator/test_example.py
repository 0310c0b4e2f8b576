"""The instance made from a schema is valid by that schema."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.example import example

TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name", "next", "children"],
            "additionalProperties": False,
        }
    },
}

integers = st.integers(-1000, 1000)
strings = st.builds(
    lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
    st.integers(0, 20),
    st.integers(0, 20),
)
whole = st.builds(
    lambda low, more: {"type": "integer", "minimum": low, "maximum": low + more}, integers, st.integers(0, 50)
)
numbers = st.builds(
    lambda low, more: {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + more},
    integers,
    st.integers(1, 50),
)
steps = st.builds(
    lambda step, low: {"type": "integer", "multipleOf": step, "exclusiveMinimum": low}, st.integers(1, 30), integers
)
highest = st.builds(
    lambda step, high: {"type": "integer", "multipleOf": step, "maximum": high}, st.integers(1, 9), integers
)
leaves = st.one_of(
    strings,
    whole,
    numbers,
    steps,
    highest,
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"enum": ["x", 2]}, {"const": None}, {}]),
    st.sampled_from([{"type": ["null", "string"]}, {"type": "string", "format": "email"}]),
)


def nested(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    arrays = st.builds(
        lambda items, least: {"type": "array", "items": items, "minItems": least, "maxItems": least + 1},
        inner,
        st.integers(0, 3),
    )
    objects = st.dictionaries(st.sampled_from("abcd"), inner, max_size=3).map(
        lambda properties: {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
    )
    unions = st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options})
    return st.one_of(arrays, objects, unions)


@given(st.recursive(leaves, nested, max_leaves=8))
def test_an_example_is_valid(schema: dict[str, Any]) -> None:
    jsonschema.validate(example(schema), schema)


def test_a_recursive_schema_comes_to_an_end() -> None:
    jsonschema.validate(example(TREE), TREE)


def test_all_parts_of_a_whole_are_met() -> None:
    schema = {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"$ref": "#/$defs/named"},
        ],
        "$defs": {"named": {"properties": {"name": {"type": "string", "minLength": 9}}, "required": ["name"]}},
    }
    found = example(schema)
    jsonschema.validate(found, schema)
    assert set(found) == {"a", "name"}


def test_a_tuple_has_its_heads() -> None:
    schema = {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}]}
    assert example(schema) == [1, True]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "#/$defs/none"}, "leads nowhere"),
        ({"$ref": "other.json"}, "leads out"),
        ({"$ref": "#"}, "without end"),
        ({"type": "object", "properties": {"me": {"$ref": "#"}}, "required": ["me"]}, "without end"),
    ],
)
def test_a_schema_that_nothing_meets_is_told(schema: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        example(schema)
