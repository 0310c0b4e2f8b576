"""Records and entries for tests of directories."""

from __future__ import annotations

from typing import Any

from gateway.core.ceilings import Allowance, Ceilings
from gateway.directory.records import AuditEntry, Change, KeyRecord, Secret, TeamRecord

DIGEST = "ab" * 32


def a_key(id: str = "aaaaaaaaaaaa", name: str | None = None, **said: Any) -> KeyRecord:
    return KeyRecord(
        **{
            "id": id,
            "name": name or f"name-of-{id}",
            "secrets": (Secret(sha256=DIGEST),),
            "created_at": 1_700_000_000.5,
            "created_by": "root",
            **said,
        }
    )


def a_full_key(id: str = "bbbbbbbbbbbb") -> KeyRecord:
    """Every field says something."""
    some = Ceilings(
        rpm=5, budgets=(Allowance(nanousd=10**15, per="month", on_outage="closed"),), on_outage={"rpm": "open"}
    )
    return a_key(
        id,
        secrets=(Secret(sha256=DIGEST, expires_at=1_700_000_300.0), Secret(sha256="cd" * 32)),
        team="red",
        models=("gpt-*",),
        regions=("eu",),
        tags=("a", "b=c"),
        ceilings=some,
        users=some,
        expires_at=1_800_000_000.25,
        version=1,
    )


def a_team(name: str = "red", **said: Any) -> TeamRecord:
    return TeamRecord(**{"name": name, "created_at": 1_700_000_000.0, "created_by": "root", **said})


def an_entry(action: str = "key.create", **said: Any) -> AuditEntry:
    return AuditEntry(**{"at": 1_700_000_000.0, "by": "root", "action": action, "subject": "key x", **said})


class Heard(list[Change]):
    """A listener that remembers."""

    def __call__(self, change: Change) -> None:
        self.append(change)
