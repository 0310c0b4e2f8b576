"""YAML as nodes that know their line: composed, never constructed by tags, so a file can't name a Python object."""

from __future__ import annotations

from collections.abc import Iterator

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

__all__ = [
    "Entry",
    "MappingNode",
    "Node",
    "ScalarNode",
    "SequenceNode",
    "compose",
    "entries",
    "explicit",
    "is_plain",
    "scalar",
    "typed",
]

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML was built without libyaml: slower, else the same.
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]  # two classes, one shape

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_TRUE = frozenset(("yes", "true", "on"))
_PLAIN = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value"))

SAFE_DEPTH = 2_000

Entry = tuple[Node, Node]


def compose(text: str) -> Node | None:
    """The root node of the one document in ``text``; None if it holds nothing.

    Raises yaml.YAMLError, and RecursionError for what is nested beyond all use.
    """
    if _may_be_deep(text):
        _check_depth(text)
    loader = _Loader(text)
    try:
        node: Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


def _may_be_deep(text: str) -> bool:
    """Each level takes a bracket, a mark or a line; few files have so many."""
    return sum(map(text.count, ("[", "{", "- ", "? ", "\n"))) > SAFE_DEPTH


def _check_depth(text: str) -> None:
    """The C loader composes by recursion, which ends the whole process where the stack does; its events don't."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > SAFE_DEPTH:
                raise RecursionError
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def resolve(text: str) -> str:
    """The tag that ``text`` has as a plain scalar."""
    for first in (text[:1], None):
        for tag, pattern in _Loader.yaml_implicit_resolvers.get(first, ()):
            if pattern.match(text):
                return str(tag)
    return _TAG + "str"


def typed(text: str) -> str | int | float | bool | None:
    """``text`` as the plain scalar that it would be in a file."""
    return scalar(resolve(text), text)


def scalar(tag: str, text: str) -> str | int | float | bool | None:
    """A scalar's value. Dates stay text, and so does ``1:30``, which YAML 1.1 takes for the number 90: a model's name
    or an API version is meant far more often.
    """
    kind = tag.removeprefix(_TAG)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in _TRUE
    if kind in ("int", "float") and ":" not in text:
        return _number(kind, text.replace("_", "").lower())
    return text


def _number(kind: str, text: str) -> str | int | float:
    try:
        if kind == "float":
            return float(text.replace(".inf", "inf").replace(".nan", "nan"))
        digits = text.lstrip("+-")
        is_octal = len(digits) > 1 and digits[0] == "0" and digits[1] not in "xb"
        return int(text, 8 if is_octal else 0)
    except ValueError:
        # Longer than Python turns into a number at all.
        return text


def is_plain(node: Node) -> bool:
    """A scalar of YAML's own types, not ``!secret x``."""
    return node.tag in _PLAIN


def explicit(node: MappingNode) -> Iterator[tuple[str | None, Entry]]:
    """What the mapping itself says, in order: the key's text (None for a key that is no scalar) and both nodes."""
    for key, value in node.value:
        if key.tag != _MERGE:
            yield (key.value if isinstance(key, ScalarNode) else None), (key, value)


def entries(node: MappingNode, depth: int = 0) -> dict[str, Entry]:
    """What the mapping holds, ``<<`` merges among it: its own keys win, then those merged first. A key's text is its
    name, whatever type YAML would see in it (``on``, ``4``).
    """
    found: dict[str, Entry] = {}
    for name, entry in explicit(node):
        if name is not None:
            found.setdefault(name, entry)
    for key, value in node.value:
        if key.tag != _MERGE or depth > 16:
            continue
        for source in value.value if isinstance(value, SequenceNode) else (value,):
            if isinstance(source, MappingNode):
                for name, entry in entries(source, depth + 1).items():
                    found.setdefault(name, entry)
    return found
