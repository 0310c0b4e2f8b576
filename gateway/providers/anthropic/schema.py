"""JSON schemas as Anthropic's structured outputs take them: a subset of what OpenAI's do.

https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import Any

from gateway.core.errors import InvalidRequest

DEEPEST = 100
_TAKEN = frozenset({"$ref", "type", "const", "default", "description", "title", "required"})
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
_PLACES = ("$defs", "definitions")
_DEFINITIONS = (*_PLACES, "properties")
_CHOICES = {"anyOf": "anyOf", "allOf": "allOf", "oneOf": "anyOf"}
_SILENT = frozenset({"additionalProperties", "$schema", "$id", "items"})
"""Said otherwise, or not worth saying."""
_PRIMITIVE = (str, int, float, bool, type(None))


class CannotSay(ValueError):
    """The schema wants what the subset has no word for: an object with any keys, no type at all, or itself."""


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """``schema`` within the subset. What it bounds beyond that (``minimum``, ``maxLength``) goes into descriptions,
    where the model reads it. Raises CannotSay, and InvalidRequest for what is no schema.
    """
    made = _strict(schema, 0)
    definitions = {f"#/{place}/{name}": each for place in _PLACES for name, each in dict(made.get(place) or {}).items()}
    to = {place: _references(each) for place, each in definitions.items()}
    if not _references(made) <= definitions.keys():
        raise CannotSay("a reference to what is no definition of the schema's own")
    try:
        TopologicalSorter(to).prepare()
    except CycleError:
        raise CannotSay("a schema that holds itself") from None
    return made


def _references(schema: Any) -> set[str]:
    """All that ``schema`` points to, at any depth; a constant that looks like a reference counts too."""
    if isinstance(schema, list):
        return {found for each in schema for found in _references(each)}
    if not isinstance(schema, dict):
        return set()
    own = schema.get("$ref")
    inner = {found for each in schema.values() for found in _references(each)}
    return inner | {own} if isinstance(own, str) else inner


def _strict(schema: Any, depth: int) -> dict[str, Any]:
    if not isinstance(schema, dict):
        raise CannotSay("a schema that is no object")
    if depth > DEEPEST:
        raise InvalidRequest(f"a JSON schema is nested deeper than {DEEPEST} levels", param="response_format")
    known: dict[str, Any] = {}
    beyond: dict[str, Any] = {}
    for name, value in schema.items():
        held = _held(name, value, depth + 1)
        if held is not None:
            known[_CHOICES.get(name) or name] = held
        elif _is_taken(name, value):
            known[name] = value
        elif name not in _SILENT:
            beyond[name] = value
    _join_reference(schema, known)
    if "$ref" in known:  # nothing but definitions may stand beside it
        return {name: value for name, value in known.items() if name in ("$ref", *_DEFINITIONS)}
    _close(schema, known)
    if beyond:
        said = ", ".join(f"{name}: {value}" for name, value in beyond.items())
        known["description"] = f"{known.get('description', '')} ({said})".strip()
    return known


def _join_reference(schema: dict[str, Any], known: dict[str, Any]) -> None:
    """A reference alone in its ``allOf`` may as well stand by itself; among others it is refused."""
    if schema.keys() >= {"anyOf", "oneOf"}:
        raise CannotSay("two choices at once")
    if any("$ref" in each for each in known.get("allOf", ())):
        if len(known["allOf"]) > 1:
            raise CannotSay("references that hold together")
        known |= known.pop("allOf")[0]


def _held(name: str, value: Any, depth: int) -> Any:
    """The schemas within a schema; None if ``name`` holds none."""
    if name in _DEFINITIONS and isinstance(value, dict):
        return {key: _strict(each, depth) for key, each in value.items()}
    if name in _CHOICES and isinstance(value, list):
        return [_strict(each, depth) for each in value]
    return _strict(value, depth) if name == "items" and value else None


def _is_taken(name: str, value: Any) -> bool:
    if name == "format":
        return value in _FORMATS
    if name == "minItems":
        return value in (0, 1)
    if name == "enum":
        return isinstance(value, list) and all(isinstance(each, _PRIMITIVE) for each in value)
    return name in _TAKEN


def _close(schema: dict[str, Any], known: dict[str, Any]) -> None:
    """Objects must say that they have no other keys; a schema that lives on other keys can't be said."""
    types = schema.get("type")
    if types == "object" or (isinstance(types, list) and "object" in types):
        others = schema.get("additionalProperties")
        if others is not False and (others is not None or not schema.get("properties")):
            raise CannotSay("an object with keys of its own choice")
        known["additionalProperties"] = False
    elif not known.keys() & {"type", "$ref", "enum", "const", "anyOf", "allOf"}:
        raise CannotSay("a schema without a type")
