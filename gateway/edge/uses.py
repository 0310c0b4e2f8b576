"""Counts the requests that run on one configuration's parts, so that nothing of theirs is closed under them."""

from __future__ import annotations

import asyncio


class Uses:
    """A count that somebody can wait for to be none. It belongs to the event loop."""

    __slots__ = ("_none", "count")

    def __init__(self) -> None:
        self.count = 0
        self._none: asyncio.Event | None = None

    def begin(self) -> None:
        self.count += 1

    def end(self) -> None:
        self.count -= 1
        if self._none is not None and not self.count:
            self._none.set()

    async def ended(self) -> None:
        """Wait until there are none. For parts that are no longer in force: no new ones come."""
        if self.count:
            self._none = asyncio.Event()
            await self._none.wait()

    def __repr__(self) -> str:
        return f"<Uses {self.count}>"
