"""The simplest value that a JSON Schema allows, made from the schema alone.

Knows what structured output and function parameters use: types, enum, const, properties, items, $ref, anyOf, oneOf,
allOf, bounds, lengths and common formats; not ``pattern``, ``not`` or conditions.
Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

DEPTH = 12
"""Deeper than this only what is required is made, and arrays stay empty: recursive schemas come to an end."""
ABYSS = 60

FORMATS = {
    "date": "2025-01-31",
    "date-time": "2025-01-31T12:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "time": "12:00:00Z",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}

Schema = Any
"""An object; true and false are schemas as well."""


def example(schema: Schema) -> Any:
    """A value that ``schema`` allows. Raises ValueError for a reference that leads nowhere or round in a circle."""
    return _value(schema, schema, 0)


def _value(schema: Schema, root: Schema, depth: int) -> Any:
    if depth > ABYSS:
        raise ValueError("the schema requires itself without end")
    if not isinstance(schema, Mapping):
        schema = {}
    if "$ref" in schema:
        return _value(_resolved(schema["$ref"], root), root, depth + 1)
    if "const" in schema or schema.get("enum"):
        return schema["const"] if "const" in schema else schema["enum"][0]
    if schema.get("allOf"):
        return _value(_merged(schema, root), root, depth + 1)
    for union in ("anyOf", "oneOf"):
        if schema.get(union):
            return _value(_chosen(schema[union], depth), root, depth + 1)
    return _typed(_type(schema), schema, root, depth)


def _typed(kind: str, schema: Schema, root: Schema, depth: int) -> Any:
    if kind == "object":
        return _object(schema, root, depth)
    if kind == "array":
        return _array(schema, root, depth)
    if kind == "string":
        return _string(schema)
    if kind in ("integer", "number"):
        return _number(kind, schema)
    return {"boolean": True}.get(kind)


def _type(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _chosen(options: list[Any], depth: int) -> Any:
    """The first that is not null; null, where there is one, once the value has grown deep."""
    nulls = [option for option in options if isinstance(option, Mapping) and option.get("type") == "null"]
    others = [option for option in options if option not in nulls]
    return nulls[0] if nulls and (depth > DEPTH or not others) else others[0]


def _object(schema: Schema, root: Schema, depth: int) -> dict[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties") or {}
    required = schema.get("required") or []
    names = required if depth > DEPTH else {**properties, **dict.fromkeys(required)}
    return {name: _value(properties.get(name, True), root, depth + 1) for name in names}


def _array(schema: Schema, root: Schema, depth: int) -> list[Any]:
    heads = schema.get("prefixItems") or []
    least = int(schema.get("minItems") or 0)
    most = schema.get("maxItems")
    size = max(least, len(heads), 0 if depth > DEPTH else 1)
    if most is not None:
        size = max(least, min(size, int(most)))
    rest = schema.get("items", True)
    return [_value(heads[at] if at < len(heads) else rest, root, depth + 1) for at in range(min(size, 1000))]


def _string(schema: Schema) -> str:
    known = FORMATS.get(str(schema.get("format")))
    if known is not None:
        return known
    text = "example"
    least, most = int(schema.get("minLength") or 0), schema.get("maxLength")
    text = text.ljust(min(least, 100_000), ".")
    return text if most is None else text[: int(most)]


def _number(kind: str, schema: Schema) -> float | int:
    """The number nearest to 1 (or to its step) within the bounds."""
    step = schema.get("multipleOf") or (1 if kind == "integer" else 0)
    low, high = _lowest(schema, step), _highest(schema, step)
    value = step or 1
    if high is not None:
        value = min(value, high)
    if low is not None:
        value = max(value, low)
    return int(value) if kind == "integer" else value


def _lowest(schema: Schema, step: float) -> Any:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    if above is not None:
        return (above // step + 1) * step if step else math.nextafter(above, math.inf)
    return -(-low // step) * step if step and low is not None else low


def _highest(schema: Schema, step: float) -> Any:
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if below is not None:
        return (-(-below // step) - 1) * step if step else math.nextafter(below, -math.inf)
    return high // step * step if step and high is not None else high


def _resolved(reference: Any, root: Schema) -> Any:
    found: Any = root
    parts = str(reference).split("/")
    if parts[0] != "#":
        raise ValueError(f"the reference {reference!r} leads out of the schema")
    for part in parts[1:]:
        try:
            name = part.replace("~1", "/").replace("~0", "~")
            found = found[int(name)] if isinstance(found, list) else found[name]
        except (KeyError, IndexError, TypeError, ValueError):
            raise ValueError(f"the reference {reference!r} leads nowhere") from None
    return found


def _merged(schema: Schema, root: Schema) -> dict[str, Any]:
    """``allOf`` as one schema: properties and required names together, later keywords winning."""
    whole: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
    properties = dict(whole.get("properties") or {})
    required = list(whole.get("required") or [])
    for part in schema["allOf"]:
        found = _resolved(part["$ref"], root) if isinstance(part, Mapping) and "$ref" in part else part
        if isinstance(found, Mapping):
            found = _merged(found, root) if found.get("allOf") else found
            properties |= found.get("properties") or {}
            required += found.get("required") or []
            whole |= found
    if properties:
        whole |= {"properties": properties, "required": list(dict.fromkeys(required))}
    return whole
