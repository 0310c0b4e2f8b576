"""``GET /admin/v1/audit``: who changed what, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from gateway.admin.replies import InForce, Page, moment
from gateway.admin.roles import needs

router = APIRouter(tags=["audit"])


class Entry(BaseModel):
    """One change. Holds no secret and no digest."""

    id: str
    at: datetime
    by: str = Field(description="The admin, or `cli:` and the system's user.", examples=["admin", "cli:alice"])
    action: str = Field(examples=["key.create", "key.rotate", "team.delete", "config.reload"])
    subject: str = Field(description="What was changed.", examples=["key 0aZ1bY2cX3dW", "team research", "config"])
    before: dict[str, Any] | None = Field(description="As it was, in the words of the configuration; null: not there.")
    after: dict[str, Any] | None = Field(description="As it was then.")


@router.get("/audit", summary="Who changed what", openapi_extra=needs("admin"))
async def audit(
    control: InForce,
    before: Annotated[str, Query(pattern="^[0-9]*$", max_length=20, description="The `next` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=1_000, description="Rows at most.")] = 100,
) -> Page[Entry]:
    """The latest first. What the file changes, no admin did: its own history says who."""
    found = await control.directory.audit(before=before, limit=limit)
    rows = [
        Entry(
            id=entry.id,
            at=moment(entry.at),
            by=entry.by,
            action=entry.action,
            subject=entry.subject,
            before=entry.before,
            after=entry.after,
        )
        for entry in found
    ]
    return Page[Entry](data=rows, next=rows[-1].id if len(rows) == limit else None)
