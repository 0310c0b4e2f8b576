"""A key as replies show it, wherever it is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from gateway.admin.control import Control
from gateway.admin.replies import Budget, OfUsers, allowances, limits, moment, of_users, perhaps
from gateway.directory.records import KeyRecord
from gateway.settings import ceilings
from gateway.settings.access import Key as FileKey
from gateway.settings.terms import Limits


class Key(BaseModel):
    """A virtual key, but for the key itself."""

    id: str | None = Field(
        description="The public part of the key, `sk-sl-<id>-…`; null for one of the configuration.",
    )
    name: str = Field(description="How logs, metrics and errors call it.")
    source: Literal["config", "directory"] = Field(
        description="`config`: the configuration's file has it, and only that can change it. `directory`: this API or "
        "`sluice keys` made it."
    )
    status: Literal["live", "expired", "revoked"]
    team: str | None
    models: list[str] = Field(description="Globs of the public models that it may use.")
    regions: list[str] | None = Field(description="The regions that its calls may be sent to; null is any.")
    tags: list[str] = Field(description="What its spend is attributed to as well. The team's are too.")
    expires_at: datetime | None = Field(description="From this moment on it is refused; null is never.")
    is_expired: bool
    limits: Limits = Field(description="On its calls; null is not limited. The team's hold too.")
    budgets: list[Budget] = Field(description="On what it spends. The team's hold too.")
    users: OfUsers = Field(description="On each end user of it.")
    created_at: datetime | None = Field(description="Null for one of the configuration.")
    created_by: str | None = Field(description="The admin who made it, or `cli:` and the system's user.")
    revoked_at: datetime | None
    overlap_ends_at: datetime | None = Field(
        description="Until then, secrets of before a rotation are still taken; null: there are none."
    )
    version: int | None = Field(description="Of the record, from 1, one more with each change: for `If-Match`.")


def of_file(key: FileKey, control: Control) -> Key:
    expires_s, now_s = key.expires_at(control.settings.server.timezone), control.clock.time()
    figures = ceilings.ceilings(key.limits, key.budgets)
    is_expired = expires_s is not None and now_s >= expires_s
    return Key(
        id=None,
        name=key.name,
        source="config",
        status="expired" if is_expired else "live",
        team=key.team,
        models=list(key.models),
        regions=None if key.regions is None else sorted(key.regions),
        tags=list(key.tags),
        expires_at=perhaps(expires_s),
        is_expired=is_expired,
        limits=limits(figures),
        budgets=allowances(figures.budgets),
        users=of_users(ceilings.of_users(key.users)),
        created_at=None,
        created_by=None,
        revoked_at=None,
        overlap_ends_at=None,
        version=None,
    )


def of_record(record: KeyRecord, now_s: float) -> Key:
    is_expired = record.expires_at is not None and now_s >= record.expires_at
    old = [each.expires_at for each in record.secrets if each.expires_at is not None and each.expires_at > now_s]
    return Key(
        id=record.id,
        name=record.name,
        source="directory",
        status="revoked" if record.revoked_at is not None else "expired" if is_expired else "live",
        team=record.team,
        models=list(record.models),
        regions=None if record.regions is None else list(record.regions),
        tags=list(record.tags),
        expires_at=perhaps(record.expires_at),
        is_expired=is_expired,
        limits=limits(record.ceilings),
        budgets=allowances(record.ceilings.budgets),
        users=of_users(record.users),
        created_at=moment(record.created_at),
        created_by=record.created_by,
        revoked_at=perhaps(record.revoked_at),
        overlap_ends_at=perhaps(max(old, default=None)),
        version=record.version,
    )
