"""``redis://``: a directory that all replicas share.

All of it has one hash tag, so that it lies on one node of a cluster and scripts can change it atomically:

    sluice:{directory}:keys     hash: public id -> record, JSON. 100,000 keys are about 60 MB in all
    sluice:{directory}:names    hash: name of a key that is not revoked -> its id
    sluice:{directory}:ids      sorted set of all ids, in lexicographic order
    sluice:{directory}:members  sorted set of "team/id", in lexicographic order
    sluice:{directory}:teams    hash: name -> record, JSON
    sluice:{directory}:audit    stream; an entry's id is the number of its change
    sluice:{directory}:version  the number of the last change
    sluice:{directory}:news:<n> pub/sub channel of database n: "<number> <kind> <name>"
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.core.clock import Clock, Sleep
from gateway.core.redis import Client, Script, asking
from gateway.directory.base import KeyPage, Listener
from gateway.directory.news import Listeners, news_of
from gateway.directory.pubsub import Subscription
from gateway.directory.records import AuditEntry, Change, KeyRecord, TeamRecord
from gateway.directory.rules import before_number, changed, check_batch, name_taken, page_of

DEADLINE_S = 1.0
WHAT = "keys and teams"

PREFIX = "sluice:{directory}:"
VERSION, AUDIT, KEYS, NAMES, IDS, MEMBERS, TEAMS = (
    PREFIX + what for what in ("version", "audit", "keys", "names", "ids", "members", "teams")
)

SCRIPTS = Path(__file__).parent / "scripts"
_PUT_KEYS, _PUT_TEAM, _NOTE = (Script(SCRIPTS, "append", name) for name in ("put_keys", "put_team", "note"))

_encode = msgspec.json.Encoder().encode
_key = msgspec.json.Decoder(KeyRecord).decode
_team = msgspec.json.Decoder(TeamRecord).decode
_entry = msgspec.json.Decoder(AuditEntry).decode


class RedisDirectory:
    """A Directory over a client that somebody else opens and closes. Starts whether Redis can be reached or not."""

    def __init__(self, client: Client, clock: Clock, *, sleep: Sleep = asyncio.sleep) -> None:
        self._client = client
        # Channels know no databases: without its number, a message would reach the readers of another one.
        self._channel = f"{PREFIX}news:{client.get_connection_kwargs().get('db') or 0}"
        self._listeners = Listeners()
        self._news = Subscription(
            client, self._channel, version=self._version, listeners=self._listeners, clock=clock, sleep=sleep
        )
        self._listening: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<RedisDirectory {self._news!r}>"

    async def start(self) -> None:
        self._listening = self._listening or asyncio.create_task(self._news.run())

    async def key(self, id: str) -> KeyRecord | None:
        async with asking(WHAT, DEADLINE_S):
            record = await self._client.execute_command("HGET", KEYS, id)
            return None if record is None else _key(record)

    async def named_key(self, name: str) -> KeyRecord | None:
        async with asking(WHAT, DEADLINE_S):
            id = await self._client.execute_command("HGET", NAMES, name)
            record = None if id is None else await self._client.execute_command("HGET", KEYS, id)
            key = None if record is None else _key(record)
        # Between the two, it may have been revoked or named anew.
        return key if key is not None and key.name == name and key.revoked_at is None else None

    async def keys(self, *, after: str = "", limit: int = 100, team: str | None = None) -> KeyPage:
        if team is None:
            index, first, last = IDS, f"({after}", "+"
        else:
            index, first, last = MEMBERS, f"({team}/{after}", f"({team}0"  # 0 comes after /
        async with asking(WHAT, DEADLINE_S):
            found = await self._client.execute_command("ZRANGEBYLEX", index, first, last, "LIMIT", 0, limit + 1)
            ids = [member.rpartition(b"/")[2] for member in found]
            records = await self._client.execute_command("HMGET", KEYS, *ids) if ids else ()
            return page_of([_key(record) for record in records if record is not None], limit)

    async def teams(self) -> tuple[TeamRecord, ...]:
        async with asking(WHAT, DEADLINE_S):
            teams = [_team(record) for record in await self._client.execute_command("HVALS", TEAMS)]
        return tuple(sorted(teams, key=lambda team: team.name))

    async def put_key(self, record: KeyRecord, entry: AuditEntry) -> None:
        await self.put_keys((record,), entry)

    async def put_keys(self, records: Sequence[KeyRecord], entry: AuditEntry) -> None:
        check_batch(records)
        keys = (VERSION, AUDIT, KEYS, NAMES, IDS, MEMBERS)
        await self._change(_PUT_KEYS, keys, entry, news_of(records), *map(_encode, records))

    async def put_team(self, record: TeamRecord, entry: AuditEntry) -> None:
        change = Change("team", record.name)
        await self._change(_PUT_TEAM, (VERSION, AUDIT, TEAMS), entry, change, _encode(record))

    async def note(self, entry: AuditEntry, change: Change | None = None) -> None:
        await self._change(_NOTE, (VERSION, AUDIT), entry, change)

    async def audit(self, *, before: str = "", limit: int = 100) -> Sequence[AuditEntry]:
        last = f"{max(0, before_number(before) - 1)}-0"
        async with asking(WHAT, DEADLINE_S):
            found = await self._client.execute_command("XREVRANGE", AUDIT, last, "-", "COUNT", limit)
            return tuple(_numbered(id, fields) for id, fields in found)

    @property
    def told_until(self) -> float:
        return self._news.told_until

    def subscribe(self, listener: Listener) -> None:
        self._listeners.add(listener)

    async def aclose(self) -> None:
        """The client stays open. Calling it again does nothing."""
        listening, self._listening = self._listening, None
        while listening is not None and not listening.done():
            # More than once: redis-py 8 forgets a cancellation that comes in the first steps of a connection.
            listening.cancel()
            await asyncio.wait([listening], timeout=0.1)

    async def _change(
        self, script: Script, keys: Sequence[str], entry: AuditEntry, change: Change | None, *records: bytes
    ) -> None:
        kind, name = (change.kind, change.name) if change else ("", "")
        async with asking(WHAT, DEADLINE_S):
            answer = await script.run(self._client, keys, (_encode(entry), self._channel, kind, name, *records))
        match [word.decode() for word in answer]:
            case []:
                self._listeners.tell(change)
            case ["taken", name]:
                raise name_taken(name)
            case ["changed", name]:
                raise changed(f"{'team' if script is _PUT_TEAM else 'key'} {name}")
            case _:  # all was kept already
                pass

    async def _version(self) -> int:
        async with asking(WHAT, DEADLINE_S):
            return int(await self._client.execute_command("GET", VERSION) or 0)


def _numbered(id: bytes, fields: dict[bytes, bytes] | Sequence[Any]) -> AuditEntry:
    values = dict(fields) if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
    return msgspec.structs.replace(_entry(values[b"entry"]), id=id.partition(b"-")[0].decode())
