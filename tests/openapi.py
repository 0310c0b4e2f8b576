"""Checks replies against OpenAI's own OpenAPI document, where that is at hand.

The document has three megabytes of YAML, a second to parse: here only the schemas and paths that are asked for are cut
out of the text and parsed.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parent.parent
SPEC = Path(os.environ.get("SLUICE_OPENAPI", ROOT.parent / "shared" / "openai-openapi.yaml"))

needs_spec = pytest.mark.skipif(not SPEC.exists(), reason=f"OpenAI's OpenAPI document is not at {SPEC}")
"""Marks tests that can't run without the document."""

_REFERENCE = "#/components/schemas/"


def validate_reply(path: str, method: str, status: int, body: object, *, is_event: bool = False) -> None:
    """Raise jsonschema.ValidationError unless ``body`` is what the document promises.

    ``path`` may begin with ``/v1``; ``body`` is JSON as bytes or text, or what it decodes to. An error status is
    checked against the error object. ``is_event`` says that the body is the data of one SSE event.
    """
    document = json.loads(body) if isinstance(body, bytes | str) else body
    validator(_schema_name(path.removeprefix("/v1"), method.lower(), status, is_event=is_event)).validate(document)


@cache
def validator(schema_name: str) -> jsonschema.Draft202012Validator:
    """A validator for one of the document's component schemas."""
    needed: dict[str, Any] = {}
    missing = [schema_name]
    while missing:
        name = missing.pop()
        if name not in needed:
            needed[name] = _plain(_section(f"    {name}:", "components:"))
            missing += _references(needed[name])
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{schema_name}", "$defs": needed})


@cache
def _schema_name(path: str, method: str, status: int, *, is_event: bool) -> str:
    if status >= 400:
        return "ErrorResponse"
    for template in _templates():
        if re.fullmatch(re.sub(r"\\\{[^/]+\\\}", "[^/]+", re.escape(template)), path):
            operation = _section(f"  {template}:", "paths:")[method]
            media_type = "text/event-stream" if is_event else "application/json"
            reference: str = operation["responses"]["200"]["content"][media_type]["schema"]["$ref"]
            return reference.removeprefix(_REFERENCE)
    raise LookupError(f"the document has no path {path}")


@cache
def _lines() -> list[str]:
    return SPEC.read_text(encoding="utf-8").splitlines()


@cache
def _templates() -> list[str]:
    return [found[1] for line in _lines() if (found := re.fullmatch(r"  (/[^:]*):", line))]


@cache
def _section(head: str, part: str) -> Any:
    """What stands under the line ``head``, after the line ``part``: the lines that are indented deeper."""
    lines = _lines()
    first = lines.index(head, lines.index(part)) + 1
    indent = " " * (len(head) - len(head.lstrip()) + 1)
    last = first
    while last < len(lines) and (not lines[last].strip() or lines[last].startswith(indent)):
        last += 1
    return yaml.load("\n".join(lines[first:last]), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _references(schema: Any) -> list[str]:
    found = []
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            found.append(reference.removeprefix("#/$defs/"))
        found += [name for value in schema.values() for name in _references(value)]
    elif isinstance(schema, list):
        found += [name for value in schema for name in _references(value)]
    return found


def _plain(schema: Any) -> Any:
    """As JSON Schema has it: references into ``$defs``, and no ``nullable``, which the document still uses."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _plain(value) for key, value in schema.items() if key not in ("example", "examples", "x-oaiMeta")}
    if isinstance(plain.get("$ref"), str):
        plain["$ref"] = plain["$ref"].replace(_REFERENCE, "#/$defs/")
    if plain.get("nullable") is True:
        del plain["nullable"]
        return {"anyOf": [plain, {"type": "null"}]}
    return plain
