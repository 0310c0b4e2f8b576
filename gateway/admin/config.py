"""``GET /admin/v1/config``: the settings in force, without their secrets."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.admin.replies import InForce
from gateway.admin.roles import needs
from gateway.core import errors
from gateway.settings.shown import redacted

router = APIRouter(tags=["config"])


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
    problems: list[Problem] = Field(description="What `sluice check` says of it, and what waits for a restart.")
    refused: list[Problem] = Field(
        description="What is wrong with the file as it was last read, if that was not put in force; else empty."
    )


@router.get("/config", summary="The settings in force", openapi_extra=needs("viewer"))
async def config(control: InForce) -> Config:
    """With defaults filled in and variables expanded, as the gateway goes by them."""
    return Config(
        hash=control.hash,
        store=control.settings.state.scheme,
        settings=redacted(control.settings),
        problems=[shown(problem) for problem in control.problems],
        refused=[shown(problem) for problem in control.refused],
    )


def shown(problem: errors.Problem) -> Problem:
    return Problem(
        level="warning" if problem.is_warning else "error",
        file=problem.file,
        line=problem.line,
        path=problem.path,
        what=problem.what,
        fix=problem.fix,
    )
