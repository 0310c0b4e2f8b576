"""What pydantic found in a request's fields, in one sentence with the fix; never the value, which may be a secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from gateway.core.errors import InvalidRequest
from gateway.settings.near import choice
from gateway.settings.values import Section, Wrong
from gateway.settings.wording import names_of, section_at


def refused(errors: Sequence[ErrorDetails], body: type[BaseModel] | None = None) -> InvalidRequest:
    """The first of ``errors``, whose places are within ``body``; nearest names are known where that is a Section."""
    first = errors[0]
    place = first["loc"]
    param = ".".join(map(str, place))
    if not param:
        return InvalidRequest("send a JSON object, with 'content-type: application/json'")
    said = f"is not understood: {first['msg']}"
    wrong = first.get("ctx", {}).get("error")
    if first["type"] == "missing":
        said = "is missing"
    elif first["type"] == "extra_forbidden":
        said = f"is no field here. {_nearest(place, body)}".rstrip()
    elif isinstance(wrong, Wrong):
        said = f"{wrong.what}. {wrong.fix}".rstrip()
    return InvalidRequest(f"'{param}' {said}", param=param)


def check_names(patch: Mapping[str, Any], body: type[Section], place: tuple[str, ...] = ()) -> None:
    """Raises InvalidRequest for a name that ``body`` has not, be it that it is to be taken away."""
    section = section_at(place, body)
    if section is None:
        return
    for name, value in patch.items():
        here = (*place, name)
        if name not in names_of(section):
            param = ".".join(here)
            raise InvalidRequest(f"'{param}' is no field here. {_nearest(here, body)}".rstrip(), param=param)
        if isinstance(value, Mapping):
            check_names(value, body, here)


def _nearest(place: tuple[str | int, ...], body: type[BaseModel] | None) -> str:
    if body is None or not issubclass(body, Section):
        return ""
    section = section_at(place[:-1], body)
    return choice(str(place[-1]), names_of(section), noun="fields") if section else ""
