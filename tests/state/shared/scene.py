"""One replica before a shared engine, with time in the test's hand."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path
from random import Random

from gateway.state.base import Claim, Level, Rate, Refusal, Reservation, Rule, Slots, Spend
from gateway.state.shared import LAST_PROBE_S, SharedStore
from tests.clock import FrozenClock
from tests.state.shared.engine import Engine, Link, Sleeps
from tests.waiting import until

DAILY = Spend(100, "day")
OPEN = Spend(100, "day", "open")
CLOSED = Spend(100, "day", "closed")
RPM = Rate(10)
PAIR = Slots(4)

_numbers = itertools.count()

Asked = tuple[str, Rule, int]


async def idle() -> None:
    """Let everything happen that waits for nothing but its turn."""
    for _ in range(30):
        await asyncio.sleep(0)


class Replica:
    """A store on a file, and its way to the engine."""

    def __init__(self, engine: Engine, path: Path, **options) -> None:
        self.engine = engine
        self.path = path
        self.options = options
        self.sleeps = Sleeps(engine.clock)
        self.link = Link(engine)
        self.store = self._made()

    def _made(self) -> SharedStore:
        return SharedStore(self.link, self.path, self.engine.clock, sleep=self.sleeps, random=Random(1), **self.options)

    async def start(self) -> Replica:
        await self.store.start()
        return self

    async def crash(self) -> None:
        """All that is not on the disk is gone."""
        await self.store._stop()
        await self.store._writer.aclose()
        fault, self.link, self.sleeps = self.link.fault, Link(self.engine), Sleeps(self.engine.clock)
        self.link.fault = fault
        self.store = self._made()

    async def again(self) -> None:
        await self.crash()
        await self.store.start()

    async def hold(self, *asked: Asked, id: str | None = None) -> tuple[Level, ...] | Refusal:
        claims = tuple(Claim(*each) for each in asked)
        return await self.store.hold([Reservation(id or f"r{next(_numbers)}", claims)])

    async def spend(self, key: str, amount: int, rule: Rule = DAILY) -> bool:
        id = f"s{next(_numbers)}"
        if isinstance(await self.hold((key, rule, amount), id=id), Refusal):
            return False
        self.store.settle(id, [amount])
        return True

    async def lose(self) -> None:
        """An outage begins."""
        self.link.fault = "refused"
        await self.store._renew_now()
        assert not self.store.status.is_reachable

    async def recover(self) -> None:
        """The outage ends."""
        self.link.fault = "well"
        end = time.monotonic() + 10
        while not self.store.status.is_reachable:
            assert time.monotonic() < end, "it never came back"
            self.sleeps.advance(LAST_PROBE_S * 1.2)
            await idle()

    async def written(self) -> None:
        """The journal has everything so far."""
        assert await self.store._writer.write()

    async def delivered(self) -> None:
        await until(lambda: not self.store._outbox.backlog)


def at_engine(engine: Engine, key: str, rule: Rule = DAILY) -> int:
    return engine.spent(Claim(key, rule, 0))


def made(folder: Path, **options) -> Replica:
    return Replica(Engine(FrozenClock()), folder / "journal.db", **options)
