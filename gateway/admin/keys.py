"""``GET /admin/v1/keys``: who may call. Never a key, nor its digest."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.admin.replies import Budget, InForce, Listing, budgets, moment
from gateway.settings.terms import Limits

router = APIRouter(tags=["keys and teams"])


class Key(BaseModel):
    """A virtual key, but for the key itself."""

    name: str = Field(description="How logs, metrics and errors call it.")
    team: str | None
    models: list[str] = Field(description="Globs of the public models that it may use.")
    regions: list[str] | None = Field(description="The regions that its calls may be sent to; null is any.")
    expires_at: datetime | None = Field(description="From this moment on it is refused; null is never.")
    is_expired: bool
    limits: Limits = Field(description="On its calls; null is not limited. The team's hold too.")
    budgets: list[Budget] = Field(description="On what it spends. The team's hold too.")


@router.get("/keys", summary="The keys that may call")
async def keys(control: InForce) -> Listing[Key]:
    """In the configuration's order. None at all: whoever reaches the loopback address may call."""
    zone, now_s = control.settings.server.timezone, control.clock.time()
    rows = []
    for key in control.settings.keys:
        expires_s = key.expires_at(zone)
        rows.append(
            Key(
                name=key.name,
                team=key.team,
                models=list(key.models),
                regions=None if key.regions is None else sorted(key.regions),
                expires_at=None if expires_s is None else moment(expires_s),
                is_expired=expires_s is not None and now_s >= expires_s,
                limits=key.limits,
                budgets=budgets(key.budgets),
            )
        )
    return Listing(data=rows)
