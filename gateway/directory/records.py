"""Who there is besides the configuration: keys and teams that were made while the gateway runs, and who changed them.

Records are frozen and whole: a change is another record under the same id, one ``version`` higher. They are kept as
JSON by msgspec, so that a field with a default can be added without a migration.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from gateway.core.ceilings import NO_CEILINGS, Ceilings


class Secret(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One secret of a key; while a rotation overlaps, a key has two."""

    sha256: str
    """Hex. The secret itself is kept nowhere."""
    expires_at: float | None = None
    """Seconds since the epoch; None: as long as the key."""

    def __repr__(self) -> str:
        return "<Secret>"


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A virtual key. Times are seconds since the epoch."""

    id: str
    """The public part of the key, ``sk-sl-<id>-…``: 12 letters and digits. Stays over rotations."""
    name: str
    """How logs, limits and reports call it. Among keys that are not revoked there is one of a name."""
    secrets: tuple[Secret, ...]
    team: str | None = None
    models: tuple[str, ...] = ("*",)
    regions: tuple[str, ...] | None = None
    tags: tuple[str, ...] = ()
    ceilings: Ceilings = NO_CEILINGS
    users: Ceilings = NO_CEILINGS
    """Of each end user of this key."""
    created_at: float
    created_by: str
    expires_at: float | None = None
    revoked_at: float | None = None
    version: int = 1


class TeamRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Keys that share ceilings. A team of the configuration has no record: there, the file says all."""

    name: str
    tags: tuple[str, ...] = ()
    ceilings: Ceilings = NO_CEILINGS
    users: Ceilings = NO_CEILINGS
    created_at: float
    created_by: str
    deleted_at: float | None = None
    version: int = 1


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change: who made it, when, what, and how it was before and after. Holds no secret and no digest."""

    id: str = ""
    """A decimal number, given by the directory; later entries have larger ones."""
    at: float
    by: str
    """The name of the admin key, or ``cli`` with the name of the system's user."""
    action: str
    """``key.create``, ``key.update``, ``key.rotate``, ``key.revoke``, ``team.create``, …, ``config.reload``."""
    subject: str
    """``key <id>``, ``team <name>``, ``config``."""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class Change(msgspec.Struct, frozen=True):
    """Something is not as it was: whoever has it cached asks again."""

    kind: Literal["key", "team", "config", "everything"]
    """``everything``: changes may have been missed. ``config``: every replica is asked to read its file again."""
    name: str = ""
    """The id of a key, the name of a team."""
