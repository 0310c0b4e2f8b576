"""``GET /admin/v1/teams``: keys that share limits and budgets."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.admin.replies import Budget, InForce, Listing, budgets
from gateway.settings.terms import Limits

router = APIRouter(tags=["keys and teams"])


class Team(BaseModel):
    """Keys that share limits and budgets."""

    name: str
    keys: list[str] = Field(description="The names of its keys.")
    limits: Limits = Field(description="On all its keys together; null is not limited.")
    budgets: list[Budget] = Field(description="On all its keys together.")


@router.get("/teams", summary="The teams that keys belong to")
async def teams(control: InForce) -> Listing[Team]:
    """In the configuration's order."""
    settings = control.settings
    rows = [
        Team(
            name=name,
            keys=[key.name for key in settings.keys if key.team == name],
            limits=team.limits,
            budgets=budgets(team.budgets),
        )
        for name, team in settings.teams.items()
    ]
    return Listing(data=rows)
