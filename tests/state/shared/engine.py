"""A shared engine in memory, real in its arithmetic, and ways to it that fail as they are told."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from typing import Literal, TypeVar

from gateway.core.errors import StoreTimedOut, StoreUnavailable
from gateway.state.base import Claim, Level, Refusal, Reservation, Spend
from gateway.state.counters import HOLD_LEASE_S, Counters
from gateway.state.ledger import Page
from gateway.state.remote import Charge, Delivery, Settlement
from tests.clock import FrozenClock

T = TypeVar("T")

Fault = Literal["well", "refused", "lost before", "lost after", "late", "hangs"]
"""What becomes of a question: answered; no connection; no answer, and it was not done, was done, or will be done when
the test says so; or nothing at all happens until the asker gives up.
"""


class Engine:
    """Counters that several replicas share."""

    def __init__(self, clock: FrozenClock, zone: tzinfo = UTC, *, hold_lease_s: float = HOLD_LEASE_S) -> None:
        self.clock = clock
        self.at_s: float | None = None
        self.pages: set[Page] = set()
        self.counters = Counters(self, zone, hold_lease_s=hold_lease_s, changed=self.pages)
        self.withdrawn: set[str] = set()
        self.charged: set[str] = set()
        self.applied: Counter[str] = Counter()
        self.live = 1

    def monotonic(self) -> float:
        return self.clock.monotonic()

    def time(self) -> float:
        return self.clock.time() if self.at_s is None else self.at_s

    def hold(self, reservations: Sequence[Reservation]) -> tuple[Level, ...] | Refusal:
        if any(each.id in self.withdrawn for each in reservations):
            raise StoreUnavailable("withdrawn")
        return self.counters.hold(reservations)

    def deliver(self, delivery: Delivery) -> None:
        self.applied[delivery.id] += 1
        if isinstance(delivery, Charge):
            self._charge(delivery)
        elif isinstance(delivery, Settlement):
            self.counters.settle(delivery.id, delivery.amounts)
        else:
            self.withdrawn.add(delivery.id)
            self.counters.settle(delivery.id, [0] * len(delivery.claims))

    def spent(self, claim: Claim) -> int:
        (level,) = self.counters.levels([claim])
        return level.used

    def in_window(self, key: str, window: str) -> int:
        """What was ever spent and is held of a counter in a window, whether or not the counter still remembers it."""
        return sum(page.spent + page.held for page in self.pages if (page.key, page.id) == (key, window))

    def _charge(self, charge: Charge) -> None:
        if charge.id in self.charged:
            return
        self.charged.add(charge.id)
        for place, (claim, amount, span) in enumerate(zip(charge.claims, charge.amounts, charge.windows, strict=True)):
            assert isinstance(claim.rule, Spend)
            self.at_s = None if math.isinf(span.start_s) else span.start_s
            id = f"{charge.id} {place}"
            taken = self.counters.hold([Reservation(id, (Claim(claim.key, Spend(10**40, claim.rule.per), amount),))])
            assert isinstance(taken, tuple)
            self.counters.settle(id, [amount])
            self.at_s = None


class Link:
    """One replica's way to the engine: a Remote. ``faults`` befall the next questions in turn, then ``fault``."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.fault: Fault = "well"
        self.faults: list[Fault] = []
        self.asked: list[str] = []
        self.on_its_way: list[Callable[[], object]] = []
        self.renewed: list[tuple[str, ...]] = []
        self.gate = asyncio.Event()
        self.start_error: StoreUnavailable | None = None

    async def start(self) -> None:
        if self.start_error is not None:
            raise self.start_error
        await self._ask("start", lambda: None)

    async def hold(self, reservations: Sequence[Reservation]) -> tuple[Level, ...] | Refusal:
        return await self._ask("hold", lambda: self.engine.hold(reservations))

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        await self._ask("deliver", lambda: [self.engine.deliver(each) for each in deliveries])

    async def levels(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        return await self._ask("levels", lambda: self.engine.counters.levels(claims))

    async def renew(self, reservations: Sequence[Reservation]) -> int:
        self.renewed.append(tuple(each.id for each in reservations))
        return await self._ask("renew", lambda: self.engine.live)

    def now_s(self) -> float:
        return self.engine.clock.time()

    async def aclose(self) -> None:
        self.fault = "refused"

    def arrive(self) -> None:
        """What was on its way gets there."""
        for act in self.on_its_way:
            try:
                act()
            except StoreUnavailable:
                continue
        self.on_its_way.clear()

    async def _ask(self, verb: str, act: Callable[[], T]) -> T:
        self.asked.append(verb)
        fault = self.faults.pop(0) if self.faults else self.fault
        await asyncio.sleep(0)
        match fault:
            case "refused":
                raise StoreUnavailable("connection refused")
            case "lost before":
                raise StoreTimedOut("no answer in time")
            case "lost after":
                act()
                await asyncio.sleep(0)
                raise StoreTimedOut("no answer in time")
            case "late":
                self.on_its_way.append(act)
                raise StoreTimedOut("no answer in time")
            case "hangs":
                await self.gate.wait()
        answer = act()
        await asyncio.sleep(0)
        return answer


class Sleeps:
    """A sleep that ends when the test moves the clock."""

    def __init__(self, clock: FrozenClock) -> None:
        self.clock = clock
        self.sleeping: list[tuple[float, asyncio.Future[None]]] = []
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        woken = asyncio.get_running_loop().create_future()
        self.sleeping.append((self.clock.monotonic() + seconds, woken))
        await woken

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        now = self.clock.monotonic()
        due = [woken for at, woken in self.sleeping if at <= now]
        self.sleeping = [(at, woken) for at, woken in self.sleeping if at > now]
        for woken in due:
            if not woken.done():
                woken.set_result(None)
