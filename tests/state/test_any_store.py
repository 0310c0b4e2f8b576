"""What every store promises, whatever it is made of."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from gateway.state.base import Claim, Level, Rate, Refusal, Reservation, Rule, Slots, Spend, Store
from gateway.state.redis.spread import parts_of
from tests.clock import FrozenClock
from tests.state.conftest import MakeStore
from tests.state.model import DAY_S, Model

RPM = Rate(limit=3)
PAIR = Slots(limit=2, lease_s=900.0)
DAILY = Spend(limit=100, per="day")

numbers = itertools.count()


def reservation(*claims: tuple[str, Rule, int], id: str | None = None) -> Reservation:
    return Reservation(id or f"r{next(numbers)}", tuple(Claim(*claim) for claim in claims))


async def hold(store: Store, *claims: tuple[str, Rule, int], id: str | None = None) -> tuple[Level, ...] | Refusal:
    return await store.hold([reservation(*claims, id=id)])


async def level(store: Store, key: str, rule: Rule) -> Level:
    (found,) = await store.levels([Claim(key, rule, 0)])
    return found


def is_taken(answer: tuple[Level, ...] | Refusal) -> bool:
    return isinstance(answer, tuple)


async def test_a_hold_answers_with_a_level_for_each_claim_in_order(store):
    answer = await hold(store, ("rpm", RPM, 1), ("slots", PAIR, 1), ("usd", DAILY, 40))

    assert answer == (
        Level(limit=3, used=1, held=0, reset_s=20.0),
        Level(limit=2, used=1, held=1, reset_s=None),
        Level(limit=100, used=40, held=40, reset_s=6_400.0),
    )


async def test_reservations_of_one_hold_are_taken_together_and_settled_apart(store):
    answer = await store.hold(
        [reservation(("usd", DAILY, 10), id="mine"), reservation(("provider", DAILY, 20), id="its")]
    )
    store.settle("its", [5])

    assert isinstance(answer, tuple)
    assert [found.used for found in answer] == [10, 20]
    assert await level(store, "usd", DAILY) == Level(limit=100, used=10, held=10, reset_s=6_400.0)
    assert await level(store, "provider", DAILY) == Level(limit=100, used=5, held=0, reset_s=6_400.0)


async def test_a_refused_hold_takes_nothing(store):
    refusal = await store.hold(
        [
            reservation(("rpm", RPM, 1), ("slots", PAIR, 1), id="first"),
            reservation(("usd", DAILY, 60), ("usd", DAILY, 50), id="second"),
        ]
    )

    assert isinstance(refusal, Refusal)
    assert refusal.claim == Claim("usd", DAILY, 50)
    assert refusal.level == Level(limit=100, used=0, held=0, reset_s=6_400.0)
    for key, rule_ in (("rpm", RPM), ("slots", PAIR), ("usd", DAILY)):
        assert (await level(store, key, rule_)).used == 0
    store.settle("first", [1, 1])
    assert (await level(store, "rpm", RPM)).used == 0, "a refused reservation has nothing to settle"


async def test_two_claims_of_one_hold_on_one_counter_must_fit_together(store):
    assert isinstance(await hold(store, ("usd", DAILY, 60), ("usd", DAILY, 50)), Refusal)
    answer = await hold(store, ("usd", DAILY, 60), ("usd", DAILY, 40))

    assert isinstance(answer, tuple)
    assert [found.used for found in answer] == [100, 100]


async def test_two_slots_of_one_reservation_come_back_together(store):
    assert is_taken(await hold(store, ("slots", PAIR, 1), ("slots", PAIR, 1), id="both"))
    assert not is_taken(await hold(store, ("slots", PAIR, 1)))
    store.settle("both", [1, 1])

    assert (await level(store, "slots", PAIR)).used == 0


async def test_a_rate_refills_evenly_and_says_when(store, clock):
    for _ in range(3):
        assert is_taken(await hold(store, ("rpm", RPM, 1)))
    refusal = await hold(store, ("rpm", RPM, 1))

    assert isinstance(refusal, Refusal)
    assert refusal.retry_after_s == 20.0
    clock.advance(19.5)
    assert isinstance(await hold(store, ("rpm", RPM, 1)), Refusal)
    clock.advance(0.5)
    assert is_taken(await hold(store, ("rpm", RPM, 1)))
    assert isinstance(await hold(store, ("rpm", RPM, 1)), Refusal)


async def test_a_rate_settled_below_its_hold_gives_the_rest_back(store):
    tpm = Rate(limit=1_000)
    await hold(store, ("tpm", tpm, 900), id="call")
    assert not is_taken(await hold(store, ("tpm", tpm, 200)))
    store.settle("call", [100])

    assert (await level(store, "tpm", tpm)).used == 100
    assert is_taken(await hold(store, ("tpm", tpm, 900)))


async def test_a_rate_settled_above_its_hold_leaves_a_debt(store, clock):
    tpm = Rate(limit=600)
    await hold(store, ("tpm", tpm, 100), id="call")
    store.settle("call", [1_200])

    assert (await level(store, "tpm", tpm)).remaining == 0
    refusal = await hold(store, ("tpm", tpm, 1))
    assert isinstance(refusal, Refusal)
    assert refusal.retry_after_s == pytest.approx(60.1)
    clock.advance(60.5)
    assert is_taken(await hold(store, ("tpm", tpm, 1)))


async def test_a_debt_is_not_paid_with_time_before_it(store, clock):
    tpm = Rate(limit=60)
    await hold(store, ("tpm", tpm, 1), id="call")
    clock.advance(60)
    store.settle("call", [61])

    assert (await level(store, "tpm", tpm)).used == 60


async def test_a_slot_comes_back_when_it_is_settled_whatever_the_amount(store):
    await hold(store, ("slots", PAIR, 1), id="one")
    await hold(store, ("slots", PAIR, 1), id="two")
    refusal = await hold(store, ("slots", PAIR, 1))
    assert isinstance(refusal, Refusal)
    assert refusal.is_passing
    assert refusal.retry_after_s is None
    store.settle("one", [0])
    store.settle("two", [1])

    assert (await level(store, "slots", PAIR)).used == 0


async def test_a_slot_that_nobody_gives_back_returns_by_itself_and_only_once(store, clock):
    await hold(store, ("slots", PAIR, 2), id="lost")
    clock.advance(899.5)
    assert not is_taken(await hold(store, ("slots", PAIR, 1)))
    clock.advance(0.5)
    assert is_taken(await hold(store, ("slots", PAIR, 1), id="next"))
    store.settle("lost", [1])

    assert (await level(store, "slots", PAIR)).used == 1


async def test_what_is_held_counts_as_spent(store):
    await hold(store, ("usd", DAILY, 70), id="running")
    refusal = await hold(store, ("usd", DAILY, 40))

    assert isinstance(refusal, Refusal)
    assert refusal.is_passing
    store.settle("running", [10])
    assert is_taken(await hold(store, ("usd", DAILY, 40)))


async def test_a_settlement_may_go_past_the_limit_by_what_the_truth_was_larger(store):
    await hold(store, ("usd", DAILY, 70), id="dear")
    store.settle("dear", [130])

    assert await level(store, "usd", DAILY) == Level(limit=100, used=130, held=0, reset_s=6_400.0)
    refusal = await hold(store, ("usd", DAILY, 1))
    assert isinstance(refusal, Refusal)
    assert not refusal.is_passing
    assert refusal.retry_after_s == 6_400.0


async def test_a_window_ends_by_the_clock_and_a_hold_stays_in_its_own(store, clock):
    await hold(store, ("usd", DAILY, 90), id="late")
    clock.advance(6_399)
    assert not is_taken(await hold(store, ("usd", DAILY, 50)))
    clock.advance(1)
    assert is_taken(await hold(store, ("usd", DAILY, 50), id="new"))
    store.settle("late", [90])

    assert await level(store, "usd", DAILY) == Level(limit=100, used=50, held=50, reset_s=86_400.0)


async def test_a_clock_set_back_over_a_windows_end_finds_what_was_spent_there(store, clock):
    await hold(store, ("usd", DAILY, 90))
    clock.advance(6_400)
    await hold(store, ("usd", DAILY, 30))
    clock.advance(-1)
    assert not is_taken(await hold(store, ("usd", DAILY, 20)))
    clock.advance(1)

    assert (await level(store, "usd", DAILY)).used == 30


async def test_a_total_never_ends(store, clock):
    total = Spend(limit=100, per="total")
    await hold(store, ("usd", total, 90), id="once")
    store.settle("once", [90])
    clock.advance(10 * 365 * DAY_S)

    refusal = await hold(store, ("usd", total, 20))
    assert isinstance(refusal, Refusal)
    assert refusal.retry_after_s is None
    assert refusal.level.reset_s is None


async def test_settling_twice_or_the_unknown_changes_nothing(store):
    await hold(store, ("usd", DAILY, 50), ("rpm", RPM, 1), id="call")
    for _ in range(3):
        store.settle("call", [20, 1])
    store.settle("never held", [1_000, 1])

    assert (await level(store, "usd", DAILY)).used == 20
    assert (await level(store, "rpm", RPM)).used == 1


async def test_a_hold_that_is_never_settled_is_charged_at_its_worst_case(store, clock):
    clock.advance(6_400)
    await hold(store, ("usd", DAILY, 50), id="lost")
    clock.advance(3_600)

    assert await level(store, "usd", DAILY) == Level(limit=100, used=50, held=0, reset_s=82_800.0)


async def test_what_was_charged_at_its_worst_case_is_corrected_by_its_settlement_once(store, clock):
    tpm = Rate(limit=100)
    clock.advance(6_400)
    await hold(store, ("usd", DAILY, 50), ("tpm", tpm, 60), ("slots", PAIR, 1), ("dear", DAILY, 10), id="late")
    clock.advance(3_600)
    assert is_taken(await hold(store, ("usd", DAILY, 50), ("tpm", tpm, 100), ("slots", PAIR, 1), id="next"))
    for _ in range(2):
        store.settle("late", [1, 2, 1, 30])

    assert await level(store, "usd", DAILY) == Level(limit=100, used=51, held=50, reset_s=82_800.0)
    assert (await level(store, "dear", DAILY)).used == 30, "the truth may be larger"
    assert (await level(store, "tpm", tpm)).used == 100, "what a rate took has drained"
    assert (await level(store, "slots", PAIR)).used == 1, "its slot came back before"


async def test_a_correction_counts_in_the_window_that_was_held(store, clock):
    clock.advance(6_400 - 3_600)
    await hold(store, ("usd", DAILY, 50), id="late")
    clock.advance(3_600)
    await hold(store, ("usd", DAILY, 20))
    store.settle("late", [5])

    assert (await level(store, "usd", DAILY)).used == 20
    clock.advance(-1)
    assert (await level(store, "usd", DAILY)).used == 5


@pytest.mark.parametrize("nothing", [Rate(0), Slots(0), Spend(0, "day")])
async def test_a_limit_of_nothing_refuses_whatever_asks_for_something(store, nothing):
    refusal = await hold(store, ("none", nothing, 1))

    assert isinstance(refusal, Refusal)
    assert refusal.retry_after_s is None
    assert not refusal.is_passing


@pytest.mark.parametrize("rule_", [Rate(5), Spend(5, "day")])
async def test_a_claim_of_nothing_fits_even_where_all_is_used_up(store, rule_):
    await hold(store, ("free", rule_, 5), id="call")
    store.settle("call", [9])

    assert is_taken(await hold(store, ("free", rule_, 0)))
    assert not is_taken(await hold(store, ("free", rule_, 1)))


@pytest.mark.parametrize("rule_", [Rate(5), Slots(5), Spend(5, "day")])
async def test_an_amount_above_the_limit_never_fits(store, rule_):
    refusal = await hold(store, ("big", rule_, 6))

    assert isinstance(refusal, Refusal)
    assert refusal.retry_after_s is None


@pytest.mark.parametrize(
    ("high", "low"),
    [(Rate(100), Rate(10)), (Slots(100), Slots(10)), (Spend(100, "day"), Spend(10, "day"))],
)
async def test_a_lowered_limit_works_at_once_and_so_does_a_raised_one(store, high, low):
    await hold(store, ("key", high, 20))

    assert not is_taken(await hold(store, ("key", low, 1)))
    assert (await level(store, "key", low)).used == 20
    assert is_taken(await hold(store, ("key", high, 70)))


async def test_levels_of_what_was_never_used_are_empty(store):
    claims = [Claim("a", RPM, 9), Claim("b", PAIR, 9), Claim("c", DAILY, 9)]

    assert await store.levels(claims) == (
        Level(limit=3, used=0, held=0, reset_s=0.0),
        Level(limit=2, used=0, held=0, reset_s=None),
        Level(limit=100, used=0, held=0, reset_s=6_400.0),
    )


async def test_calls_at_the_same_time_never_hold_more_than_the_limit(store):
    budget = Spend(limit=1_000, per="month")

    async def call(number: int) -> bool:
        if not is_taken(await hold(store, ("usd", budget, 7), ("rpm", Rate(10_000), 1), id=f"c{number}")):
            return False
        await asyncio.sleep(0)
        store.settle(f"c{number}", [7, 1])
        return True

    served = sum(await asyncio.gather(*(call(number) for number in range(500))))

    assert served == 142
    assert (await level(store, "usd", budget)).used == 142 * 7


async def test_closing_twice_does_nothing_more(store):
    await hold(store, ("usd", DAILY, 1))
    await store.aclose()
    await store.aclose()


COUNTERS = [
    Claim("rate", Rate(limit=7, period_s=60.0), 0),
    Claim("slots", Slots(limit=3, lease_s=900.0), 0),
    Claim("day", Spend(limit=50, per="day"), 0),
    Claim("other", Spend(limit=20, per="day"), 0),
    Claim("total", Spend(limit=200, per="total"), 0),
]

claims = st.builds(
    lambda counter, amount: Claim(counter.key, counter.rule, amount), st.sampled_from(COUNTERS), st.integers(0, 9)
)
holds = st.lists(st.lists(claims, min_size=1, max_size=4), min_size=1, max_size=2)


class Histories(RuleBasedStateMachine):
    make_store: ClassVar[MakeStore]
    is_cluster: ClassVar[bool]

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FrozenClock(1_700_000_000.0)
        self.runner = asyncio.Runner()
        self.store = type(self).make_store(self.clock, Path(self.folder.name))
        self.runner.run(self.store.start())
        self.model = Model(hold_lease_s=3_600)
        self.ids: list[tuple[str, int]] = []

    @property
    def now(self) -> tuple[Fraction, int]:
        return Fraction(self.clock.monotonic()), int(self.clock.time() // DAY_S)

    @rule(groups=holds)
    def hold(self, groups: list[list[Claim]]) -> None:
        reservations = [Reservation(f"r{next(numbers)}", tuple(group)) for group in groups]
        answer = self.runner.run(self.store.hold(reservations))
        refused = self.model.hold(reservations, *self.now)
        if refused is not None:
            if self.is_cluster:
                in_turn = [each for part in parts_of(reservations) for each in part.reservations]
                refused = self.model.hold(in_turn, *self.now)
            assert isinstance(answer, Refusal)
            assert answer.claim is refused
            assert answer.level.used == self.model.used(refused, *self.now)
            return
        assert isinstance(answer, tuple)
        flat = [claim for reservation in reservations for claim in reservation.claims]
        assert [found.used for found in answer] == [self.model.used(claim, *self.now) for claim in flat]
        assert all(found.used <= found.limit for found, claim in zip(answer, flat, strict=True) if claim.amount), (
            "spent + held <= limit after every hold"
        )
        self.ids += [(reservation.id, len(reservation.claims)) for reservation in reservations]

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        id, count = data.draw(st.sampled_from(self.ids or [("unknown", 1)]))
        amounts = data.draw(st.lists(st.integers(0, 12), min_size=count, max_size=count))

        async def settle() -> None:
            self.store.settle(id, amounts)

        self.runner.run(settle())
        self.model.settle(id, amounts, self.now[0])

    @rule(halves=st.one_of(st.integers(1, 240), st.sampled_from([1_799, 1_800, 7_200, 12_800, 172_800])))
    def wait(self, halves: int) -> None:
        self.clock.advance(halves / 2)

    @invariant()
    def levels_agree(self) -> None:
        found = self.runner.run(self.store.levels(COUNTERS))
        expected = [(self.model.used(c, *self.now), self.model.held(c, *self.now)) for c in COUNTERS]
        assert [(level.used, level.held) for level in found] == expected

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.store.aclose())
            self.runner.close()
            self.folder.cleanup()


def test_any_history_agrees_with_the_model(make_store, request):
    is_cluster = "cluster" in request.node.callspec.params["make_store"]
    machine = type("Histories", (Histories,), {"make_store": staticmethod(make_store), "is_cluster": is_cluster})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
