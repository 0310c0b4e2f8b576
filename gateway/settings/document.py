"""A configuration file as read: its plain values, and the way back from each to the line it was written on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from gateway.core.errors import Problem
from gateway.settings.expand import expand
from gateway.settings.nodes import MappingNode, Node, ScalarNode, SequenceNode, compose, entries
from gateway.settings.reader import MAX_DEPTH, Place, Reader, dotted

SAVE_AS_UTF8 = "Save it as UTF-8 text."


class Document:
    """One file. ``data`` is what Reader makes of it; ``problems`` is what is wrong with it as YAML.

    What the environment said is never shown in a problem: ``source`` gives a scalar as the file has it.
    """

    def __init__(self, file: str, text: str, environ: Mapping[str, str]) -> None:
        self.file = file
        self.data: Any = {}
        self.problems: list[Problem] = []
        self._root: Node | None = None
        self._environ = environ
        self._overrides: dict[Place, str] = {}
        try:
            self._root = compose(text)
        except yaml.MarkedYAMLError as error:
            self.problems.append(_syntax(file, error))
        except yaml.YAMLError:
            self.problems.append(
                Problem(file, None, dotted(()), "holds characters that YAML doesn't allow", SAVE_AS_UTF8)
            )
        except RecursionError:
            fix = f"No setting needs more than {MAX_DEPTH} levels."
            self.problems.append(Problem(file, None, dotted(()), "is nested too deeply", fix))
        if self._root is not None:
            reader = Reader(file, environ)
            self.data = reader.value(self._root)
            self.problems += reader.problems

    @property
    def is_unreadable(self) -> bool:
        """There are no values to speak of: not even the syntax could be read."""
        return self._root is None and bool(self.problems)

    @classmethod
    def read(cls, path: Path, environ: Mapping[str, str]) -> Document:
        """Read ``path``. A file that can't be read is an empty document with a problem."""
        try:
            raw = path.read_bytes()
            return cls(str(path), raw.decode("utf-8-sig"), environ)
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            problem = Problem(str(path), line, dotted(()), "is not UTF-8 text", SAVE_AS_UTF8)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "that is no file's name"
            problem = Problem(str(path), None, dotted(()), f"can't be read: {reason}", "Name a file with --config.")
        empty = cls(str(path), "", environ)
        empty.problems.append(problem)
        return empty

    def override(self, section: str, name: str, value: object, said_by: str) -> None:
        """Put ``value`` instead of what the file says; ``said_by`` is the command line's option, for problems."""
        if not isinstance(self.data, dict):
            return
        if self.data.get(section) is None:
            self.data[section] = {}
        if isinstance(self.data[section], dict):
            self.data[section][name] = value
            self._overrides[section, name] = said_by

    def problem(self, place: Place, what: str, fix: str = "", *, is_warning: bool = False) -> Problem:
        """A problem at ``place``, with the line of the deepest part of it that the file has."""
        if place in self._overrides:
            return Problem(self._overrides[place], None, dotted(place), what, fix, is_warning)
        return Problem(self.file, self.line(place), dotted(place), what, fix, is_warning)

    def line(self, place: Place) -> int | None:
        """The line, counted from 1, of the key or list item at ``place``, or of what would contain it."""
        line = None
        for mark, _ in self._steps(place):
            line = mark.start_mark.line + 1
        return line

    def source(self, place: Place) -> str | None:
        """The scalar at ``place`` as the file has it, ``${VAR}`` not expanded; None if there is none."""
        steps = list(self._steps(place))
        if place in self._overrides or len(steps) != len(place) or not steps:
            return None
        node = steps[-1][1]
        return node.value if isinstance(node, ScalarNode) else None

    def variables(self, place: Place) -> tuple[str, ...]:
        """The environment variables that the scalar at ``place`` was made of."""
        return expand(self.source(place) or "", self._environ).variables

    def names(self, *place: str | int) -> tuple[str, ...]:
        """The keys of the mapping at ``place``, whether what they name is valid or not."""
        value = self.data
        for part in place:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return ()
        return tuple(value) if isinstance(value, dict) else ()

    def _steps(self, place: Place) -> Iterator[tuple[Node, Node]]:
        """For each part of ``place`` that exists: the node whose line is meant, and the node of the value."""
        node = self._root
        for part in place:
            if isinstance(node, MappingNode) and (entry := entries(node).get(str(part))):
                mark, node = entry
            elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
                mark = node = node.value[part]
            else:
                return
            yield mark, node


def _syntax(file: str, error: yaml.MarkedYAMLError) -> Problem:
    """A YAML error without the text it stumbled over: that may be a secret (``key: *abc`` reads as an alias)."""
    mark = error.problem_mark or error.context_mark
    said = error.problem or error.context or ""
    if "alias" in said or "anchor" in said or "tag" in said:
        said = said.split("'", 1)[0].strip()
    what = f"is not valid YAML: {said}" if said else "is not valid YAML"
    fix = "Check the indentation and brackets here and just above; put text with : # * & ! % @ or { in quotes."
    return Problem(file, mark.line + 1 if mark else None, dotted(()), what, fix)
