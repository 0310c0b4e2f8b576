"""``${VAR}`` and ``${VAR:-default}`` in a scalar's text, as a shell reads them; ``$$`` is a plain dollar sign."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(:-|\})")
_STOP = re.compile(r"\$\$|\$\{")
_STOP_IN_DEFAULT = re.compile(r"\$\$|\$\{|\}")


class Expanded(str):
    """Text in which a variable was expanded: it may be a secret, and its YAML type is still to be read."""

    __slots__ = ()


class Expansion(msgspec.Struct):
    """What became of a scalar. The text is of use only if nothing is unset and nothing malformed."""

    text: str
    variables: tuple[str, ...]
    """Every variable that was looked up, in order."""
    unset: tuple[str, ...]
    is_malformed: bool


class _Scan:
    """One walk over one scalar."""

    def __init__(self, text: str, environ: Mapping[str, str]) -> None:
        self._text = text
        self._environ = environ
        self.variables: list[str] = []
        self.unset: list[str] = []
        self.is_malformed = False

    def read(self, start: int, *, in_default: bool, is_used: bool = True) -> tuple[str, int]:
        """The text from ``start`` to its end, or to the brace that ends a default; and where that is."""
        parts: list[str] = []
        stop = _STOP_IN_DEFAULT if in_default else _STOP
        position = start
        while (found := stop.search(self._text, position)) is not None:
            parts.append(self._text[position : found.start()])
            if found.group() == "}":
                return "".join(parts), found.end()
            if found.group() == "$$":
                parts.append("$")
                position = found.end()
            else:
                value, position = self._reference(found.start(), is_used=is_used)
                parts.append(value)
        # A default that no brace ends.
        self.is_malformed |= in_default
        parts.append(self._text[position:])
        return "".join(parts), len(self._text)

    def _reference(self, start: int, *, is_used: bool) -> tuple[str, int]:
        found = _REFERENCE.match(self._text, start)
        if found is None:
            self.is_malformed = True
            return "", start + 2
        name, position = found.group(1), found.end()
        value = self._environ.get(name)
        default = None
        if found.group(2) == ":-":
            # As in a shell, an empty variable takes the default too; one that isn't needed may name what it likes.
            default, position = self.read(position, in_default=True, is_used=is_used and not value)
        if is_used:
            self.variables.append(name)
            if value is None and default is None:
                self.unset.append(name)
        return value or default or "", position


def expand(text: str, environ: Mapping[str, str]) -> Expansion:
    """Replace every reference in ``text``. Never raises: what is wrong stands in the answer."""
    scan = _Scan(text, environ)
    expanded, _ = scan.read(0, in_default=False)
    return Expansion(expanded, tuple(scan.variables), tuple(scan.unset), scan.is_malformed)
