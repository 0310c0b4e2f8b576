"""``GET /admin/v1/usage``: how every limit and budget stands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from gateway.admin.control import Control
from gateway.admin.replies import InForce, Listing, moment
from gateway.admin.roles import needs
from gateway.core.ceilings import Ceilings
from gateway.core.money import usd
from gateway.limits.base import Consumption, Limit
from gateway.settings.ceilings import of_users
from gateway.state.base import Level, Rate, Rule, Spend

router = APIRouter(tags=["usage"])

UNITS = {
    "requests": "requests",
    "tokens": "tokens",
    "images": "images",
    "concurrency": "calls",
    "budget": "nanousd",
}
MOST_SCOPES = 200
"""That one question may name: those of a page of keys."""
_NOTHING = Consumption()
Per = Literal["minute", "hour", "day", "week", "month", "total"]


class Usd(BaseModel):
    """The same amounts in USD."""

    limit: str
    used: str
    held: str
    remaining: str


class Usage(BaseModel):
    """One limit or budget, and how it stands now."""

    scope: str = Field(description="Whom it is for.", examples=["key ci", "team research", "global"])
    name: str = Field(description="How errors and headers call it.", examples=["rpm of key ci"])
    measure: str = Field(description="What it counts: requests, tokens, images, concurrency or budget.")
    unit: str = Field(description="Of the amounts: requests, tokens, images, calls or nanousd.")
    per: Per | None = Field(description="The time in which so much may be used; null for concurrency.")
    limit: int = Field(description="The most that may be used.")
    used: int = Field(description="Used so far, what is held among it.")
    held: int = Field(
        description="The part of it that calls under way have reserved at their worst case. 0 for rates, which don't "
        "tell it apart."
    )
    remaining: int = Field(description="What is left; 0 where a bill was larger than what was held for it.")
    reset_in_s: float | None = Field(
        description="Seconds until a rate is full again, or until a budget's window ends; null where neither happens."
    )
    resets_at: datetime | None = Field(description="The moment at which a budget's window ends.")
    usd: Usd | None = Field(description="The amounts of a budget in USD; null for what is no money.")


@router.get("/usage", summary="How limits and budgets stand", openapi_extra=needs("viewer"))
async def usage(
    control: InForce,
    scope: Annotated[
        list[str] | None,
        Query(
            description="Only of one scope (`team research`), or of one kind of scope (`team`). May be said several "
            "times.",
            examples=["key ci", "team", "user alice of key ci"],
            max_length=MOST_SCOPES,
        ),
    ] = None,
) -> Listing[Usage]:
    """Each limit and budget of the configuration, and of the directory's teams. Those of a key of the directory, or of
    an end user, are told when they are asked for by `scope`. What has no limit is not counted here; `/metrics` has it
    all.
    """
    limits = [limit for limit in control.limits if scope is None or any(_is_of(limit, each) for each in scope)]
    for each in ["team"] if scope is None else dict.fromkeys(scope):
        limits += control.book.of_scopes(await _beside(control, each))
    levels = await control.store.levels([limit.claim(_NOTHING) for limit in limits])
    now_s = control.clock.time()
    return Listing(data=[_usage(limit, level, now_s) for limit, level in zip(limits, levels, strict=True)])


def _is_of(limit: Limit, scope: str) -> bool:
    return limit.scope == scope or limit.scope.startswith(f"{scope} ")


async def _beside(control: Control, scope: str) -> list[tuple[str, Ceilings]]:
    """What ``scope`` asks for that the configuration does not name: there may be a hundred thousand keys."""
    kind, _, name = scope.partition(" ")
    if kind == "team":
        teams = [team for team in await control.directory.teams() if team.name not in control.settings.teams]
        return [(f"team {team.name}", team.ceilings) for team in teams if name in ("", team.name)]
    if kind == "key" and all(key.name != name for key in control.settings.keys):
        record = await control.directory.named_key(name)
        return [] if record is None else [(scope, record.ceilings)]
    if kind == "user":
        return [(scope, each) for each in await _of_users(control, name.rpartition(" of ")[2])]
    return []


async def _of_users(control: Control, owner: str) -> list[Ceilings]:
    """What each end user of ``owner`` may use, ``key ci`` or ``team research``; empty where there is no such owner."""
    kind, _, name = owner.partition(" ")
    settings = control.settings
    said = [key.users for key in settings.keys if kind == "key" and key.name == name]
    said += [team.users for team_name, team in settings.teams.items() if kind == "team" and team_name == name]
    if said:
        return [of_users(each) for each in said]
    if kind == "key":
        record = await control.directory.named_key(name)
        return [] if record is None else [record.users]
    return [team.users for team in await control.directory.teams() if kind == "team" and team.name == name]


def _usage(limit: Limit, level: Level, now_s: float) -> Usage:
    rule = limit.rule
    is_money = isinstance(rule, Spend)
    return Usage(
        scope=limit.scope,
        name=limit.name,
        measure=limit.measure,
        unit=UNITS[limit.measure],
        per=_window(rule),
        limit=level.limit,
        used=level.used,
        held=level.held,
        remaining=level.remaining,
        reset_in_s=None if level.reset_s is None else round(level.reset_s, 3),
        resets_at=moment(now_s + level.reset_s) if is_money and level.reset_s is not None else None,
        usd=_in_usd(level) if is_money else None,
    )


def _window(rule: Rule) -> Per | None:
    if isinstance(rule, Spend):
        return rule.per
    return "minute" if isinstance(rule, Rate) else None


def _in_usd(level: Level) -> Usd:
    return Usd(limit=usd(level.limit), used=usd(level.used), held=usd(level.held), remaining=usd(level.remaining))
