"""The keys of the directory, each looked up once and remembered.

What is remembered is believed for ``REFRESH_S`` after it was read, or after the directory last knew that all news had
come. Then it is read again on the side while calls go on with it, and after ``STALE_S`` calls wait for that. News of a
change makes it stale at once. So a revocation holds from the next call on, and within 30 s where its news was lost.
While the directory is out, all that is remembered stays good, however old, but for what is known to be revoked: an
outage is never a 401 (docs/decisions/0025-who-calls.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from functools import partial
from hmac import compare_digest

from gateway.core.clock import Clock
from gateway.core.errors import StoreUnavailable
from gateway.core.types import Caller
from gateway.directory.base import Directory
from gateway.directory.records import Change
from gateway.identity import refused
from gateway.identity.cached_keys import NEVER, CachedKey, CachedKeys
from gateway.identity.guesses import Allowance, WrongGuesses
from gateway.identity.outage import Outage
from gateway.identity.secret import ID, is_ours
from gateway.identity.standing import in_team, of_record
from gateway.identity.teams import Teams

MOST_CACHED = 200_000
REFRESH_S = 20.0
STALE_S = 28.0
"""With a second for the look-up itself, a revocation is seen within 30 s."""
AT_ONCE = 32
"""Look-ups under way, for keys that are remembered and as many for those that aren't."""
MOST_WAITING = 512
"""Look-ups of keys that nobody knows yet, under way and waiting; what comes beyond is to ask again."""
GUESSES_S = 500.0
"""Look-ups a second that may come to nothing."""

_log = logging.getLogger("sluice.identity")


