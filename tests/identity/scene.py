"""A directory that counts what it is asked, and that a test may take out, hold up, or keep from telling news."""

from __future__ import annotations

import asyncio
import math
from hashlib import sha256

from msgspec.structs import replace

from gateway.core.errors import StoreUnavailable
from gateway.directory.memory import MemoryDirectory
from gateway.directory.records import AuditEntry, KeyRecord, Secret, TeamRecord
from gateway.identity.directory_keys import DirectoryKeys
from gateway.identity.doors import Doors
from gateway.identity.keys import KeyRing
from gateway.identity.secret import new_secret, public_id
from gateway.identity.teams import Teams
from tests.clock import FrozenClock

AUDIT = AuditEntry(at=0, by="test", action="test", subject="test")


class WatchedDirectory(MemoryDirectory):
    def __init__(self):
        super().__init__()
        self.asked = []
        """Ids of the keys that were looked up."""
        self.most_at_once = self._at_once = self.team_reads = 0
        self.is_out = self.is_mute = False
        self.gate = asyncio.Event()
        self.gate.set()

    told_until = -math.inf
    """Nobody says that all news have come, unless a test does."""

    async def key(self, id):
        self.asked.append(id)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            self._answer()
            found = await super().key(id)
            await asyncio.sleep(0)
            await self.gate.wait()
            self._answer()
            return found
        finally:
            self._at_once -= 1

    async def teams(self):
        self.team_reads += 1
        self._answer()
        return await super().teams()

    async def note(self, entry, change=None):
        await super().note(entry, None if self.is_mute else change)

    def _answer(self):
        if self.is_out:
            raise StoreUnavailable("out, as the test has it")


class Scene:
    """DirectoryKeys over a WatchedDirectory, both new, on a frozen clock."""

    def __init__(self, **rest):
        self.clock = FrozenClock()
        self.directory = WatchedDirectory()
        self.teams = Teams(self.directory, self.clock)
        self.keys = DirectoryKeys(self.directory, self.teams, self.clock, **rest)
        self.doors = Doors(KeyRing((), self.clock), self.keys, None, is_open=False)

    async def make(self, name="ci", **terms):
        """A new key; its secret."""
        secret = new_secret()
        record = KeyRecord(
            id=public_id(secret), name=name, secrets=(hashed(secret),), created_at=0, created_by="test", **terms
        )
        await self.directory.put_key(record, AUDIT)
        return secret

    async def change(self, secret, **terms):
        """Its record as changed."""
        record = await MemoryDirectory.key(self.directory, public_id(secret))
        changed = replace(record, version=record.version + 1, **terms)
        await self.directory.put_key(changed, AUDIT)
        return changed

    async def revoke(self, secret):
        return await self.change(secret, revoked_at=self.clock.time())

    async def put_team(self, name, version=1, **terms):
        await self.directory.put_team(
            TeamRecord(name=name, created_at=0, created_by="test", version=version, **terms), AUDIT
        )

    async def call(self, secret):
        """As the edge does it."""
        secret = secret.encode() if isinstance(secret, str) else secret
        return self.doors.known(secret) or await self.doors.find(secret)

    def known(self, secret):
        return self.doors.known(secret.encode())

    @property
    def looks(self):
        return len(self.directory.asked)


def hashed(secret, **rest):
    return Secret(sha256=sha256(secret.encode()).hexdigest(), **rest)


async def settle():
    """Let what goes on at the side come to its end."""
    for _ in range(20):
        await asyncio.sleep(0)
