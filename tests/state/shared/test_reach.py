"""When the engine counts as out."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.errors import StoreTimedOut, StoreUnavailable
from gateway.state.reach import Reach
from tests.clock import FrozenClock
from tests.state.shared.scene import DAILY, at_engine, idle

LATE = StoreTimedOut("no answer in time")
REFUSED = StoreUnavailable("connection refused")


@pytest.fixture
def reach():
    return Reach(FrozenClock())


def test_a_refused_connection_is_an_outage_at_once(reach):
    assert reach.is_failure(REFUSED, reach.failures)


def test_it_takes_three_time_outs_in_a_row(reach):
    assert [reach.is_failure(LATE, reach.failures) for _ in range(3)] == [False, False, True]


def test_an_answer_between_them_begins_the_count_anew(reach):
    for _ in range(5):
        assert not reach.is_failure(LATE, reach.failures)
        assert not reach.is_failure(LATE, reach.failures)
        reach.answered()


def test_a_hundred_calls_that_stall_together_are_one_time_out(reach):
    seen = reach.failures

    assert not any(reach.is_failure(LATE, seen) for _ in range(100))
    assert reach.failures == 1


def test_the_end_of_an_outage_begins_the_count_anew(reach):
    for _ in range(3):
        reach.is_failure(LATE, reach.failures)
    reach.begin(LATE)
    reach.end(0)

    assert not reach.is_out
    assert not reach.is_failure(LATE, reach.failures)
    assert reach.outages == 1


async def test_one_slow_answer_under_many_calls_is_no_outage(replica):
    replica.link.faults = ["lost after"] * 50

    await asyncio.gather(*(replica.hold(("usd", DAILY, 1), id=f"c{number}") for number in range(50)))
    await idle()

    assert replica.store.status.is_reachable
    assert replica.store.status.outages == 0
    await replica.delivered()
    assert at_engine(replica.engine, "usd") == 0


async def test_three_slow_answers_one_after_another_are(replica):
    for _ in range(3):
        assert replica.store.status.is_reachable
        replica.link.faults = ["lost before"]
        await replica.hold(("usd", DAILY, 1))
        replica.link.faults = []
        if replica.store.status.is_reachable:
            # The withdrawal must not be what answers in between.
            replica.link.faults = ["lost before"]

    assert replica.store.status.outages == 1