class DirectoryKeys:
    """Tells who calls with a secret of the form that ``identity.secret`` makes.

    One look-up is under way for an id, whoever waits for it. Secrets are not kept, and digests are compared in constant
    time; that an id is known may be seen from the time it takes, and ids are no secret.
    """

    def __init__(self, directory: Directory, teams: Teams, clock: Clock, *, most: int = MOST_CACHED) -> None:
        self._counts: Counter[str] = Counter()
        self._hits = 0
        self._directory = directory
        self._teams = teams
        self._monotonic = clock.monotonic
        self._time = clock.time
        self._keys = CachedKeys(most)
        self._round = 0
        """How often everything may have changed."""
        self._wrong = WrongGuesses(clock)
        self._guesses = Allowance(GUESSES_S, clock)
        self._lookups: dict[bytes, asyncio.Task[CachedKey | None]] = {}
        """Of each id the one that saw the last change; those before it go on for their own callers."""
        self._running: set[asyncio.Task[CachedKey | None]] = set()
        self._guessing = 0
        self._lane_of_known = asyncio.Semaphore(AT_ONCE)
        self._lane_of_unknown = asyncio.Semaphore(AT_ONCE)
        self._outage = Outage(clock)
        directory.subscribe(self._hear)

    @property
    def results(self) -> dict[str, int]:
        """How often secrets were told in which way: the labels of the metric KEY_LOOKUPS."""
        return {**self._counts, "hit": self._hits}

    def known(self, secret: bytes, digest: bytes) -> Caller | None:
        """The caller of ``secret``, whose SHA-256 is ``digest``; None if it takes a look-up. Raises InvalidKey."""
        key = self._keys.get(secret[ID])
        if (
            key is not None
            and compare_digest(key.sha256, digest)
            and self._monotonic() < self._known_at(key) + REFRESH_S
            and key.teams_version == self._teams.version
            and not self._teams.has_news
            and (key.expires_at is None or self._time() < key.expires_at)
            and not key.is_revoked
        ):
            key.was_used = True
            self._hits += 1
            return key.caller
        return self._consider(secret, digest)

    async def find(self, secret: bytes, digest: bytes) -> Caller:
        """Look ``secret`` up. Raises InvalidKey, and NoTarget where it can't be told now."""
        id = secret[ID]
        try:
            is_guess = self._admit(id, digest)
            # Others wait for it too: one that goes away doesn't end it.
            key = await asyncio.shield(self._begin(id, is_known=id in self._keys))
            if key is not None and key.own.team is not None and not key.is_revoked and key.end_of(digest) is not None:
                # The team may be newer than what is known of teams: as of the key, if not later.
                await self._teams.look(key.own.team, since=key.confirmed_at)
        except StoreUnavailable:
            self._counts["unreachable"] += 1
            # Known to be good before, and not known to be good no longer.
            key = self._keys.get(id)
            if key is None or (caller := self._told(key, digest)) is None:
                raise refused.untold() from None
            return caller
        if key is None or (caller := self._told(key, digest)) is None:
            self._counts["unknown"] += 1
            self._wrong.add(id) if key is None else self._wrong.add(id, digest, key.version)
            raise refused.unknown()
        self._counts["found"] += 1
        if is_guess:
            self._guesses.give_back()
        return caller

    async def named(self, name: str) -> Caller | None:
        """The caller of the key of this name that is not revoked, looked up anew. Raises StoreUnavailable."""
        record = await self._directory.named_key(name)
        if record is None:
            return None
        own = of_record(record)
        team = None if own.team is None else await self._teams.look(own.team)
        return own if team is None else in_team(own, team)

    async def aclose(self) -> None:
        """End the look-ups that are under way."""
        for task in (running := list(self._running)):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"<DirectoryKeys {len(self._keys)} remembered>"

    # What is remembered

    def _consider(self, secret: bytes, digest: bytes) -> Caller | None:
        """``known`` for whatever isn't plainly good: old, changed, refused, in a rotation, in a team that changed."""
        if not is_ours(secret):
            self._counts["refused"] += 1
            raise refused.unknown()
        id = secret[ID]
        key = self._keys.get(id)
        if key is not None and not self._is_believed(id, key):
            return None
        if self._wrong.has(id) if key is None else self._wrong.has(id, digest, key.version):
            self._counts["refused"] += 1
            raise refused.unknown()
        if key is None:
            return None
        self._teams.refresh()
        caller = self._told(key, digest)
        if caller is not None:
            key.was_used = True
            self._hits += 1
        return caller

    def _is_believed(self, id: bytes, key: CachedKey) -> bool:
        """What is remembered of ``key`` can be told without a look. Old, it is read again on the side."""
        now, known_at = self._monotonic(), self._known_at(key)
        if now < known_at + REFRESH_S:
            return True
        if self._outage.is_on:
            if self._outage.may_be_asked:
                self._begin(id, is_known=True)
            return True
        if now >= known_at + STALE_S:
            return False
        self._begin(id, is_known=True)
        return True

    def _known_at(self, key: CachedKey) -> float:
        """Until when ``key`` is known to be as it is remembered: NEVER once there is news of it."""
        read_at = key.confirmed_at
        if read_at == NEVER or key.round != self._round:
            return NEVER
        return max(read_at, self._directory.told_until)

    def _told(self, key: CachedKey, digest: bytes) -> Caller | None:
        """Who calls with the secret of this ``digest``; None if it isn't one of ``key``'s, or its team can't be told.

        Raises InvalidKey where it is one, but is good no longer.
        """
        end = key.end_of(digest)
        if end is None:
            return None
        now = self._time()
        if key.is_revoked:
            raise self._gone("This API key has been revoked.")
        if now >= end or (key.expires_at is not None and now >= key.expires_at):
            raise self._gone("This API key has expired.")
        if key.teams_version == self._teams.version:
            return key.caller
        name = key.own.team
        team = None if name is None else self._teams.get(name)
        if name is not None and team is None:
            # Without its team's ceilings it would have none of them: it is refused rather than let off.
            if self._teams.can_tell(name, since=key.confirmed_at):
                raise self._gone("The team of this API key does not exist any more.")
            return None
        if team is not key.team:
            key.team, key.caller = team, key.own if team is None else in_team(key.own, team)
        key.teams_version = self._teams.version
        return key.caller

    def _gone(self, said: str) -> Exception:
        self._counts["refused"] += 1
        return refused.invalid(said)

    # Looking up

    def _admit(self, id: bytes, digest: bytes) -> bool:
        """A look for this secret may begin now; whether it is a guess, for all that is known here.

        Raises StoreUnavailable, and NoTarget where there are too many guesses.
        """
        self._outage.check()
        key = self._keys.get(id)
        if id in self._lookups or (key is not None and key.end_of(digest) is not None):
            return False
        if self._guessing >= MOST_WAITING or not self._guesses.take():
            self._counts["crowded"] += 1
            raise refused.crowded()
        return True

    def _begin(self, id: bytes, *, is_known: bool) -> asyncio.Task[CachedKey | None]:
        """Look the key ``id`` up, unless that is under way."""
        task = self._lookups.get(id)
        if task is None:
            self._guessing += not is_known
            task = asyncio.get_running_loop().create_task(self._ask(id, is_known=is_known))
            self._lookups[id] = task
            self._running.add(task)
            task.add_done_callback(partial(self._end, id, is_known))
        return task

    async def _ask(self, id: bytes, *, is_known: bool) -> CachedKey | None:
        async with self._lane_of_known if is_known else self._lane_of_unknown:
            asked_at, round = self._monotonic(), self._round
            self._outage.ask()
            try:
                record = await self._directory.key(id.decode())
            except StoreUnavailable:
                self._outage.begin()
                raise
        self._outage.end()
        is_latest = self._lookups.get(id) is asyncio.current_task()
        if record is None:
            if is_latest:
                self._keys.drop(id)
            return None
        key, before = CachedKey.of(record, confirmed_at=asked_at, round=round), self._keys.get(id)
        if before is None or before.version < key.version:
            if is_latest:
                self._keys.keep(id, key)
            return key
        # The same object goes on, and with it what others keep by it, such as its limits. And a replica of the
        # directory that lags behind takes no revocation back.
        if is_latest:
            before.confirmed_at, before.round = asked_at, round
        return before

    def _end(self, id: bytes, is_known: bool, task: asyncio.Task[CachedKey | None]) -> None:  # noqa: FBT001  a callback
        self._guessing -= not is_known
        self._running.discard(task)
        if self._lookups.get(id) is task:
            del self._lookups[id]
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, StoreUnavailable):
            _log.error("a key could not be looked up", exc_info=error)

    # News

    def _hear(self, change: Change) -> None:
        if change.kind == "everything":
            self._round += 1
            self._wrong.forget_all()
            self._lookups.clear()
        elif change.kind == "key":
            id = change.name.encode()
            self._wrong.forget(id)
            # What is under way may have been read before the change.
            self._lookups.pop(id, None)
            if (key := self._keys.get(id)) is not None:
                key.confirmed_at = NEVER
                # At once: the directory may be out when the next call asks, and a revocation is not to be missed.
                self._begin(id, is_known=True)
