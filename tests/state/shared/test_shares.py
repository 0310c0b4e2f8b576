"""How much a replica may let in by itself, and that all of them together stay within the sum of the shares."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.state.base import Claim, Level, Refusal, Slots, Spend
from gateway.state.outbox_journal import Found, Known
from gateway.state.remote import Charge
from gateway.state.shares import MAX_KNOWN, Shares
from gateway.state.windows import window
from tests.clock import FrozenClock
from tests.state.shared.engine import Engine
from tests.state.shared.scene import DAILY, OPEN, PAIR, RPM, Replica, at_engine, idle, made

NOW_S = 1_700_000_000.0
TODAY = window(NOW_S, "day")
USD = Claim("usd", DAILY, 0)


@pytest.fixture
def shares():
    return Shares(UTC, replicas=2)


def stood(used: int) -> Level:
    return Level(100, used, 0, 6_400.0)


def charge(amount: int, rule: Spend = DAILY) -> Charge:
    return Charge(f"c{amount}", (Claim("usd", rule, amount),), (amount,), (TODAY,))


def share(shares: Shares, rule: Spend = DAILY, span=TODAY) -> int:
    """What is left of it."""
    return shares.of_money("usd", rule, span).limit


def test_of_money_it_is_a_part_of_what_was_left_when_the_engine_was_last_heard_of(shares):
    assert share(shares) == 50
    shares.remember([USD], [stood(used=40)], NOW_S, 0)
    assert share(shares) == 30
    shares.learn_replicas(6)
    assert share(shares) == 10
    shares.learn_replicas(1)
    assert share(shares) == 30, "there are two at least, says the configuration"


def test_what_was_known_of_another_window_says_nothing_of_this_one(shares):
    shares.remember([USD], [stood(used=90)], NOW_S - 86_400, 0)

    assert share(shares) == 50


def test_a_budget_that_is_spent_leaves_no_share(shares):
    shares.remember([USD], [stood(used=130)], NOW_S, 0)

    assert share(shares) == 0


@pytest.mark.parametrize(("rule", "limit"), [(RPM, 5), (PAIR, 2), (Slots(1), 1), (Slots(0), 0)])
def test_of_a_rate_or_of_slots_it_is_a_part_of_the_limit_and_at_least_one(shares, rule, limit):
    assert shares.of(Claim("x", rule, 1)).limit == limit


def test_what_was_delivered_is_taken_off_until_an_answer_has_counted_it(shares):
    shares.remember([USD], [stood(used=0)], NOW_S, shares.deliveries)
    asked_before = shares.deliveries
    shares.deliver(charge(50))

    shares.remember([USD], [stood(used=0)], NOW_S, asked_before)
    assert share(shares) - 50 == 0, "that answer may lack it: the standby's count of 50 still burdens the share"
    shares.remember([USD], [stood(used=50)], NOW_S, shares.deliveries)
    assert share(shares) - 50 == 25


def test_what_passed_uncounted_is_no_burden_of_the_share(shares):
    shares.deliver(charge(70, OPEN))
    shares.remember([USD], [stood(used=70)], NOW_S, shares.deliveries)

    assert share(shares) == 15


def test_a_restart_goes_on_from_what_was_written_down(shares):
    shares.remember([USD], [stood(used=20)], NOW_S, 0)
    shares.deliver(charge(10))
    known = shares.changes(NOW_S)
    assert known == [Known("usd", TODAY.id, used=20, spent=10, ends_s=TODAY.end_s)]

    again = Shares(UTC, replicas=2)
    again.restore(Found(waiting=(charge(7),), known=tuple(known), replicas=4))

    assert again.replicas == 4
    assert share(again) == 20
    assert again.opening("usd", TODAY.id) == 17


def test_what_was_delivered_of_a_counter_that_was_never_heard_of_is_written_down_too(shares):
    shares.deliver(charge(10))

    assert shares.changes(NOW_S) == [Known("usd", TODAY.id, used=0, spent=10, ends_s=TODAY.end_s)]
    assert shares.uncounted(NOW_S) == (USD,)


def test_it_remembers_no_more_counters_than_it_may(shares):
    for number in range(MAX_KNOWN + 10):
        shares.remember([Claim(f"usd {number}", DAILY, 0)], [stood(used=90)], NOW_S, 0)
    assert len(shares.changes(NOW_S)) == MAX_KNOWN
    assert shares.changes(NOW_S) == [], "what did not change is not written again"

    assert shares.used("usd 0", DAILY, TODAY) == 0
    assert shares.used("usd 10", DAILY, TODAY) == 90


def test_what_hardly_moved_is_not_written_down_again(shares):
    big = Spend(1_000_000, "day")
    written = []
    for used in (500_000, 505_000, 510_000):
        shares.remember([Claim("usd", big, 0)], [Level(big.limit, used, 0, 6_400.0)], NOW_S, 0)
        written.append([known.used for known in shares.changes(NOW_S)])

    assert written == [[500_000], [], [510_000]]
    assert shares.used("usd", big, TODAY) == 510_000


def test_what_was_let_in_is_forgotten_a_day_after_its_window(shares):
    shares.deliver(charge(10))
    shares.changes(TODAY.end_s + 86_401)

    assert not shares._tabs


async def test_a_replica_that_crashes_again_and_again_does_not_get_its_share_anew(tmp_path):
    replica = await made(tmp_path).start()
    await replica.lose()
    let_in = 0
    for _ in range(5):
        while await replica.spend("usd", 7):
            let_in += 7
        if not isinstance(await replica.hold(("usd", DAILY, 1)), Refusal):
            let_in += 1
        await replica.written()
        await replica.again()
        assert not replica.store.status.is_reachable
    await replica.recover()

    assert let_in == 50
    assert at_engine(replica.engine, "usd") == 50
    await replica.store.aclose()


async def test_outages_one_after_another_halve_what_is_left_each_time(replica):
    let_in = []
    for _ in range(4):
        await replica.lose()
        count = 0
        while await replica.spend("usd", 1):
            count += 1
        let_in.append(count)
        await replica.recover()

    assert let_in == [50, 25, 12, 6]


async def test_the_last_known_levels_are_written_every_few_seconds_for_a_restart_in_an_outage(tmp_path):
    replica = await made(tmp_path).start()
    await replica.spend("usd", 60)
    await replica.delivered()
    await replica.written()
    replica.link.fault = "refused"
    await replica.again()

    assert isinstance(await replica.hold(("usd", DAILY, 21)), Refusal)
    assert isinstance(await replica.hold(("usd", DAILY, 20)), tuple)
    await replica.store.aclose()


steps = st.lists(
    st.tuples(
        st.sampled_from(["spend", "spend", "spend", "cut off", "mend", "crash", "refresh", "run for long"]),
        st.integers(0, 2),
        st.integers(1, 60),
    ),
    max_size=40,
)


@given(steps=steps, replicas=st.integers(1, 3), limit=st.integers(1, 120))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_all_replicas_together_overspend_by_no_more_than_the_sum_of_their_shares(steps, replicas, limit):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(partitions(Path(folder), steps, replicas, Spend(limit, "day")))


async def partitions(folder: Path, steps, count: int, rule: Spend) -> None:
    engine = Engine(FrozenClock(), hold_lease_s=10**9)
    replicas = [await Replica(engine, folder / f"{n}.db", replicas=count).start() for n in range(count)]
    largest = [0] * count
    for step, number, amount in steps:
        replica = replicas[number % count]
        await take(step, replica, amount, rule)
        await idle()
        if not replica.store.status.is_reachable:
            left = max(0, rule.limit - replica.store._shares.used("usd", rule, TODAY))
            largest[number % count] = max(largest[number % count], left // count)
    for replica in replicas:
        await replica.recover()
        await replica.delivered()
        await replica.store.aclose()

    assert engine.in_window("usd", TODAY.id) <= rule.limit + sum(largest)


async def take(step: str, replica: Replica, amount: int, rule: Spend) -> None:
    amount = min(amount, rule.limit)
    is_well = replica.store.status.is_reachable
    if step == "spend":
        # All that it may have: greedy callers find every hole.
        while await replica.spend("usd", amount, rule):
            await idle()
    elif step == "run for long":
        await replica.hold(("usd", rule, amount))
    elif step == "cut off" and is_well:
        await replica.lose()
    elif step == "mend":
        await replica.recover()
    elif step == "crash":
        await replica.written()
        await replica.again()
    elif step == "refresh" and is_well:
        await replica.hold(("usd", rule, 0))
