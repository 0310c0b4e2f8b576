"""``POST /admin/v1/alerts/test``: try whether alerts arrive."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.admin.replies import InForce, Listing
from gateway.admin.roles import needs

router = APIRouter(tags=["alerts"])


class AlertTest(BaseModel):
    """What came of a test alert to one webhook."""

    webhook: str = Field(description="Its name.")
    is_delivered: bool
    status: int | None = Field(description="The HTTP status of its answer; null if none came.")
    reason: str | None = Field(
        description="Why it is not delivered; null if it is.", examples=["answered 404: no_service"]
    )


@router.post("/alerts/test", summary="Send a test alert to every webhook", openapi_extra=needs("operator"))
async def test(control: InForce) -> Listing[AlertTest]:
    """Each is tried once, at once, and has its `timeout` to answer. Those that are off are left out."""
    replies = await control.alerts.test()
    return Listing(
        data=[
            AlertTest(webhook=name, is_delivered=reply.is_delivered, status=reply.status, reason=reply.reason or None)
            for name, reply in replies.items()
        ]
    )
