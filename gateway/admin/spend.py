"""``GET /admin/v1/spend``: what was spent, by day, key, team, model, provider and tag."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from functools import partial
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.admin.replies import InForce
from gateway.admin.roles import needs
from gateway.spend.base import Dimension
from gateway.spend.written import DIMENSIONS, as_csv, as_json, asked

router = APIRouter(tags=["spend"])

USUAL_LIMIT = 1_000
MAX_LIMIT = 10_000
CSV = "text/csv"

OnlyOf = Annotated[str | None, Field(description="Only what has this one; empty: only what has none.", max_length=256)]


class Question(BaseModel):
    """What is asked for."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field(
        default="day",
        max_length=256,
        description="A list of day, key, team, model, provider, tag. Empty: all in one.",
        examples=["team,day"],
    )
    first: date | None = Field(default=None, alias="from", description="The first day. Left out: 30 days in all.")
    to: date | None = Field(default=None, description="The last day. Left out: today.")
    key: OnlyOf = None
    team: OnlyOf = None
    model: OnlyOf = None
    provider: OnlyOf = None
    tag: OnlyOf = None
    limit: int = Field(default=USUAL_LIMIT, ge=1, le=MAX_LIMIT, description="The most rows.")


class SpendFigures(BaseModel):
    """What calls cost and used."""

    cost_usd: str = Field(description="USD, exact.", examples=["12.5", "0.000000001"])
    cost_nanousd: int = Field(description="The same in nano-dollars.")
    requests: int = Field(description="Calls that reached a provider.")
    input_tokens: int
    output_tokens: int
    images: int = Field(description="Images produced.")


class SpendRow(SpendFigures):
    """One group of calls."""

    group: dict[str, str] = Field(
        description="What its calls have in common, in the order of `by`; empty where they have none.",
        examples=[{"team": "research", "day": "2026-11-20"}],
    )


class Spend(BaseModel):
    """Sums of what was spent."""

    object: Literal["list"]
    by: list[str]
    first: date = Field(alias="from", description="The first day.")
    to: date = Field(description="The last day.")
    timezone: str = Field(description="In which days begin.")
    data: list[SpendRow] = Field(description="The dearest first.")
    left_out: int = Field(description="Rows beyond `limit`; the total has them.")
    total: SpendFigures = Field(description="Of each call once; by `tag`, rows of one call may be several.")


@router.get(
    "/spend",
    summary="What was spent, and on what",
    response_model=Spend,
    responses={200: {"content": {CSV: {"schema": {"type": "string"}}}}},
    openapi_extra=needs("viewer"),
)
async def spend(request: Request, control: InForce, question: Annotated[Question, Query()]) -> Response:
    """Sums over the calls of all replicas, up to a second ago, for 400 days. As CSV with `Accept: text/csv`."""
    zone = control.settings.server.timezone
    today = datetime.fromtimestamp(control.clock.time(), ZoneInfo(zone)).date()
    where: dict[Dimension, str | None] = {name: getattr(question, name) for name in DIMENSIONS if name != "day"}
    query = asked(question.by, question.first, question.to, today=today, where=where)
    report = await control.spending.report(query)
    # Written in a thread, and not by pydantic: 10,000 rows would hold the loop for 100 ms.
    if CSV in request.headers.get("accept", ""):
        return Response(await asyncio.to_thread(partial(as_csv, query, report, limit=question.limit)), media_type=CSV)
    written = await asyncio.to_thread(partial(as_json, query, report, zone=zone, limit=question.limit))
    return Response(written, media_type="application/json")
