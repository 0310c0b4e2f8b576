"""Nodes to plain values: duplicate keys found, variables expanded, every problem with its line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.core.errors import Problem
from gateway.settings.expand import Expanded, expand
from gateway.settings.nodes import MappingNode, Node, ScalarNode, SequenceNode, entries, explicit, is_plain, scalar

Place = tuple[str | int, ...]
"""Where in a document: mapping keys and list positions from the root. Dots within a name (gpt-4.1) do no harm."""

MAX_DEPTH = 40
MAX_VALUES = 100_000
"""Aliases of aliases can make a short file as large as they like."""


class _Broken:
    """Stands where a value could not be read; its problem is already told."""

    def __repr__(self) -> str:
        return "<broken>"


BROKEN: Final = _Broken()


class Reader:
    """Reads one tree of nodes. Values are str, int, float, bool, None, dict and list, and BROKEN where ``problems``
    says why. Text that the environment had a part in is Expanded.
    """

    def __init__(self, file: str, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._environ = environ
        self._count = 0

    def value(self, node: Node, place: Place = ()) -> Any:
        self._count += 1
        if len(place) > MAX_DEPTH:
            self._fail(node, place[:4], "is nested too deeply", f"No setting needs more than {MAX_DEPTH} levels.")
        elif self._count > MAX_VALUES:
            if self._count == MAX_VALUES + 1:
                self._fail(node, place[:4], f"makes more than {MAX_VALUES} values", "Use fewer aliases (*name).")
        elif isinstance(node, ScalarNode):
            return self._scalar(node, place)
        elif isinstance(node, SequenceNode):
            return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
        elif isinstance(node, MappingNode):
            self._check_keys(node, place)
            return {name: self.value(entry[1], (*place, name)) for name, entry in entries(node).items()}
        return BROKEN

    def _scalar(self, node: ScalarNode, place: Place) -> Any:
        if not is_plain(node):
            self._fail(node, place, "has a tag of its own (!something)", "Remove the tag, or put the text in quotes.")
            return BROKEN
        if "$" not in node.value:
            return scalar(node.tag, node.value)
        expansion = expand(node.value, self._environ)
        for name in expansion.unset:
            self._fail(
                node,
                place,
                f"the environment variable {name} is not set",
                f"Set {name}, or give it a default: ${{{name}:-…}}.",
            )
        if expansion.is_malformed:
            self._fail(
                node,
                place,
                "holds a ${…} that can't be read",
                "Write ${VAR} or ${VAR:-default}, and $$ for a plain dollar sign.",
            )
        if expansion.unset or expansion.is_malformed:
            return BROKEN
        return Expanded(expansion.text) if expansion.variables else expansion.text

    def _check_keys(self, node: MappingNode, place: Place) -> None:
        lines: dict[str, int] = {}
        for name, (key, _) in explicit(node):
            line = key.start_mark.line + 1
            if name is None:
                self._fail(key, place, "has a key that is no plain text", "A setting's name is a word.")
            elif name in lines:
                self._fail(
                    key,
                    (*place, name),
                    f"is written twice; the first is on line {lines[name]}",
                    "Keep one of them: YAML would drop the other without a word.",
                )
            else:
                lines[name] = line

    def _fail(self, node: Node, place: Place, what: str, fix: str) -> None:
        problem = Problem(self._file, node.start_mark.line + 1, dotted(place), what, fix)
        # A block that aliases repeat is read, and found wrong, once for each of them.
        if not any(problem.line == told.line and problem.what == told.what for told in self.problems):
            self.problems.append(problem)


def dotted(place: Place) -> str:
    """``models.gpt-4.1.targets.0``"""
    return ".".join(map(str, place)) or "the file"
