"""Settings as people and machines may see them: whole, and without a secret."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from pydantic import BaseModel, SecretStr

from gateway.core.money import nanousd, usd
from gateway.settings.schema import Settings

HIDDEN = "***"
OWN = {"server": ("host", "port", "workers"), "state": ("journal",), "calls": ("path", "json_lines")}
"""Settings in which replicas of one configuration may differ: each has its own place in the world."""


def redacted(settings: Settings) -> dict[str, Any]:
    """All settings as JSON has them, no secret among them."""
    shown: dict[str, Any] = _shown(settings)
    return shown


def fingerprint(shown: dict[str, Any]) -> str:
    """Of what ``redacted`` gives: the same for the same settings, in whichever order and by whatever words they were
    written. Secrets are no part of it: a hash that told them apart would let them be guessed. Nor is what is each
    replica's own.
    """
    common = {
        section: {name: value for name, value in said.items() if name not in OWN[section]} if section in OWN else said
        for section, said in shown.items()
    }
    return f"sha256:{hashlib.sha256(msgspec.json.encode(common, order='sorted')).hexdigest()}"


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return HIDDEN if value else ""
    if isinstance(value, BaseModel):
        return {
            field.alias or name: _shown(said) if field.repr else _hidden(said)
            for name, field in type(value).model_fields.items()
            if (said := getattr(value, name)) is not None
        }
    if isinstance(value, Mapping):
        return {name: _shown(item) for name, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple | list):
        return [_shown(item) for item in value]
    # The one kind of Decimal that settings have is an amount in USD.
    return usd(nanousd(value)) if isinstance(value, Decimal) else value


def _hidden(value: Any) -> Any:
    """What settings keep out of their own repr (digests, options of unknown meaning): numbers are no secrets."""
    if isinstance(value, Mapping):
        return {name: _hidden(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    return HIDDEN if isinstance(value, str) and value else value
