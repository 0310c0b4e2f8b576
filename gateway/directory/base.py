"""Where keys and teams are kept, and how every replica hears of a change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from gateway.directory.records import AuditEntry, Change, KeyRecord, TeamRecord

Listener = Callable[[Change], None]
"""Called on the event loop; returns at once."""


class KeyPage(msgspec.Struct, frozen=True):
    """Some keys, in the order of their ids, and where to go on; None at the end."""

    keys: tuple[KeyRecord, ...]
    next: str | None


class Directory(Protocol):
    """Keeps records. Every verb but ``subscribe`` may raise StoreUnavailable, within a second at most.

    Writes are atomic with their audit entry and the news of them, and they are conditional: a record of ``version`` n
    replaces the one of n - 1 (0: there is none), else Conflict is raised and nothing has changed.
    """

    async def start(self) -> None:
        """Open it. One that is shared and can't be reached starts nevertheless, and goes on trying."""
        ...

    async def key(self, id: str) -> KeyRecord | None:
        """The key with this public id, revoked ones too: one round trip."""
        ...

    async def named_key(self, name: str) -> KeyRecord | None:
        """The key of this name that is not revoked."""
        ...

    async def keys(self, *, after: str = "", limit: int = 100, team: str | None = None) -> KeyPage:
        """Keys whose id is above ``after``, revoked ones too; of one team, if it is named."""
        ...

    async def teams(self) -> tuple[TeamRecord, ...]:
        """All teams that are not deleted, by name."""
        ...

    async def put_key(self, record: KeyRecord, entry: AuditEntry) -> None:
        """Keep ``record``. Raises Conflict, also where another key that is not revoked has its name."""
        ...

    async def put_team(self, record: TeamRecord, entry: AuditEntry) -> None:
        """Keep ``record``, also one that says that it is deleted. Raises Conflict."""
        ...

    async def note(self, entry: AuditEntry, change: Change | None = None) -> None:
        """Write down a change that was made elsewhere, such as a reload, and tell every replica of ``change``."""
        ...

    async def audit(self, *, before: str = "", limit: int = 100) -> Sequence[AuditEntry]:
        """The audit log, the latest first, from below the id ``before``."""
        ...

    def subscribe(self, listener: Listener) -> None:
        """Tell ``listener`` of every change from now on, this process's own among them.

        A change elsewhere is told within a second; if its message is lost, within 30 s by a Change of ``everything``.
        """
        ...

    async def aclose(self) -> None: ...
