"""``GET /admin/v1/calls``: single calls, with their attempts; and what was said in them, where that is kept."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.admin.changes import By
from gateway.admin.errors import Clash
from gateway.admin.replies import InForce, Page
from gateway.admin.roles import needs
from gateway.core.errors import NotFound
from gateway.core.money import nanousd
from gateway.core.types import Endpoint
from gateway.directory.records import AuditEntry
from gateway.telemetry.attempts import Kind
from gateway.telemetry.calls import query as log
from gateway.telemetry.calls.record import shown

router = APIRouter(tags=["calls"])

JSON = "application/json"
Id = Annotated[str, Field(description="The `x-request-id` of the call.", max_length=256)]
OnlyOf = Annotated[
    str | None, Field(description="Only calls with this one; empty: only those without.", max_length=256)
]
Number = Annotated[str | None, Query(description="The `number` of the call that is meant.", max_length=32)]
_NO_CALL = "The log has no call with this id; it may have ended just now, or be past calls.keep_days or calls.max_mb."


class Question(BaseModel):
    """Which calls. All that is said must hold."""

    model_config = ConfigDict(extra="forbid")

    since: datetime | None = Field(default=None, description="Arrived at this moment or later. Without a zone: UTC.")
    until: datetime | None = Field(default=None, description="Arrived before this moment.")
    id: OnlyOf = None
    key: OnlyOf = None
    team: OnlyOf = None
    user: OnlyOf = None
    model: OnlyOf = None
    provider: OnlyOf = None
    target: OnlyOf = None
    endpoint: Endpoint | None = None
    error: OnlyOf = None
    status: str | None = Field(default=None, description="A status, or a class of them.", examples=["429", "5xx"])
    stream: bool | None = None
    tag: OnlyOf = None
    failed: bool | None = Field(
        default=None, description="Whether they ended with an error; a stream that broke off did, with a status of 200."
    )
    min_cost_usd: Decimal | None = Field(default=None, ge=0, le=1_000_000_000, description="They cost this or more.")
    min_duration_s: float | None = Field(default=None, ge=0, description="They took this long or longer.")
    limit: int = Field(default=100, ge=1, le=log.MOST, description="The most calls of a page.")
    cursor: str | None = Field(default=None, max_length=32, description="The `next` of the page before.")


class Attempt(BaseModel):
    """One request to a provider."""

    target: str
    provider: str
    model: str = Field(description="As the provider calls it.")
    kind: Kind = Field(description="`retry`: the call had tried this target before. `failover`: it had not.")
    status: int | None = Field(description="The provider's; null where none came.")
    error: str | None = Field(description="Why it failed; `cancelled`; null where it went well.")
    started_after_s: float = Field(description="Seconds from the call's arrival.")
    duration_s: float
    ttft_s: float | None = Field(description="Seconds to the first event.")


class CallUsage(BaseModel):
    """What was consumed. The kinds of tokens do not overlap."""

    input: int
    cached_input: int
    cache_write: int
    cache_write_1h: int
    image_input: int
    cached_image_input: int
    audio_input: int
    output: int
    reasoning: int
    image_output: int
    audio_output: int
    images: int = Field(description="Images produced.")
    requests: int = Field(description="Upstream requests that it took: several where a target makes one image each.")
    total_input: int = Field(description="Tokens read, all kinds together.")
    total_output: int = Field(description="Tokens written.")


class Call(BaseModel):
    """One call, after its end. Holds nothing of what was said. Times are seconds."""

    id: Id
    number: str = Field(description="What the log calls it. Clients choose ids, and may give several calls the same.")
    at: datetime = Field(description="Its arrival.")
    level: Literal["info", "warning"] = Field(description="`warning`: it failed by the gateway or a provider.")
    endpoint: Endpoint
    model: str = Field(description="As the client named it.")
    key: str
    team: str | None
    user: str | None = Field(description="The request's `user` field.")
    tags: list[str]
    stream: bool
    status: int = Field(description="What the client got; 499: it hung up.")
    error: str | None = Field(description="The code of its error; null: it went well.")
    provider: str | None = Field(description="Who served it.")
    target: str | None
    attempts: list[Attempt] = Field(description="In order; empty where no provider was asked.")
    usage: CallUsage
    usage_official: bool = Field(description="As the provider said; else the gateway's count.")
    cost_usd: str = Field(description="USD, exact.", examples=["0.0015"])
    priced: bool = Field(description="False: the price is not known, and the cost of 0 says nothing.")
    held_usd: str = Field(description="USD, exact: what was held of budgets while it ran.")
    hold_after_s: float | None = Field(description="From its arrival to its first hold; null: nothing was held.")
    hold_s: float = Field(description="Spent waiting for the store to hold.")
    image_quality: str | None
    image_size: str | None
    finish: str | None = Field(description="Why the answer ended.", examples=["stop", "length"])
    duration_s: float
    ttft_s: float | None = Field(description="From its arrival to the first event.")
    overhead_s: float = Field(description="Spent in the gateway: neither waiting for a provider nor for the client.")
    trace_id: str | None = Field(description="Of its OpenTelemetry trace, in hex.")
    has_payload: bool = Field(description="What was said is kept: `/calls/{id}/payload`.")


class CallPayload(BaseModel):
    """What was said in a call."""

    id: Id
    request: str = Field(description="The request's JSON; of a form, its text fields and what its files are.")
    reply: str = Field(description="JSON, or the stream's events. Empty where there was no reply.")
    request_bytes: int = Field(description="Its whole length; longer than what is here, if it was cut off.")
    reply_bytes: int
    whole: bool = Field(description="Nothing was cut off.")


@router.get("/calls", summary="Single calls", response_model=Page[Call], openapi_extra=needs("viewer"))
async def calls(control: InForce, question: Annotated[Question, Query()]) -> Response:
    """The calls of this gateway that went through a while ago, a second at most, as far back as `calls.keep_days` and
    `calls.max_mb` say, those that ended last first; of all its workers, but not of other replicas. New calls do not
    move `next`.
    """
    page = await _log(control.calls).page(_asked(question))
    # Written in a thread, and not by pydantic: 500 calls would hold the loop.
    return Response(await asyncio.to_thread(_written, page), media_type=JSON)


@router.get("/calls/{call}", summary="One call", response_model=Call, openapi_extra=needs("viewer"))
async def one(control: InForce, call: str, number: Number = None) -> Response:
    """With its attempts. Of several calls that clients gave the same id, the last, unless `number` says which."""
    found = await _log(control.calls).call(call, _number(number))
    if found is None:
        raise NotFound(_NO_CALL)
    return Response(msgspec.json.encode(shown(found)), media_type=JSON)


@router.get("/calls/{call}/payload", summary="What was said in a call", openapi_extra=needs("admin"))
async def payload(control: InForce, call: str, by: By, number: Number = None) -> CallPayload:
    """Kept only for the keys and teams that `calls.capture` names. Who looks is written into the audit log."""
    try:
        content = await _log(control.calls).content(call, _number(number))
    except log.SealedOtherwise as error:
        raise Clash(str(error), code="sealed_with_another_secret") from None
    if content is None:
        raise NotFound("What was said in this call is not kept; calls.capture says whose is, and for how long.")
    subject = f"call {call}" if number is None else f"call {call}, number {number}"
    await control.directory.note(AuditEntry(at=control.clock.time(), by=by, action="call.payload", subject=subject))
    return CallPayload(
        id=call,
        request=content.request.decode(errors="replace"),
        reply=content.reply.decode(errors="replace"),
        request_bytes=content.request_size,
        reply_bytes=content.reply_size,
        whole=content.request_size == len(content.request) and content.reply_size == len(content.reply),
    )


def _log(calls: log.Calls | None) -> log.Calls:
    if calls is None:
        raise NotFound("Calls are not kept: calls.enabled is false.", code="calls_disabled")
    return calls


def _asked(question: Question) -> log.Query:
    said = question.model_dump(
        include={"id", "key", "team", "user", "model", "provider", "target", "endpoint", "error", "stream", "tag"}
    )
    return log.Query(
        **said,
        since=_epoch_s(question.since),
        until=_epoch_s(question.until),
        statuses=None if question.status is None else log.statuses(question.status),
        has_failed=question.failed,
        min_cost_nanousd=None if question.min_cost_usd is None else nanousd(question.min_cost_usd),
        min_duration_s=question.min_duration_s,
        limit=question.limit,
        before=None if question.cursor is None else log.number(question.cursor),
    )


def _number(said: str | None) -> int | None:
    return None if said is None else log.number(said, param="number", what="the 'number' of a call")


def _epoch_s(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _written(page: log.Page) -> bytes:
    return msgspec.json.encode({"object": "list", "data": [shown(entry) for entry in page.entries], "next": page.next})
