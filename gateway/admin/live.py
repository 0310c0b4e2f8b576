"""``GET /admin/v1/live``: what the last two minutes were like, second by second."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from gateway.admin.replies import InForce
from gateway.admin.roles import needs
from gateway.telemetry.recent import BUCKETS_AN_OCTAVE, WINDOW_S, Recently, Row

router = APIRouter(tags=["live"])

_FIELDS = Row.__struct_fields__
Buckets = dict[int, int]


class LiveModel(BaseModel):
    """What the calls to one public model did that ended in one second."""

    calls: int
    failed: int = Field(description="Status 500 and above.")
    refused: int = Field(description="Status 400 to 498: the client's to mend.")
    retries: int = Field(description="Attempts beyond the first of a call.")
    input_tokens: int
    output_tokens: int
    images: int
    cost_nanousd: int
    latency: Buckets = Field(description="Of calls that went well: how many took so long, by number of bucket.")
    ttft: Buckets = Field(description="Of streamed calls that went well: when the first token came.")


class LiveSecond(BaseModel):
    """A second in which calls ended."""

    at: int = Field(description="Its beginning, in seconds since the epoch.")
    models: dict[str, LiveModel] = Field(description="By public model: the busiest 20, and all else as `other`.")


class Live(BaseModel):
    """The last seconds of this gateway: of all its workers, of no other replica."""

    window_s: int = Field(description="So many seconds are remembered.")
    buckets_an_octave: int = Field(description="Bucket i begins at 2 ** (i / buckets_an_octave) milliseconds.")
    through: int = Field(description="The last second that is told; ask with `since` for those after it.")
    workers: int = Field(description="Processes that were heard.")
    in_flight: int = Field(description="Calls under way now.")
    seconds: list[LiveSecond] = Field(description="Those in which calls ended, the oldest first.")


@router.get("/live", summary="What the last two minutes were like", response_model=Live, openapi_extra=needs("viewer"))
async def live(
    control: InForce,
    since: Annotated[int, Query(ge=0, description="Only what came after this second, since the epoch.")] = 0,
) -> Response:
    """Counts of calls, tokens and money, and how their latencies were distributed, for each second and model. They add
    up: over seconds, over models. A second is told once it is over and all workers have told of it, two or three
    seconds later.
    """
    # In a thread, for the other workers' are files.
    recently = await asyncio.to_thread(control.recent.read, since)
    return Response(msgspec.json.encode(_document(recently)), media_type="application/json")


def _document(recently: Recently) -> dict[str, object]:
    return {
        "window_s": WINDOW_S,
        "buckets_an_octave": BUCKETS_AN_OCTAVE,
        "through": recently.through,
        "workers": recently.workers,
        "in_flight": recently.in_flight,
        "seconds": [
            {"at": second.at, "models": {name: _row(row) for name, row in second.models.items()}}
            for second in recently.seconds
        ],
    }


def _row(row: Row) -> dict[str, object]:
    return {field: getattr(row, field) for field in _FIELDS}
