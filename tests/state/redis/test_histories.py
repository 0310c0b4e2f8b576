"""Any history of several replicas on one Redis: money is never lost, never spent twice, never over."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from gateway.core.errors import StoreUnavailable
from gateway.state.base import Claim, Refusal, Reservation, Slots, Spend
from gateway.state.redis.connect import connect
from gateway.state.redis.engine import RedisEngine
from gateway.state.redis.rows import tag_of
from gateway.state.redis.servers import HOME
from gateway.state.remote import Charge, Delivery, Settlement, Withdrawal
from gateway.state.windows import TOTAL, window
from tests.clock import FrozenClock
from tests.state.redis.frozen_redis import PATIENT_S, TIME, empty, tell_time

LEASE_S, HOLD_LEASE_S = 15, 60
BUDGETS = [
    Claim("global::usd:total", Spend(90, "total"), 0),
    Claim("team:t:usd:hour", Spend(60, "hour"), 0),
    Claim("key:k:usd:total", Spend(40, "total"), 0),
]
SLOTS = Claim("key:k:concurrency", Slots(4, lease_s=40.0), 0)
numbers = itertools.count()

amounts = st.integers(0, 12)
pauses = st.sampled_from([0, 0, 0, 5, 20, 60])
groups = st.lists(
    st.lists(st.tuples(st.sampled_from([*BUDGETS, SLOTS]), amounts), min_size=1, max_size=4), min_size=1, max_size=2
)


class Known:
    """A reservation, as one who sees everything has it."""

    def __init__(self, reservation: Reservation, at: float, hour: str) -> None:
        self.reservation = reservation
        self.at = at
        self.hour = hour
        self.lease_end = at + LEASE_S
        self.state = "open"
        """Then ``late`` (charged at its worst case), or ``over``."""
        self.spent = [claim.amount for claim in reservation.claims]

    def passes(self, now: float) -> None:
        if self.state == "open" and now >= self.lease_end:
            self.state = "late"

    def slots(self, now: float) -> int:
        if self.state != "open" or now >= self.at + 40.0:
            return 0
        return sum(claim.amount for claim in self.reservation.claims if claim.key == SLOTS.key)


class Replicas(RuleBasedStateMachine):
    """Two replicas; either may crash, which loses nothing but who would have settled. Every delivery may come again."""

    url: ClassVar[str]

    @initialize()
    def begin(self) -> None:
        self.clock = FrozenClock(1_700_000_000.0)
        self.runner = asyncio.Runner()
        self.known: dict[str, Known] = {}
        self.charges: list[tuple[Charge, str]] = []
        self.withdrawn: set[str] = set()
        self.delivered: list[Delivery] = []
        self.clients: list[Any] = []
        self.engines: list[RedisEngine] = []
        self.run(self.connect_all())

    async def connect_all(self) -> None:
        for _ in range(2):
            self.clients.append(self.client())
            self.engines.append(self.engine(self.clients[-1]))
        await empty(self.clients[0])
        await self.tell_time()
        for engine in self.engines:
            await engine.start()

    def client(self) -> Any:
        return connect(self.url)

    def engine(self, client: Any) -> RedisEngine:
        return RedisEngine(
            client, self.clock, deadline_s=PATIENT_S, lease_s=LEASE_S, hold_lease_s=HOLD_LEASE_S, time_script=TIME
        )

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    async def tell_time(self) -> None:
        await tell_time(self.clients[0], self.clock, {HOME, *(tag_of(claim.key) for claim in [*BUDGETS, SLOTS])})

    @property
    def now(self) -> float:
        return self.clock.time()

    @property
    def hour(self) -> str:
        return window(self.now, "hour").id

    def used(self, claim: Claim) -> tuple[int, int]:
        """What should be used of a counter now, and held of it."""
        if claim.key == SLOTS.key:
            taken = sum(known.slots(self.now) for known in self.known.values())
            return taken, taken
        used = held = 0
        for known in self.known.values():
            if claim.rule.per == "hour" and known.hour != self.hour:
                continue
            for each, spent in zip(known.reservation.claims, known.spent, strict=True):
                if each.key == claim.key:
                    used += spent
                    held += spent if known.state == "open" else 0
        for charge, hour in self.charges:
            if claim.rule.per == "hour" and hour != self.hour:
                continue
            used += sum(
                amount for each, amount in zip(charge.claims, charge.amounts, strict=True) if each.key == claim.key
            )
        return used, held

    def refuses(self, reservations: list[Reservation]) -> Claim | None:
        """The first claim that does not fit, of them all taken in order."""
        taken: dict[str, int] = {}
        for reservation in reservations:
            for claim in reservation.claims:
                before = self.used(claim)[0] + taken.get(claim.key, 0)
                if claim.amount and before + claim.amount > claim.rule.limit:
                    return claim
                taken[claim.key] = taken.get(claim.key, 0) + claim.amount
        return None

    @rule(replica=st.integers(0, 1), told=groups)
    def hold(self, replica: int, told: list[list[tuple[Claim, int]]]) -> None:
        reservations = [
            Reservation(f"r{next(numbers)}", tuple(Claim(claim.key, claim.rule, amount) for claim, amount in group))
            for group in told
        ]
        answer = self.run(self.engines[replica].hold(reservations))
        refused = self.refuses(reservations)
        assert isinstance(answer, Refusal) == (refused is not None)
        if refused is None:
            self.known |= {each.id: Known(each, self.now, self.hour) for each in reservations}
            asked = [claim for each in reservations for claim in each.claims]
            # A claim of nothing fits also where charges and truths went past the limit.
            assert all(level.used <= level.limit for level, claim in zip(answer, asked, strict=True) if claim.amount)

    @rule(replica=st.integers(0, 1), data=st.data(), later=pauses)
    def settle(self, replica: int, data: st.DataObject, later: int) -> None:
        if not self.known:
            return
        self.wait(later)
        known = self.known[data.draw(st.sampled_from(sorted(self.known)))]
        claims = known.reservation.claims
        truth = tuple(data.draw(st.lists(st.integers(0, 15), min_size=len(claims), max_size=len(claims))))
        self.deliver(replica, Settlement(known.reservation.id, claims, truth))
        if known.state != "over":
            known.state, known.spent = "over", list(truth)

    @rule(replica=st.integers(0, 1), data=st.data(), later=pauses)
    def withdraw(self, replica: int, data: st.DataObject, later: int) -> None:
        if not self.known:
            return
        self.wait(later)
        known = self.known[data.draw(st.sampled_from(sorted(self.known)))]
        self.deliver(replica, Withdrawal(known.reservation.id, known.reservation.claims))
        if known.state != "over":
            known.state, known.spent = "over", [0] * len(known.spent)

    @rule(replica=st.integers(0, 1), amount=amounts, later=pauses)
    def withdraw_before_it_comes(self, replica: int, amount: int, later: int) -> None:
        claims = tuple(Claim(each.key, each.rule, amount) for each in BUDGETS)
        never = Reservation(f"r{next(numbers)}", claims)
        self.deliver(replica, Withdrawal(never.id, never.claims))
        self.wait(later)
        self.run(self.engines[replica].levels(BUDGETS))  # which sweeps
        try:
            self.run(self.engines[1 - replica].hold([never]))
        except StoreUnavailable:
            return
        raise AssertionError("it was withdrawn before it came")

    @rule(replica=st.integers(0, 1), amount=amounts, hours_ago=st.integers(0, 1))
    def charge(self, replica: int, amount: int, hours_ago: int) -> None:
        hour = window(self.now - 3_600 * hours_ago, "hour")
        charge = Charge(f"c{next(numbers)}", tuple(BUDGETS), (amount,) * 3, (TOTAL, hour, TOTAL))
        self.charges.append((charge, hour.id))
        self.deliver(replica, charge)

    @rule(replica=st.integers(0, 1), data=st.data())
    def deliver_again(self, replica: int, data: st.DataObject) -> None:
        if self.delivered:
            again = data.draw(st.lists(st.sampled_from(self.delivered), min_size=1, max_size=6))
            self.run(self.engines[replica].deliver(again))

    def deliver(self, replica: int, delivery: Delivery) -> None:
        self.delivered.append(delivery)
        self.run(self.engines[replica].deliver([delivery, delivery]))

    @rule(replica=st.integers(0, 1), data=st.data())
    def renew(self, replica: int, data: st.DataObject) -> None:
        some = data.draw(st.lists(st.sampled_from(sorted(self.known)), unique=True)) if self.known else []
        self.renew_all(replica, [self.known[id] for id in some])

    def renew_all(self, replica: int, some: list[Known]) -> None:
        alive = self.run(self.engines[replica].renew([known.reservation for known in some]))
        assert alive >= 1, "a crashed one counts until its lease is over"
        for known in some:
            if known.state == "open":
                known.lease_end = min(self.now + LEASE_S, known.at + HOLD_LEASE_S)

    @rule(times=st.integers(1, 5))
    def go_on_for_long(self, times: int) -> None:
        """Calls run on, and their replica renews them in time."""
        for _ in range(times):
            self.wait(14)
            self.renew_all(0, list(self.known.values()))

    @rule(seconds=st.sampled_from([1, 5, 14, 15, 25, 60, 600, 1_200]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.run(self.tell_time())
        for known in self.known.values():
            known.passes(self.now)

    @rule(replica=st.integers(0, 1))
    def crash(self, replica: int) -> None:
        """It forgets all that it knew, and another takes its place."""

        async def replace() -> None:
            await self.engines[replica].aclose()
            self.engines[replica] = self.engine(self.clients[replica])

        self.run(replace())

    @rule()
    def forget_scripts(self) -> None:
        self.run(self.clients[0].script_flush())

    @invariant()
    def every_counter_is_as_it_should_be(self) -> None:
        if not hasattr(self, "engines"):
            return
        told = [*BUDGETS, SLOTS]
        found = self.run(self.engines[0].levels(told))
        assert [(level.used, level.held) for level in found] == [self.used(claim) for claim in told]

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.run(self.close())
            self.runner.close()

    async def close(self) -> None:
        for engine in self.engines:
            await engine.aclose()
        for client in self.clients:
            await client.aclose()


@pytest.mark.parametrize(("kind", "examples"), [("redis_url", 60), ("redis_cluster_url", 25)])
def test_any_history_of_replicas_keeps_the_books(kind, examples, request):
    machine = type("Replicas", (Replicas,), {"url": request.getfixturevalue(kind)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
