"""Changes keys and teams of the directory, for the control plane and the command line alike.

Each change is checked against the configuration, whose own keys and teams are its file's alone to change, and goes
into the audit log. A new secret is returned once and kept nowhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

from msgspec.structs import replace

from gateway.core.clock import Clock
from gateway.core.errors import Conflict, InvalidRequest, NotFound
from gateway.directory.base import Directory
from gateway.directory.records import AuditEntry, KeyRecord, Secret, TeamRecord
from gateway.identity.keys import digest
from gateway.identity.secret import new_secret, public_id
from gateway.identity.terms import (
    TeamTerms,
    check_budgets,
    check_no_secret,
    check_sizes,
    key_document,
    key_fields,
    key_history,
    merged,
    read,
    team_document,
    team_fields,
    team_history,
)
from gateway.settings import Settings
from gateway.settings.access import KeyTerms
from gateway.settings.near import choice
from gateway.settings.refused import check_names

TRIES = 4
"""A change that names no version is made anew when another came between."""
MAX_SECRETS = 4
"""Of one key, while rotations overlap."""
LONGEST_OVERLAP_S = 90 * 86_400
PAGE = 500

Record = TypeVar("Record", KeyRecord, TeamRecord)
_Change = Callable[[Record], Awaitable[Record]]


class Registrar:
    """Makes changes under one configuration. ``by`` is who made one: an admin's name, ``cli:`` and a user's."""

    def __init__(self, directory: Directory, settings: Settings, clock: Clock) -> None:
        self._directory = directory
        self._time = clock.time
        self._zone = settings.server.timezone
        self._file_keys = frozenset(key.name for key in settings.keys)
        self._file_teams = frozenset(settings.teams)

    async def key(self, reference: str) -> KeyRecord:
        """The key of this id or name; a whole key will do, one that leaked. Raises NotFound, and Conflict for one of
        the configuration.
        """
        if reference in self._file_keys:
            raise Conflict(f"Key {reference!r} is in the configuration's file: change it there.")
        found = await self._directory.key(public_id(reference) or reference)
        found = found or await self._directory.named_key(reference)
        if found is None:
            # What was asked for is not repeated: it may be a secret.
            raise NotFound("There is no key of this name or id.")
        return found

    async def team(self, name: str) -> TeamRecord:
        """Raises NotFound, and Conflict for one of the configuration."""
        if name in self._file_teams:
            raise Conflict(f"Team {name!r} is in the configuration's file: change it there.")
        for team in await self._directory.teams():
            if team.name == name:
                return team
        raise NotFound("There is no team of this name.")

    async def create_key(self, terms: KeyTerms, *, by: str) -> tuple[KeyRecord, str]:
        """A new key and its secret. Raises InvalidRequest; Conflict where the name is taken."""
        now_s = self._time()
        await self._check_key(terms)
        fields = key_fields(terms, self._zone)
        if fields["expires_at"] is not None and fields["expires_at"] <= now_s:
            raise InvalidRequest("'expires' has passed. Name a day to come.", param="expires")
        secret = new_secret()
        id = public_id(secret)
        assert id is not None
        record = KeyRecord(id=id, secrets=(_kept(secret),), created_at=now_s, created_by=by, **fields)
        entry = self._entry(by, "key.create", f"key {id}", None, key_history(record))
        await self._directory.put_key(record, entry)
        return record, secret

    async def update_key(
        self, reference: str, patch: Mapping[str, Any], *, by: str, version: int | None = None
    ) -> KeyRecord:
        """Lay ``patch`` over what the key's terms say (RFC 7396). Raises NotFound, InvalidRequest, Conflict."""

        async def change(record: KeyRecord) -> KeyRecord:
            self._must_be_good(record, or_expired=True)
            check_names(patch, KeyTerms)
            terms = read(KeyTerms, merged(key_document(record), patch))
            await self._check_key(terms, before=record)
            fields = key_fields(terms, self._zone)
            if "expires" not in patch:
                fields["expires_at"] = record.expires_at
            return replace(record, **fields)

        return await self._change_key(reference, "key.update", change, by, version)

    async def rotate_key(
        self, reference: str, overlap_s: float, *, by: str, version: int | None = None
    ) -> tuple[KeyRecord, str]:
        """The key with a new secret, and that; those before it are good for ``overlap_s`` more. Raises NotFound,
        InvalidRequest and Conflict.
        """
        if not 0 <= overlap_s <= LONGEST_OVERLAP_S:
            raise InvalidRequest(
                "the overlap is longer than 90 days. Rotate later, or revoke sooner.", param="overlap_s"
            )
        secret = ""

        async def change(record: KeyRecord) -> KeyRecord:
            nonlocal secret
            self._must_be_good(record)
            until_s = self._time() + overlap_s
            old = [] if overlap_s <= 0 else [_ending(each, until_s) for each in self._good_secrets(record)]
            if len(old) >= MAX_SECRETS:
                raise Conflict(
                    f"The last {MAX_SECRETS - 1} rotations still overlap. Wait until one has ended, or rotate without "
                    "an overlap."
                )
            secret = new_secret(record.id)
            return replace(record, secrets=(_kept(secret), *old))

        return await self._change_key(reference, "key.rotate", change, by, version), secret

    async def revoke_key(self, reference: str, *, by: str, version: int | None = None) -> KeyRecord:
        """The key, revoked from now on; one that is already stays as it is. Raises NotFound and Conflict."""

        async def change(record: KeyRecord) -> KeyRecord:
            return record if record.revoked_at is not None else replace(record, revoked_at=self._time())

        return await self._change_key(reference, "key.revoke", change, by, version)

    async def create_team(self, terms: TeamTerms, *, by: str) -> TeamRecord:
        """A new team. Raises InvalidRequest; Conflict where the name is taken."""
        check_budgets(terms)
        check_sizes(terms)
        check_no_secret(terms)
        if terms.name in self._file_teams:
            raise Conflict(f"The configuration's file has a team {terms.name!r}: choose another name.")
        if any(team.name == terms.name for team in await self._directory.teams()):
            raise Conflict(f"There is a team {terms.name!r} already: choose another name, or change that one.")
        record = TeamRecord(created_at=self._time(), created_by=by, **team_fields(terms))
        entry = self._entry(by, "team.create", f"team {record.name}", None, team_history(record))
        await self._directory.put_team(record, entry)
        return record

    async def update_team(
        self, name: str, patch: Mapping[str, Any], *, by: str, version: int | None = None
    ) -> TeamRecord:
        """Lay ``patch`` over what the team's terms say. Raises NotFound, InvalidRequest, Conflict."""

        async def change(record: TeamRecord) -> TeamRecord:
            check_names(patch, TeamTerms)
            terms = read(TeamTerms, merged(team_document(record), patch))
            if terms.name != name:
                raise InvalidRequest("'name' can't be changed: keys and counters go by it.", param="name")
            check_budgets(terms)
            check_sizes(terms)
            check_no_secret(terms)
            return replace(record, **team_fields(terms))

        return await self._change_team(name, "team.update", change, by, version)

    async def delete_team(
        self, name: str, *, by: str, revoke_keys: bool = False, version: int | None = None
    ) -> TeamRecord:
        """The team, deleted. Raises NotFound, and Conflict while it has keys that work, unless ``revoke_keys``: left
        alive, they would be free of its limits.
        """

        async def change(record: TeamRecord) -> TeamRecord:
            if not revoke_keys:
                async for key in self._live_keys(name):
                    raise Conflict(f"Team {name!r} has keys, such as {key.name!r}: revoke or move them, or ask for it.")
            return replace(record, deleted_at=self._time())

        # Deleted first, so that no key joins it meanwhile.
        deleted = await self._change_team(name, "team.delete", change, by, version)
        if revoke_keys:
            async for key in self._live_keys(name):
                await self.revoke_key(key.id, by=by)
        return deleted

    async def _live_keys(self, team: str) -> AsyncIterator[KeyRecord]:
        after: str | None = ""
        while after is not None:
            page = await self._directory.keys(after=after, limit=PAGE, team=team)
            for key in page.keys:
                if key.revoked_at is None:
                    yield key
            after = page.next

    async def _check_key(self, terms: KeyTerms, before: KeyRecord | None = None) -> None:
        """Raises InvalidRequest and Conflict. What was so ``before`` is not held against a change."""
        check_budgets(terms)
        check_sizes(terms)
        check_no_secret(terms)
        if terms.name in self._file_keys and (before is None or before.name != terms.name):
            raise Conflict(f"The configuration's file has a key {terms.name!r}: choose another name.")
        if terms.team is None or (before is not None and before.team == terms.team):
            return
        teams = self._file_teams | {team.name for team in await self._directory.teams()}
        if terms.team not in teams:
            fix = choice(terms.team, teams, noun="teams")
            raise InvalidRequest(f"'team' is no team that there is. {fix}", param="team")

    def _must_be_good(self, record: KeyRecord, *, or_expired: bool = False) -> None:
        if record.revoked_at is not None:
            raise Conflict(f"Key {record.name!r} is revoked, for good: create another.")
        if not or_expired and record.expires_at is not None and record.expires_at <= self._time():
            raise Conflict(f"Key {record.name!r} has expired: give it another 'expires' first.")

    def _good_secrets(self, record: KeyRecord) -> list[Secret]:
        now_s = self._time()
        return [each for each in record.secrets if each.expires_at is None or each.expires_at > now_s]

    async def _change_key(
        self, reference: str, action: str, change: _Change[KeyRecord], by: str, version: int | None
    ) -> KeyRecord:
        async def write(before: KeyRecord, after: KeyRecord) -> None:
            entry = self._entry(by, action, f"key {after.id}", key_history(before), key_history(after))
            await self._directory.put_key(after, entry)

        return await _changed(lambda: self.key(reference), change, write, version)

    async def _change_team(
        self, name: str, action: str, change: _Change[TeamRecord], by: str, version: int | None
    ) -> TeamRecord:
        async def write(before: TeamRecord, after: TeamRecord) -> None:
            entry = self._entry(by, action, f"team {name}", team_history(before), team_history(after))
            await self._directory.put_team(after, entry)

        return await _changed(lambda: self.team(name), change, write, version)

    def _entry(
        self, by: str, action: str, subject: str, before: dict[str, Any] | None, after: dict[str, Any]
    ) -> AuditEntry:
        return AuditEntry(at=self._time(), by=by, action=action, subject=subject, before=before, after=after)


def _kept(secret: str) -> Secret:
    return Secret(sha256=digest(secret).hex())


def _ending(secret: Secret, until_s: float) -> Secret:
    """``secret``, good until then at most."""
    return (
        secret
        if secret.expires_at is not None and secret.expires_at <= until_s
        else replace(secret, expires_at=until_s)
    )


async def _changed(
    look_up: Callable[[], Awaitable[Record]],
    change: _Change[Record],
    write: Callable[[Record, Record], Awaitable[None]],
    version: int | None,
) -> Record:
    """The record that ``look_up`` finds, after ``change``, written; where that leaves it as it was, nothing is."""
    for tries_left in reversed(range(TRIES)):
        before = await look_up()
        if version not in (None, before.version):
            raise Conflict(f"It is at version {before.version} now, not {version}: look at it again, then change it.")
        after = await change(before)
        if after == before:
            break
        after = replace(after, version=before.version + 1)
        try:
            await write(before, after)
        except Conflict:
            if version is not None or not tries_left:
                raise
        else:
            return after
    return before
