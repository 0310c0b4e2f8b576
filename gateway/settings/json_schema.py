"""The configuration as JSON Schema: for editors, and for the generated page. Nothing here runs when a gateway does."""

from __future__ import annotations

from typing import Any

from gateway.settings.schema import Settings

Node = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VARIABLE = "#/$defs/Variable"


def plain() -> Node:
    """What a file may say once its variables are expanded."""
    schema: Node = _clean(Settings.model_json_schema())
    # Anchors of one's own live under such names.
    return {"$schema": DIALECT, "title": "Sluice configuration", **schema, "patternProperties": {"^x-": {}}}


def published() -> Node:
    """What an editor is to take: as ``plain``, and ``${VAR}`` wherever a number, a switch or a choice stands."""
    schema: Node = _widen(plain())
    schema["$defs"]["Variable"] = {
        "description": "${VAR} or ${VAR:-default}, from the environment.",
        "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-.*)?\}",
        "type": "string",
    }
    return schema


def _clean(node: Any, *, is_names: bool = False) -> Any:
    """Without the titles, the nulls and the second spellings of numbers that the generator adds.

    ``is_names`` says that the keys of ``node`` are names of settings and not words of JSON Schema.
    """
    if isinstance(node, list):
        return [_clean(item) for item in node]
    if not isinstance(node, dict):
        return node
    found: Node = {}
    for word, value in node.items():
        if is_names or word not in ("title", "format", "default"):
            found[word] = _clean(value, is_names=not is_names and word in ("properties", "$defs"))
        elif word == "default" and value is not None and value != []:
            found[word] = value
    if "anyOf" in found and not is_names:
        found |= _one_of(found.pop("anyOf"))
    if isinstance(found.get("description"), str):
        found["description"] = " ".join(found["description"].replace("``", "`").split())
    return found


def _one_of(choices: list[Node]) -> Node:
    kinds = [choice for choice in choices if choice != {"type": "null"}]
    if any(choice.get("type") == "number" for choice in kinds):
        # Decimals are taken as text too, which is no way to write a price.
        kinds = [choice for choice in kinds if not (choice.get("type") == "string" and len(choice) <= 2)]
    return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}


def _widen(node: Any, *, is_names: bool = False) -> Any:
    if isinstance(node, list):
        return [_widen(item) for item in node]
    if not isinstance(node, dict):
        return node
    wide = {
        word: _widen(value, is_names=not is_names and word in ("properties", "$defs", "patternProperties"))
        if word not in ("enum", "required", "default")
        else value
        for word, value in node.items()
    }
    is_typed = node.get("type") in ("integer", "number", "boolean") or "enum" in node
    if is_names or not is_typed:
        return wide
    about = {word: wide.pop(word) for word in ("description", "default") if word in wide}
    return {**about, "anyOf": [wide, {"$ref": VARIABLE}]}
