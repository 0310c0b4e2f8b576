"""``memory://``: a directory that is gone with its process."""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec

from gateway.directory.base import AUDITED, KeyPage, Listener
from gateway.directory.news import Listeners, news_of
from gateway.directory.records import AuditEntry, Change, KeyRecord, TeamRecord
from gateway.directory.rules import before_number, page_of, standing_keys, stands


class MemoryDirectory:
    """A Directory for one process, for as long as it lives."""

    def __init__(self) -> None:
        self._keys: dict[str, KeyRecord] = {}
        self._ids: list[str] = []
        """Sorted."""
        self._names: dict[str, str] = {}
        """Of keys that are not revoked, to their ids."""
        self._teams: dict[str, TeamRecord] = {}
        self._entries: deque[AuditEntry] = deque(maxlen=AUDITED)
        self._listeners = Listeners()

    def __repr__(self) -> str:
        return f"<MemoryDirectory of {len(self._keys)} keys>"

    async def start(self) -> None:
        """There is nothing to open."""

    async def key(self, id: str) -> KeyRecord | None:
        return self._keys.get(id)

    async def named_key(self, name: str) -> KeyRecord | None:
        id = self._names.get(name)
        return None if id is None else self._keys[id]

    async def keys(self, *, after: str = "", limit: int = 100, team: str | None = None) -> KeyPage:
        found: Iterable[KeyRecord] = map(self._keys.__getitem__, self._ids[bisect_right(self._ids, after) :])
        if team is not None:
            found = (key for key in found if key.team == team)
        return page_of(list(islice(found, limit + 1)), limit)

    async def teams(self) -> tuple[TeamRecord, ...]:
        return tuple(team for _, team in sorted(self._teams.items()))

    async def put_key(self, record: KeyRecord, entry: AuditEntry) -> None:
        await self.put_keys((record,), entry)

    async def put_keys(self, records: Sequence[KeyRecord], entry: AuditEntry) -> None:
        if standing := standing_keys(records, self._keys.get, self._names.get):
            for record in standing:
                self._keep(record)
            await self.note(entry, news_of(records))

    def _keep(self, record: KeyRecord) -> None:
        old = self._keys.get(record.id)
        if old is None:
            insort(self._ids, record.id)
        elif old.revoked_at is None:
            del self._names[old.name]
        if record.revoked_at is None:
            self._names[record.name] = record.id
        self._keys[record.id] = record

    async def put_team(self, record: TeamRecord, entry: AuditEntry) -> None:
        if not stands(record, self._teams.get(record.name)):
            return
        if record.deleted_at is None:
            self._teams[record.name] = record
        else:
            self._teams.pop(record.name, None)
        await self.note(entry, Change("team", record.name))

    async def note(self, entry: AuditEntry, change: Change | None = None) -> None:
        number = int(self._entries[-1].id) + 1 if self._entries else 1
        self._entries.append(msgspec.structs.replace(entry, id=str(number)))
        self._listeners.tell(change)

    async def audit(self, *, before: str = "", limit: int = 100) -> Sequence[AuditEntry]:
        below = before_number(before)
        return tuple(islice((entry for entry in reversed(self._entries) if int(entry.id) < below), limit))

    @property
    def told_until(self) -> float:
        """Always now: a change is told before its verb returns."""
        return math.inf

    def subscribe(self, listener: Listener) -> None:
        self._listeners.add(listener)

    async def aclose(self) -> None:
        """There is nothing to close."""
