"""Writes ``docs/configuration.md`` and ``docs/config.schema.json`` from the sections, so that they can't be wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.settings.json_schema import Node, plain, published

SHARED = {"Limits": "limits", "Budget": "budgets", "Timeouts": "timeouts", "Price": "price"}
"""Sections that stand in several places, and the heading that each is described under."""

_HEAD = ("| Setting | Type | Default | What it does |", "|---|---|---|---|")


def page() -> str:
    """The page for operators: the guide, then every setting."""
    guide = Path(__file__).with_name("guide.md").read_text(encoding="utf-8")
    return guide.rstrip() + "\n\n" + "\n".join(Reference(plain()).lines()) + "\n"


def schema_text() -> str:
    return json.dumps(published(), indent=2, ensure_ascii=False) + "\n"


class Reference:
    """Every setting, as tables."""

    def __init__(self, schema: Node) -> None:
        self._schema = schema

    def lines(self) -> Iterator[str]:
        for name, node in self._schema["properties"].items():
            section, path = self._opened(name, node)
            yield from (f"## {name}", "", node.get("description") or section["description"], "")
            yield from (*_HEAD, *self._rows(section, path), "")
        for name, heading in SHARED.items():
            section = self._schema["$defs"][name]
            yield from (f"## {heading}", "", section["description"], "", *_HEAD, *self._rows(section, ""), "")

    def _opened(self, name: str, node: Node) -> tuple[Node, str]:
        """The section behind a top-level name, and the path of its settings."""
        if "additionalProperties" in node:
            return self._section(node["additionalProperties"]), f"{name}.<name>."
        if "items" in node:
            return self._section(node["items"]), f"{name}[]."
        return self._section(node), f"{name}."

    def _section(self, node: Node) -> Node:
        found: Node = self._schema["$defs"][_name(node)]
        return found

    def _rows(self, section: Node, path: str) -> Iterator[str]:
        required = section.get("required", ())
        for name, node in section["properties"].items():
            default = "**required**" if name in required else _default(node)
            inner, step = _inner(node)
            # What a setting and its section say in the same words is generated once, at the section.
            about = node.get("description") or (self._section(node)["description"] if "$ref" in node else "")
            yield f"| `{path}{name}` | {self._type(node)} | {default} | {_cell(about)} |"
            if inner is not None:
                yield from self._rows(self._section(inner), f"{path}{name}{step}.")

    def _type(self, node: Node) -> str:
        if "anyOf" in node:
            # The short form before the long one.
            return " or ".join(sorted((self._type(choice) for choice in node["anyOf"]), key=_is_long))
        if "$ref" in node:
            return self._referred(node)
        if "enum" in node or "const" in node:
            return _choices(node.get("enum") or [node["const"]])
        if node.get("type") == "array":
            return f"list of {self._type(node['items'])}"
        return self._named(node) if node.get("type") == "object" else _scalar(node)

    def _referred(self, node: Node) -> str:
        name = _name(node)
        if name in SHARED:
            return f"[{SHARED[name]}](#{SHARED[name]})"
        target = self._section(node)
        return _choices(target["enum"]) if "enum" in target else "mapping"

    def _named(self, node: Node) -> str:
        inside = node.get("additionalProperties")
        return f"names, each with {self._type(inside)}" if isinstance(inside, dict) else "mapping"


def _inner(node: Node) -> tuple[Node | None, str]:
    """The section within a setting that is described in place, and how its path goes on."""
    choices = node.get("anyOf", [node])
    for choice in choices:
        if choice.get("type") == "array":
            inner, step = _inner(choice["items"])
            return inner, f"[]{step}"
        if "$ref" in choice and _name(choice) not in SHARED and _name(choice) not in ("Endpoint", "Feature"):
            return choice, ""
    return None, ""


def _name(node: Node) -> str:
    return str(node["$ref"]).rpartition("/")[2]


def _choices(words: Sequence[object]) -> str:
    return " or ".join(f"`{word}`" for word in words)


def _scalar(node: Node) -> str:
    kind = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`"}.get(node["type"])
    if kind is None:
        return "secret" if node.get("writeOnly") else "text"
    low, above, high = node.get("minimum"), node.get("exclusiveMinimum"), node.get("maximum")
    if low is None and above is None:
        return kind
    if high is None or high >= 1_000_000:
        return f"{kind}, from {low:g}" if above is None else f"{kind} above {above:g}"
    return f"{kind}, {low:g} to {high:g}" if above is None else f"{kind} above {above:g}, to {high:g}"


def _default(node: Node) -> str:
    value = node.get("default")
    if value is None or value == "":
        return ""
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def _is_long(kind: str) -> bool:
    return kind.startswith(("names", "mapping"))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: Sequence[str]) -> int:
    """Write both files below the folder named (``docs``). With ``--check``, only say whether they are up to date."""
    folder = Path(next((word for word in arguments if not word.startswith("-")), "docs"))
    stale = False
    for name, text in (("configuration.md", page()), ("config.schema.json", schema_text())):
        file = folder / name
        if "--check" not in arguments:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            stale = True
            sys.stderr.write(f"{file} is not up to date: run scripts/configuration-docs\n")
    return int(stale)
