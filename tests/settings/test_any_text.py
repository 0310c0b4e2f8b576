"""Whatever a file holds, it is Settings or a ConfigError, and never anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.core.errors import ConfigError
from gateway.settings import Settings, load
from gateway.settings.document import Document
from gateway.settings.json_schema import plain
from gateway.settings.load import has_errors, validate

ENVIRON = {"A": "1", "EMPTY": "", "WORD": "word"}
DEFS = plain()["$defs"]
NAMES = sorted(
    {name for section in DEFS.values() for name in section.get("properties", {})} | set(plain()["properties"])
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["${A}", "${EMPTY}", "${NOPE}", "${NOPE:-5}", "free", "cost", "a/b", "redis://h", "2030-01-01", "day", ""]
    ),
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


def _like(node: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that a schema node might take, and now and then others: what is nearly right finds more than noise."""
    if "$ref" in node:
        section = DEFS[node["$ref"].rpartition("/")[2]]
        return (
            st.sampled_from(section["enum"]) if "enum" in section else st.deferred(lambda: _section(section, depth + 1))
        )
    if "anyOf" in node:
        return st.one_of([_like(choice, depth) for choice in node["anyOf"]])
    kind = node.get("type")
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if kind == "array":
        return st.lists(_like(node["items"], depth), max_size=3)
    if kind == "object":
        inside = node.get("additionalProperties")
        value = _like(inside, depth) if isinstance(inside, dict) else anything
        return st.dictionaries(st.sampled_from(["a", "b", "gpt", "default", "low/1x1", "x:y"]), value, max_size=3)
    numbers = st.integers(0, 200) | st.floats(0, 100)
    return {"integer": st.integers(0, 9), "number": numbers, "boolean": st.booleans()}.get(kind or "", scalars)


def _section(section: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    nearly = {
        name: st.one_of(_like(node, depth), _like(node, depth), scalars) for name, node in section["properties"].items()
    }
    required = {name: nearly.pop(name) for name in section.get("required", ())}
    return st.fixed_dictionaries(required, optional=nearly if depth < 4 else {})


configurations = _section(plain(), 0)


def settled(text: str) -> None:
    found, problems = validate(Document("a.yaml", text, ENVIRON))
    assert (found is None) == has_errors(problems)
    assert found is None or isinstance(found, Settings)
    assert all(problem.what and str(problem) for problem in problems)


@given(st.text(max_size=200))
@example("? [a]\n: b")
@example("!!set {a, b}")
@example("a: !!binary x")
@example("<<: [1, 2]")
@example("<<: {<<: {<<: 1}}")
@example("&a a: *a")
@example('"\\ud800": 1')
@example("a: 0b")
@example("= : =")
def test_any_text_is_settled(text):
    settled(text)


@given(st.text(alphabet="ab:-[]{}#&*!|>'\"%@`?,<\n $0~", max_size=60))
def test_any_punctuation_is_settled(text):
    settled(text)


@given(anything)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_values_are_settled(value):
    settled(json.dumps(value))


@given(configurations)
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example], deadline=None)
def test_what_is_nearly_a_configuration_is_settled(value):
    settled(json.dumps(value))


@given(st.binary(max_size=100))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_settled(tmp_path, data):
    file = tmp_path / "a.yaml"
    file.write_bytes(data)
    # Nothing so short is a configuration.
    with pytest.raises(ConfigError) as raised:
        load(file, {})
    assert has_errors(raised.value.problems)
