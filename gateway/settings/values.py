"""The kinds of value that settings have, each with its bounds, and what all sections share."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from gateway.core.exchange import Origin
from gateway.core.names import NAME, TAG
from gateway.settings.expand import Expanded
from gateway.settings.nodes import typed


class Wrong(ValueError):
    """What is wrong with a value, and the fix. Neither repeats the value: it may be a secret."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


class Section(BaseModel):
    """A mapping of settings. Unknown ones are errors; ``name:`` with nothing after it is as good as not written."""

    # Deferred: one validator is built, for the root, and not one for each section (a third of the start-up cost).
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nothings(cls, data: Any) -> Any:
        if data is None:
            return {}
        if isinstance(data, dict) and None in data.values():
            return {name: value for name, value in data.items() if value is not None}
        return data


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise Wrong("must be a number, not true or false", "YAML reads yes, no, on and off as true and false.")
    return value


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise Wrong("is no usable name", "Use letters, digits, and . _ - @ after the first; at most 64 characters.")
    return name


def _tag(tag: str) -> str:
    if not TAG.fullmatch(tag):
        raise Wrong("is no usable tag", "Use letters, digits and, after the first, . _ - @ : / = too; at most 64.")
    return tag


def _model_name(name: str) -> str:
    if ":" in name:
        raise Wrong(
            "holds a colon, which is how clients ask for a route (gpt-5-mini:cost)",
            f"Name it {name.replace(':', '-')}; a target's upstream model may keep its colon.",
        )
    if not name or len(name) > 128 or not _MODEL.fullmatch(name):
        raise Wrong("is no usable model name", "Leave out spaces and the characters * ? [ ]; at most 128 characters.")
    return name


def _upstream_model(name: str) -> str:
    if not name.isprintable():
        raise Wrong("holds a line break or another control character", "Write the name as the provider has it.")
    return name


def _secret(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value
    return value.strip() if isinstance(value, str) else value


def _base_url(url: str) -> str:
    url = url.strip()
    if not url:
        return url
    try:
        Origin.of(url)
        parts = urlsplit(url)
    except ValueError:
        raise Wrong("is not an absolute http:// or https:// URL", "Write it like https://api.example.com/v1.") from None
    if parts.username or parts.password or parts.query or parts.fragment:
        fix = "Put credentials into api_key or headers, a version into api_version; leave out what begins with ? or #."
        raise Wrong("holds more than an address and a path", fix)
    return url.rstrip("/")


def _typed(value: Any) -> Any:
    """Expanded text as the YAML that it reads as, for settings whose type nobody here knows."""
    if isinstance(value, Expanded):
        return typed(value)
    if isinstance(value, dict):
        return {name: _typed(item) for name, item in value.items()}
    return [_typed(item) for item in value] if isinstance(value, list) else value


_MODEL = re.compile(r"[^\s*?\[\]\x00-\x1f\x7f]+")

# Stands last, after the bounds, which are then part of the number's own validator.
IsNumber = BeforeValidator(_number)

Count = Annotated[int, Field(ge=1, le=10**15), IsNumber]
"""A whole number from 1."""
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False), IsNumber]
Wait = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False), IsNumber]
"""Seconds, where 0 means not at all."""
Score = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False), IsNumber]
Weight = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False), IsNumber]
# The ceiling keeps nano-dollars within the 64 bits that every store counts in.
Usd = Annotated[Decimal, Field(ge=0, le=1_000_000_000, allow_inf_nan=False), IsNumber]
"""An amount in USD; a YAML float is read by its shortest decimal form, so that 0.1 means 0.1."""
SomeUsd = Annotated[Decimal, Field(gt=0, le=1_000_000_000, allow_inf_nan=False), IsNumber]
"""More than nothing."""
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
Name = Annotated[str, AfterValidator(_name)]
Tag = Annotated[str, AfterValidator(_tag)]
ModelName = Annotated[str, AfterValidator(_model_name)]
Text = Annotated[str, Field(min_length=1)]
UpstreamModel = Annotated[str, Field(min_length=1), AfterValidator(_upstream_model)]
"""It stands in headers of replies and lines of logs."""
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Free = Annotated[dict[str, Any], BeforeValidator(_typed)]
"""Settings that somebody else checks."""
