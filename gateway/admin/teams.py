"""``/admin/v1/teams``: keys that share limits and budgets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from pydantic.config import JsonDict

from gateway.admin.changes import By, Changes, Patch, Version, body, warning
from gateway.admin.control import Control
from gateway.admin.replies import (
    Budget,
    InForce,
    Listing,
    OfUsers,
    allowances,
    limits,
    moment,
    of_users,
    perhaps,
)
from gateway.admin.roles import needs
from gateway.directory.records import TeamRecord
from gateway.identity.terms import TeamTerms
from gateway.settings import ceilings
from gateway.settings.access import Team as FileTeam
from gateway.settings.terms import Limits
from gateway.settings.values import Name

router = APIRouter(tags=["keys and teams"])

EXAMPLE: JsonDict = {"name": "research", "limits": {"rpm": 600}, "budgets": [{"usd": 100, "per": "month"}]}


class Team(BaseModel):
    """Keys that share limits and budgets."""

    name: str
    source: Literal["config", "directory"] = Field(
        description="`config`: the configuration's file has it, and only that can change it. `directory`: this API or "
        "`sluice teams` made it."
    )
    keys: list[str] = Field(
        description="The names of its keys in the configuration. Those of the directory: `GET /keys?team=`."
    )
    tags: list[str] = Field(description="What its spend is attributed to as well.")
    limits: Limits = Field(description="On all its keys together; null is not limited.")
    budgets: list[Budget] = Field(description="On all its keys together.")
    users: OfUsers = Field(description="On each end user of all its keys.")
    created_at: datetime | None = Field(description="Null for one of the configuration.")
    created_by: str | None = Field(description="The admin who made it, or `cli:` and the system's user.")
    deleted_at: datetime | None
    version: int | None = Field(description="Of the record, from 1, one more with each change: for `If-Match`.")


class ChangedTeam(Team):
    """A team after a change."""

    warning: str | None = Field(description="What you should know; null is nothing.")


class NewTeam(TeamTerms):
    """A team that is to be made."""

    model_config = body(EXAMPLE)


class TeamPatch(TeamTerms):
    """What is to be another way with a team: a JSON merge patch (RFC 7396). Objects are merged, lists replaced; null
    takes away what was said.
    """

    model_config = body({"budgets": [{"usd": 250, "per": "month"}]})

    name: Name = Field(default_factory=str, description="As it is: it can't be changed.")


@router.get("/teams", summary="The teams that keys belong to", openapi_extra=needs("viewer"))
async def teams(control: InForce) -> Listing[Team]:
    """The configuration's first, in its order, then the directory's, by name."""
    said = control.settings.teams
    rows = [_of_file(name, control) for name in said]
    rows += [_of_record(record) for record in await control.directory.teams() if record.name not in said]
    return Listing(data=rows)


@router.post("/teams", summary="Make a team", status_code=201, openapi_extra=needs("operator"))
async def create(control: InForce, changes: Changes, by: By, terms: NewTeam, response: Response) -> ChangedTeam:
    """Then make keys with its name under `team`, or change those that there are."""
    return _changed(control, await changes.create_team(terms, by=by), response)


@router.get("/teams/{team}", summary="One team", openapi_extra=needs("viewer"))
async def show(control: InForce, changes: Changes, team: str, response: Response) -> Team:
    """By its name."""
    if team in control.settings.teams:
        return _of_file(team, control)
    return _of_record(_tagged(await changes.team(team), response))


@router.patch("/teams/{team}", summary="Change a team", openapi_extra=needs("operator"))
async def update(
    *,
    control: InForce,
    changes: Changes,
    by: By,
    version: Version,
    team: str,
    patch: TeamPatch,  # noqa: ARG001  it documents and checks what `merge` is of
    merge: Patch,
    response: Response,
) -> ChangedTeam:
    """What is left out stays as it is. Every replica goes by it within a second."""
    return _changed(control, await changes.update_team(team, merge, by=by, version=version), response)


@router.delete("/teams/{team}", summary="Delete a team", openapi_extra=needs("operator"))
async def delete(
    *,
    control: InForce,
    changes: Changes,
    by: By,
    version: Version,
    team: str,
    response: Response,
    revoke_keys: Annotated[bool, Query(description="Revoke its keys too.")] = False,
) -> ChangedTeam:
    """Refused while it has keys: without it, they would be free of its limits."""
    deleted = await changes.delete_team(team, by=by, revoke_keys=revoke_keys, version=version)
    return _changed(control, deleted, response)


def _of_file(name: str, control: Control) -> Team:
    said: FileTeam = control.settings.teams[name]
    figures = ceilings.ceilings(said.limits, said.budgets)
    return Team(
        name=name,
        source="config",
        keys=[key.name for key in control.settings.keys if key.team == name],
        tags=list(said.tags),
        limits=limits(figures),
        budgets=allowances(figures.budgets),
        users=of_users(ceilings.of_users(said.users)),
        created_at=None,
        created_by=None,
        deleted_at=None,
        version=None,
    )


def _of_record(record: TeamRecord) -> Team:
    return Team(
        name=record.name,
        source="directory",
        keys=[],
        tags=list(record.tags),
        limits=limits(record.ceilings),
        budgets=allowances(record.ceilings.budgets),
        users=of_users(record.users),
        created_at=moment(record.created_at),
        created_by=record.created_by,
        deleted_at=perhaps(record.deleted_at),
        version=record.version,
    )


def _tagged(record: TeamRecord, response: Response) -> TeamRecord:
    response.headers["etag"] = f'"{record.version}"'
    return record


def _changed(control: Control, record: TeamRecord, response: Response) -> ChangedTeam:
    return ChangedTeam(**vars(_of_record(_tagged(record, response))), warning=warning(control))
