"""``POST /admin/v1/config/reload``: read the configuration's file again."""

from __future__ import annotations

import logging
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.admin import control as core
from gateway.admin.changes import By
from gateway.admin.config import Problem, shown
from gateway.admin.replies import InForce
from gateway.admin.roles import needs
from gateway.core.errors import InvalidRequest, StoreUnavailable
from gateway.directory.records import AuditEntry, Change

router = APIRouter(tags=["config"])

_log = logging.getLogger("sluice.admin")


class Reloaded(BaseModel):
    """What became of it."""

    result: Literal["in_force", "unchanged"] = Field(
        description="`unchanged`: the file says what was in force already."
    )
    hash: str = Field(description="Of the settings in force now; `/readyz` shows it too.")
    problems: list[Problem] = Field(description="Warnings.")
    needs_restart: list[str] = Field(
        description="Settings that stay as they were until the gateway starts anew.", examples=[["server.port"]]
    )


@router.post("/config/reload", summary="Read the configuration again", openapi_extra=needs("admin"))
async def reload(control: InForce, by: By) -> Reloaded:
    """Here at once, and on every replica within a second. A file with errors is refused with a 400 that lists them, and
    the settings that were in force still are.
    """
    done = await control.reload(by)
    await _note(control, done, by)
    if done.result == "refused":
        said = "\n".join(map(str, done.problems))
        raise InvalidRequest(
            f"The configuration is as it was, since the file has errors.\n{said}", code="config_refused"
        )
    return Reloaded(
        result=done.result,
        hash=done.hash,
        problems=[shown(problem) for problem in done.problems],
        needs_restart=list(done.needs_restart),
    )


async def _note(control: core.Control, done: core.Reloaded, by: str) -> None:
    """Write it down; and have every replica do the same, unless the file was refused."""
    entry = AuditEntry(
        at=control.clock.time(),
        by=by,
        action="config.reload",
        subject="config",
        before={"hash": control.hash},
        after={"hash": done.hash, "result": done.result},
    )
    try:
        await control.directory.note(entry, None if done.result == "refused" else Change("config"))
    except StoreUnavailable:
        # It is done here, whoever can't be told. Each replica looks at its own file too.
        _log.exception("other replicas could not be told to reload")
