"""What a caller may, by itself and with its team."""

from __future__ import annotations

import sys

from gateway.core.ceilings import NO_CEILINGS, Ceilings
from gateway.core.types import Caller
from gateway.directory.records import KeyRecord, TeamRecord

_EVERY = ("*",)


def alone(
    name: str,
    *,
    team: str | None = None,
    models: tuple[str, ...] = _EVERY,
    regions: frozenset[str] | None = None,
    tags: tuple[str, ...] = (),
    ceilings: Ceilings = NO_CEILINGS,
    users: Ceilings = NO_CEILINGS,
) -> Caller:
    """The caller ``name`` with its own terms only. It is in ``team``, whose terms are not here yet: see ``in_team``."""
    scope = f"key {name}"
    return Caller(
        key=name,
        team=team,
        # There may be 200,000 of them in memory: what is alike is one object.
        models=_EVERY if models == _EVERY else models,
        regions=regions,
        tags=tags,
        scopes=((scope, ceilings),) if ceilings else (),
        per_user=((scope, users),) if users else (),
    )


def of_record(record: KeyRecord) -> Caller:
    """The caller of a key of the directory, with its own terms only."""
    return alone(
        record.name,
        team=record.team and sys.intern(record.team),
        models=record.models,
        regions=None if record.regions is None else frozenset(record.regions),
        tags=record.tags,
        ceilings=record.ceilings,
        users=record.users,
    )


def in_team(own: Caller, team: TeamRecord) -> Caller:
    """``own`` with the terms of its team before its own: the widest scope is asked first."""
    scope = sys.intern(f"team {team.name}")
    return Caller(
        key=own.key,
        team=team.name,
        models=own.models,
        regions=own.regions,
        tags=tuple(dict.fromkeys([*team.tags, *own.tags])),
        scopes=(((scope, team.ceilings),) if team.ceilings else ()) + own.scopes,
        per_user=(((scope, team.users),) if team.users else ()) + own.per_user,
    )
