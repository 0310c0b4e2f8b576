"""Reading what clients send: JSON and forms into typed requests, and what is wrong with them in OpenAI's words."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec

from gateway.core.errors import InvalidRequest
from gateway.simulator.form import Form

T = TypeVar("T")

METADATA = "sim"
"""The key of ``metadata`` that holds options."""


def decoded(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """A JSON body as a typed request. Raises InvalidRequest whose ``param`` is the field that is wrong."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"We could not parse the JSON body of your request: {error}") from None


def converted(form: Form, kind: type[T], lists: frozenset[str] = frozenset()) -> T:
    """A form's text fields as a typed request; numbers and booleans are read from text. Raises InvalidRequest."""
    fields: dict[str, Any] = {}
    for name, value in form.fields:
        plain = name.removesuffix("[]")
        if plain in lists:
            fields.setdefault(plain, []).append(value)
        elif plain.startswith("metadata[") and plain.endswith("]"):
            fields.setdefault("metadata", {})[plain[9:-1]] = value
        else:
            fields[plain] = value
    try:
        return msgspec.convert(fields, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error) from None


def invalid(error: msgspec.ValidationError) -> InvalidRequest:
    """``Expected `str`, got `int` - at `$.messages[0].content``` as an error of ``messages[0].content``."""
    what, _, place = str(error).partition(" - at `$")
    param = place.strip("`.") or None
    if what.startswith("Object missing required field `"):
        name = what.split("`")[1]
        param = f"{param}.{name}" if param else name
        return InvalidRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    if param is None:
        return InvalidRequest(f"Invalid request body: {what}.")
    code: Literal["invalid_type", "invalid_value"] = "invalid_type" if ", got `" in what else "invalid_value"
    return InvalidRequest(f"Invalid value for '{param}': {what}.", param=param, code=code)
