"""All teams, in memory: there are few, and many keys of each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from gateway.core.clock import Clock
from gateway.core.errors import StoreUnavailable
from gateway.directory.base import Directory
from gateway.directory.records import Change, TeamRecord

REFRESH_S = 20.0
"""How old they get in use before they are read again: the news of a change may have been lost."""
RETRY_S = 1.0

_log = logging.getLogger("sluice.identity")


class Teams:
    """Those of the configuration in force, and those of the directory. Where both have one, the configuration's holds.

    ``version`` is another number after each change, so that whoever built on a team knows when to build anew.
    """

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self.version = 0
        self._directory = directory
        self._clock = clock
        self._configured: dict[str, TeamRecord] = {}
        self._kept: dict[str, TeamRecord] | None = None
        self._all: dict[str, TeamRecord] = {}
        self._asked_at = self._read_at = self._tried_at = float("-inf")
        self.has_news = False
        """Some team is not as it was, and was not read since: whoever built on a team is to call ``refresh``."""
        self._reading: asyncio.Task[None] | None = None
        directory.subscribe(self._hear)

    def configure(self, teams: Mapping[str, TeamRecord]) -> None:
        """Know these, of the configuration that comes into force, in place of those of the one before."""
        self._configured = dict(teams)
        self._join()

    def get(self, name: str) -> TeamRecord | None:
        """The team of this name; None if there is none, or if it can't be told yet: see ``can_tell``."""
        return self._all.get(name)

    @property
    def all(self) -> tuple[TeamRecord, ...]:
        """Those that are known."""
        return tuple(self._all.values())

    def can_tell(self, name: str, *, since: float = float("-inf")) -> bool:
        """Whether there is a team of this name is known, and was looked for ``since``."""
        return name in self._configured or (self._kept is not None and self._asked_at >= since)

    async def look(self, name: str, *, since: float = float("-inf")) -> TeamRecord | None:
        """The team of this name, after a look into the directory if it isn't here; one look a second at most, unless
        there was none ``since``.

        Raises StoreUnavailable where it can't be told.
        """
        is_recent = self._clock.monotonic() < self._read_at + RETRY_S and self._asked_at >= since
        if name not in self._all and (self.has_news or not is_recent):
            # Others wait for it too: one that goes away doesn't end it.
            await asyncio.shield(self._begin())
        return self._all.get(name)

    def refresh(self) -> None:
        """Read them again on the side if they are old. Called now and then, by whoever uses them."""
        now = self._clock.monotonic()
        if (self.has_news or now >= self._read_at + REFRESH_S) and now >= self._tried_at + RETRY_S:
            self._begin()

    async def aclose(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _hear(self, change: Change) -> None:
        if change.kind in ("team", "everything"):
            self.has_news = True
            self._begin()

    def _begin(self) -> asyncio.Task[None]:
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read())
            self._reading.add_done_callback(self._end)
        return self._reading

    async def _read(self) -> None:
        while True:
            self.has_news = False
            self._tried_at = self._clock.monotonic()
            try:
                found = await self._directory.teams()
            except StoreUnavailable:
                self.has_news = True
                raise
            # What changed while this was read may not be in it.
            if not self.has_news:
                break
        self._asked_at, self._read_at = self._tried_at, self._clock.monotonic()
        before = self._kept or {}
        # One that is as it was stays the same object, and so do the callers that were built on it.
        self._kept = {team.name: before[team.name] if before.get(team.name) == team else team for team in found}
        self._join()

    def _end(self, task: asyncio.Task[None]) -> None:
        self._reading = None
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, StoreUnavailable):
            _log.error("teams could not be read", exc_info=error)

    def _join(self) -> None:
        joined = {**(self._kept or {}), **self._configured}
        if joined != self._all:
            self._all = joined
            self.version += 1

    def __repr__(self) -> str:
        return f"<Teams {len(self._all)}>"
