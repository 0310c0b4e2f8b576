"""Any history of three replicas, with partitions, lost answers, crashes and replays: no money is lost, none is spent
twice, and none beyond what is declared.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.core.errors import StoreUnavailable
from gateway.state.base import Claim, Reservation, Spend
from gateway.state.windows import window
from tests.clock import FrozenClock
from tests.state.shared.engine import Engine
from tests.state.shared.scene import Replica, idle

DAY_S = 86_400
REPLICAS = 3
LOCAL = Spend(100, "day")
FOR_ALL_TIME = Spend(200, "total")
COUNTERS = {
    "local": LOCAL,
    "total": FOR_ALL_TIME,
    "open": Spend(100, "day", "open"),
    "closed": Spend(100, "day", "closed"),
}
who = st.integers(0, REPLICAS - 1)
faults = st.sampled_from(["refused", "lost before", "lost after", "late"])
asked = st.lists(
    st.tuples(st.sampled_from(["local", "local", "total", "open", "closed"]), st.integers(0, 40)),
    min_size=1,
    max_size=3,
)


class Histories(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.engine = Engine(FrozenClock(), hold_lease_s=10**9)
        self.numbers = itertools.count()
        self.running: dict[str, tuple[int, tuple[Claim, ...], str]] = {}
        self.expected: Counter[tuple[str, str]] = Counter()
        self.has_turned = False
        self.were_cut_off: set[int] = set()
        self.runner.run(self._begin())

    async def _begin(self) -> None:
        self.replicas = [
            Replica(self.engine, Path(self.folder.name) / f"{number}.db", replicas=REPLICAS)
            for number in range(REPLICAS)
        ]
        for replica in self.replicas:
            await replica.start()

    @rule(number=who, asked=asked)
    def hold(self, number, asked):
        self.runner.run(self._hold(number, asked))

    async def _hold(self, number, asked):
        id = f"r{next(self.numbers)}"
        claims = tuple(Claim(key, COUNTERS[key], amount) for key, amount in asked)
        try:
            answer = await self.replicas[number].store.hold([Reservation(id, claims)])
        except StoreUnavailable:
            assert any(claim.key == "closed" for claim in claims)
        else:
            if isinstance(answer, tuple):
                self.running[id] = (number, claims, self._day())
        await idle()

    @rule(data=st.data())
    @precondition(lambda self: self.running)
    def settle(self, data):
        id = data.draw(st.sampled_from(sorted(self.running)))
        amounts = [data.draw(st.integers(0, claim.amount)) for claim in self.running[id][1]]
        self.runner.run(self._settle(id, amounts))

    async def _settle(self, id, amounts):
        number, claims, day = self.running.pop(id)
        self.replicas[number].store.settle(id, amounts)
        self._expect(claims, amounts, day)
        await idle()

    @rule(number=who, fault=faults, times=st.integers(1, 4))
    def disturb(self, number, fault, times):
        self.replicas[number].link.faults = [fault] * times
        self.were_cut_off.add(number)

    @rule(number=who)
    def cut_off(self, number):
        self.replicas[number].link.fault = "refused"
        self.were_cut_off.add(number)

    @rule(number=who)
    def mend(self, number):
        self.runner.run(self._mend(self.replicas[number]))

    async def _mend(self, replica):
        replica.link.fault, replica.link.faults = "well", []
        await replica.recover()
        for _ in range(3):
            replica.sleeps.advance(0.06)
            await idle()

    @rule(number=who)
    def arrive(self, number):
        self.replicas[number].link.arrive()

    @rule(number=who, is_reached=st.booleans())
    def crash(self, number, is_reached):
        self.runner.run(self._crash(number, is_reached))

    async def _crash(self, number, is_reached):
        replica = self.replicas[number]
        await replica.written()
        on_its_way = replica.link.on_its_way
        await replica.crash()
        replica.link.on_its_way = on_its_way
        replica.link.faults = [] if is_reached else ["refused"]
        if not is_reached:
            self.were_cut_off.add(number)
        for id in [id for id, (whose, _, _) in self.running.items() if whose == number]:
            # Nobody will settle these: the engine, or the next process, takes their worst case for the truth.
            _, claims, day = self.running.pop(id)
            self._expect(claims, [claim.amount for claim in claims], day)
        await replica.store.start()
        await idle()

    @rule(seconds=st.sampled_from([0.06, 2.5, 5.0, 600.0]), number=who)
    def wait(self, seconds, number):
        if not self.has_turned and self.engine.clock.time() + seconds < self._midnight():
            self.runner.run(self._wait(seconds))

    @rule()
    @precondition(lambda self: not self.has_turned)
    def turn_the_day(self):
        self.has_turned = True
        self.runner.run(self._wait(self._midnight() - self.engine.clock.time()))

    async def _wait(self, seconds):
        self.engine.clock.advance(seconds)
        for replica in self.replicas:
            replica.sleeps.advance(0)
        await idle()

    @invariant()
    def nothing_is_spent_beyond_what_is_declared(self):
        if not hasattr(self, "replicas"):
            return
        for key in ("local", "total"):
            limit = COUNTERS[key].limit
            share = len(self.were_cut_off) * (limit // REPLICAS)
            assert self.engine.in_window(key, "total" if key == "total" else self._day()) <= limit + share, key
        assert self.engine.in_window("closed", self._day()) <= 100

    def teardown(self) -> None:
        if not hasattr(self, "replicas"):
            return
        try:
            self.runner.run(self._end())
            for key, window in [*self.expected, ("local", self._day())]:
                assert self.engine.in_window(key, window) == self.expected[key, window], (key, window)
        finally:
            self.runner.run(self._close())
            self.runner.close()
            self.folder.cleanup()

    async def _end(self):
        for replica in self.replicas:
            await self._mend(replica)
        for id in list(self.running):
            _, claims, _ = self.running[id]
            await self._settle(id, [claim.amount for claim in claims])
        for replica in self.replicas:
            await replica.delivered()
            replica.link.arrive()

    async def _close(self):
        for replica in self.replicas:
            await replica.store.aclose()

    def _expect(self, claims, amounts, day):
        for claim, amount in zip(claims, amounts, strict=True):
            self.expected[claim.key, "total" if claim.rule.per == "total" else day] += amount

    def _day(self):
        return window(self.engine.clock.time(), "day").id

    def _midnight(self):
        return (self.engine.clock.time() // DAY_S + 1) * DAY_S


Histories.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestHistories = Histories.TestCase
