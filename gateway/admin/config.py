"""``GET /admin/v1/config``: the settings in force, without their secrets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, Field, SecretStr

from gateway.admin.replies import InForce
from gateway.core import errors
from gateway.core.money import nanousd, usd
from gateway.settings import Settings

router = APIRouter(tags=["config"])

HIDDEN = "***"


class Problem(BaseModel):
    """One thing that was found when the configuration was read."""

    level: Literal["warning", "error"]
    file: str
    line: int | None
    path: str = Field(description="Where in the document.", examples=["models.gpt-5-mini.targets.0.provider"])
    what: str
    fix: str


class Config(BaseModel):
    """The configuration in force."""

    hash: str = Field(
        description="Of the settings below. Gateways with the same hash run the same configuration, but for secrets: a "
        "hash that told those apart would let them be guessed."
    )
    store: str = Field(description="Which kind of store counts: memory, sqlite, redis, …")
    settings: dict[str, Any] = Field(
        description="Every setting, defaults among them, named as in the file. A secret is `***`, an empty one empty; "
        "what is not set is left out."
    )
    problems: list[Problem] = Field(description="What `sluice check` says of it.")


@router.get("/config", summary="The settings in force")
async def config(control: InForce) -> Config:
    """With defaults filled in and variables expanded, as the gateway goes by them."""
    settings = redacted(control.settings)
    return Config(
        hash=fingerprint(settings),
        store=control.settings.state.scheme,
        settings=settings,
        problems=[_problem(problem) for problem in control.problems],
    )


def redacted(settings: Settings) -> dict[str, Any]:
    """All settings as JSON has them, no secret among them."""
    shown: dict[str, Any] = _shown(settings)
    return shown


def fingerprint(shown: dict[str, Any]) -> str:
    """The same for the same settings, in whichever order and by whatever words they were written."""
    return f"sha256:{hashlib.sha256(msgspec.json.encode(shown, order='sorted')).hexdigest()}"


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


def _problem(problem: errors.Problem) -> Problem:
    return Problem(
        level="warning" if problem.is_warning else "error",
        file=problem.file,
        line=problem.line,
        path=problem.path,
        what=problem.what,
        fix=problem.fix,
    )
