"""What several configurations use in turn: made when the first needs it, closed when the last has let go of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class Leases:
    """Things by what they are made of. Whoever needs the same finds the same, warm connections and all.

    They are taken one after another, and given back at any time.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, _Kept] = {}

    async def take(
        self, made_of: Hashable, make: Callable[[], AbstractAsyncContextManager[T]], until: AsyncExitStack
    ) -> T:
        """What ``made_of`` stands for, by ``make`` where nobody has it yet. It lives until ``until`` and every other
        holder have closed. Raises what ``make`` raises.
        """
        kept = self._kept.get(made_of)
        if kept is None:
            closing = AsyncExitStack()
            kept = self._kept[made_of] = _Kept(await closing.enter_async_context(make()), closing)
        kept.leases += 1
        until.push_async_callback(self._give_back, made_of, kept)
        thing: T = kept.thing
        return thing

    def of(self, kind: type[T]) -> tuple[T, ...]:
        """All that are alive of this class. May be called from any thread."""
        return tuple(kept.thing for kept in self._kept.copy().values() if isinstance(kept.thing, kind))

    async def _give_back(self, made_of: Hashable, kept: _Kept) -> None:
        kept.leases -= 1
        if not kept.leases:
            del self._kept[made_of]
            await kept.closing.aclose()

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"<Leases of {len(self)} things>"  # what they are made of holds secrets


class _Kept(msgspec.Struct):
    thing: Any
    closing: AsyncExitStack
    leases: int = 0
