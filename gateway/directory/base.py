"""Where keys and teams are kept, and how every replica hears of a change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from gateway.directory.records import AuditEntry, Change, KeyRecord, TeamRecord

BATCH = 200
"""The most keys of one ``put_keys``: Redis does nothing else meanwhile, and calls wait for their limits there."""
AUDITED = 100_000
"""How many entries of the audit log are kept, at least."""

Listener = Callable[[Change], None]
"""Called on the event loop; returns at once."""


class KeyPage(msgspec.Struct, frozen=True):
    """Some keys, in the order of their ids, and where to go on; None at the end."""

    keys: tuple[KeyRecord, ...]
    next: str | None


class Directory(Protocol):
    """Keeps records. Every verb but ``subscribe`` may raise StoreUnavailable, within a second or so. Of a write that
    raised it, nobody knows whether it was made.

    Writes are atomic with their audit entry and the news of them, and they are conditional: a record of ``version`` n
    replaces the one of n - 1 (0: there is none), else Conflict is raised and nothing has changed. A record that is kept
    already, the same in everything, changes nothing when it is put again: so a write may be repeated.
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

    async def put_keys(self, records: Sequence[KeyRecord], entry: AuditEntry) -> None:
        """Keep all ``records`` or none, as one change with one entry; at most BATCH of them. Raises Conflict."""
        ...

    async def put_team(self, record: TeamRecord, entry: AuditEntry) -> None:
        """Keep ``record``. Raises Conflict. One that says that it is deleted is kept no longer: after it, a team of the
        same name begins at version 1.
        """
        ...

    async def note(self, entry: AuditEntry, change: Change | None = None) -> None:
        """Write down a change that was made elsewhere, such as a reload, and tell every replica of ``change``."""
        ...

    async def audit(self, *, before: str = "", limit: int = 100) -> Sequence[AuditEntry]:
        """The audit log, the latest first, from below the id ``before``; the last AUDITED entries or so are kept."""
        ...

    @property
    def told_until(self) -> float:
        """Listeners have been told of every change that was made before this moment, by the monotonic clock: what was
        read earlier and not spoken of since is as it was read. Minus infinity while that can't be said.
        """
        ...

    def subscribe(self, listener: Listener) -> None:
        """Tell ``listener`` of every change from now on, this process's own among them.

        A change elsewhere is told within a second; if its message is lost, within 30 s by a Change of ``everything``.
        One of this process is told before its verb returns, and may be told twice.
        """
        ...

    async def aclose(self) -> None: ...
