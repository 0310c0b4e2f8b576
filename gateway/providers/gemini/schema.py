"""JSON Schema as Google takes it: for tools (``parametersJsonSchema``) and for replies (``responseJsonSchema``).

Both fields take JSON Schema itself: ``$ref`` and ``$defs`` (recursive ones too), ``additionalProperties``, ``anyOf``,
types with ``null``. The older ``parameters`` and ``responseSchema`` are a subset of OpenAPI's, which has none of these
and answers an unknown keyword with an error; so they are not used. What is left to do is little: keywords that it does
not heed although their meaning can be said in others, and references that it refuses where they stand.
https://ai.google.dev/api/generate-content#FIELDS.response_json_schema
"""

from __future__ import annotations

from typing import Any

_OF_NAMES = frozenset({"properties", "$defs", "patternProperties"})
"""Keywords that hold schemas by name: a property may be called ``const``."""
_OF_SCHEMAS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_OF_SCHEMA = frozenset({"items", "additionalProperties", "not", "contains"})
_LOCAL = "#/$defs/"
_OLD = "definitions"
_LOCAL_OLD = f"#/{_OLD}/"


def json_schema(given: dict[str, Any]) -> dict[str, Any]:
    """``given`` with the same meaning, in the words that Google heeds. Raises RecursionError for endless nesting."""
    schema = dict(given)
    if isinstance(schema.get(_OLD), dict):
        schema["$defs"] = {**schema.pop(_OLD), **_named(schema.get("$defs"))}
    return _clean(_unfolded(schema))


def _unfolded(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that is but a reference to its own definition, put in its place: Google answers those with a 500."""
    definitions = _named(schema.get("$defs"))
    seen: set[str] = set()
    while isinstance(reference := schema.get("$ref"), str) and reference not in seen:
        seen.add(reference)
        found = definitions.get(_renamed(reference).removeprefix(_LOCAL))
        if not isinstance(found, dict):
            break
        schema = {**found, "$defs": definitions}
    return schema


def _clean(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(reference := schema.get("$ref"), str):
        # Beside a reference nothing may stand but what begins with a dollar.
        kept = {name: value for name, value in schema.items() if name[:1] == "$" and name != "$ref"}
        return {"$ref": _renamed(reference), **_fields(kept)}
    return _fields(schema)


def _fields(schema: dict[str, Any]) -> dict[str, Any]:
    cleaned: dict[str, Any] = {}
    for name, value in schema.items():
        if name in _OF_NAMES and isinstance(value, dict):
            cleaned[name] = {key: _clean(each) if isinstance(each, dict) else each for key, each in value.items()}
        elif name in _OF_SCHEMAS and isinstance(value, list):
            cleaned[name] = [_clean(each) if isinstance(each, dict) else each for each in value]
        elif name in _OF_SCHEMA and isinstance(value, dict):
            cleaned[name] = _clean(value)
        elif name == "const" and "enum" not in schema and _can_be_listed(value):
            cleaned["enum"] = [value]
        else:
            cleaned[name] = value
    return cleaned


def _can_be_listed(value: Any) -> bool:
    """``enum`` is heeded for strings and numbers alone."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _renamed(reference: str) -> str:
    return _LOCAL + reference.removeprefix(_LOCAL_OLD) if reference.startswith(_LOCAL_OLD) else reference


def _named(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
