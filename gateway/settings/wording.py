"""What pydantic found, in plain words, with the line and the fix.

Values are quoted as the file has them, before the environment had its say, and never where a secret belongs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from gateway.core.errors import Problem
from gateway.settings.document import Document
from gateway.settings.near import choice, nearest
from gateway.settings.reader import Place
from gateway.settings.schema import Settings
from gateway.settings.values import Section, Wrong

_QUOTED = re.compile(r"'([^']*)'")
_OPTIONAL = (Union, type(int | None))


def worded(error: ErrorDetails, place: Place, document: Document) -> Problem:
    """``error`` as a problem at ``place``, which is its ``loc`` in the document as the file has it."""
    kind = error["type"]
    if kind == "missing":
        return _missing(str(error["loc"][-1]), place, document)
    if kind == "extra_forbidden":
        return _unknown(place, document)
    if kind == "value_error":
        wrong = error.get("ctx", {}).get("error")
        if isinstance(wrong, Wrong):
            return document.problem(place, wrong.what, wrong.fix)
    word = _WORDS.get(kind)
    if word is None:
        return document.problem(place, "is not valid here", _description(place))
    # Of a mapping's entry, it may be the name that is wrong.
    is_name = error["loc"][-1:] == ("[key]",)
    shown = repr(str(place[-1])[:60]) if is_name else _shown(error["input"], place, document)
    what, fix = word(error.get("ctx", {}), error["input"], shown)
    return document.problem(place, what, fix or _description(place))


def section_at(place: Place, root: type[Section] = Settings) -> type[Section] | None:
    """The section that stands at ``place`` of ``root``, if one does."""
    found: Any = root
    for part in place:
        found = _inside(found, part)
    found = _bare(found)
    return found if isinstance(found, type) and issubclass(found, Section) else None


def names_of(section: type[Section]) -> dict[str, FieldInfo]:
    """A section's settings by the names that a file uses."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def _inside(annotation: Any, part: str | int) -> Any:
    bare = _bare(annotation)
    if isinstance(bare, type) and issubclass(bare, Section):
        field = names_of(bare).get(str(part))
        return field.annotation if field else None
    items = get_args(bare)
    if get_origin(bare) is dict and len(items) == 2:
        return items[1]
    return items[0] if get_origin(bare) is tuple and items else None


def _bare(annotation: Any) -> Any:
    """Without Annotated and without ``| None``."""
    while True:
        if hasattr(annotation, "__metadata__"):
            annotation = annotation.__origin__
        elif get_origin(annotation) in _OPTIONAL:
            annotation = get_args(annotation)[0]
        else:
            return annotation


def _missing(name: str, place: Place, document: Document) -> Problem:
    section = section_at(place)
    field = names_of(section).get(name) if section else None
    said = f" {field.description}" if field and field.description else ""
    return document.problem(place, f"{name} is missing", f"Add {name}.{said}")


def _unknown(place: Place, document: Document) -> Problem:
    name = str(place[-1])
    section = section_at(place[:-1])
    fix = choice(name, names_of(section), noun="settings") if section else ""
    return document.problem(place, "there is no such setting", fix)


def _description(place: Place) -> str:
    """What the setting at ``place`` is for, or the one that it is a part of."""
    for end in range(len(place), 0, -1):
        section = section_at(place[: end - 1])
        field = names_of(section).get(str(place[end - 1])) if section else None
        if field is not None:
            return field.description or ""
    return ""


def _shown(value: Any, place: Place, document: Document) -> str:
    """``value`` for a message: scalars as the file has them."""
    source = document.source(place)
    if source is None or isinstance(value, dict | list):
        return _noun(value)
    if document.variables(place):
        return f"what {source[:60]} expands to"
    return repr(source[:60]) if isinstance(value, str) else source[:60]


def _noun(value: Any) -> str:
    for kinds, noun in _NOUNS:
        if isinstance(value, kinds):
            return noun
    return "that"


_NOUNS: tuple[tuple[Any, str], ...] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a mapping"),
    (type(None), "nothing"),
)

_Word = Callable[[Mapping[str, Any], Any, str], tuple[str, str]]


def _must_be(wanted: str) -> _Word:
    return lambda _ctx, _value, shown: (f"must be {wanted}, not {shown}", "")


def _bound(word: str, name: str) -> _Word:
    return lambda ctx, _value, shown: (f"must be {word} {ctx[name]:.16g}, not {shown}", "")


def _structure(wanted: str, fix: str) -> _Word:
    return lambda _ctx, value, _shown: (f"must be {wanted}, not {_noun(value)}", fix)


def _text(_ctx: Mapping[str, Any], value: Any, _shown: str) -> tuple[str, str]:
    is_scalar = not isinstance(value, list | dict | None)
    return f"must be text, not {_noun(value)}", "Put it in quotes." if is_scalar else ""


def _one_of(ctx: Mapping[str, Any], value: Any, shown: str) -> tuple[str, str]:
    known = _QUOTED.findall(str(ctx.get("expected", "")))
    meant = nearest(value, known) if isinstance(value, str) else None
    return f"must be one of {', '.join(known)}; not {shown}", f"Did you mean {meant}?" if meant else ""


_WHOLE = _must_be("a whole number")
_NUMBER = _must_be("a number")
_MAPPING = _structure("a mapping", "Write settings below it, indented, each as name: value.")
_LIST = _structure("a list", "Begin each item with a dash, or write [a, b].")

_WORDS: dict[str, _Word] = {
    "int_parsing": _WHOLE,
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "finite_number": _must_be("a finite number"),
    "bool_parsing": _must_be("true or false"),
    "bool_type": _must_be("true or false"),
    "greater_than": _bound("more than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "literal_error": _one_of,
    "enum": _one_of,
    "string_type": _text,
    "string_too_short": lambda _ctx, _value, _shown: ("is empty", ""),
    "string_unicode": lambda _ctx, _value, _shown: ("holds characters that are no text", ""),
    "too_short": lambda _ctx, _value, _shown: ("is empty", ""),
    "model_type": _MAPPING,
    "dict_type": _MAPPING,
    "tuple_type": _LIST,
    "list_type": _LIST,
    "frozen_set_type": _LIST,
    "set_type": _LIST,
}
