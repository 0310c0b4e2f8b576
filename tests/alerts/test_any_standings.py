"""Whatever budgets do, and whoever of several gateways sees it: each threshold is told at most once, none is missed."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.alerts.events import crossings
from gateway.state.memory import MemoryStore
from gateway.state.windows import Calendar
from tests.alerts.parts import THRESHOLDS, Noted, Replica, standing
from tests.clock import FrozenClock

HOUR_S = 3_600.0

SPENT = st.sampled_from([0, 79, 80, 94, 95, 99, 100, 160, 200])
SPEND = st.tuples(st.just("spend"), st.integers(0, 1), SPENT)
"""Who sees it; what is spent so far, which bills may correct downwards."""
STEP = st.one_of(
    SPEND,
    SPEND,
    st.tuples(st.just("pass"), st.just(0), st.sampled_from([1, 30, 1_800, 3_600])),
    st.tuples(st.just("restart"), st.integers(0, 1), st.just(0)),
    st.tuples(st.just("limit"), st.just(0), st.sampled_from([100, 200])),
)


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(STEP, min_size=3, max_size=30))
def test_each_threshold_of_each_window_is_told_at_most_once_and_the_highest_crossed_never_missed(steps):
    asyncio.run(_run(steps))


async def _run(steps) -> None:
    clock, calendar, post = FrozenClock(1_700_000_000.0), Calendar(), Noted()
    store = MemoryStore(clock)
    replicas = [Replica(store, clock, post) for _ in range(2)]
    for each in replicas:
        await each.__aenter__()
    limit = 100
    told: Counter[tuple[str, int]] = Counter()
    for what, who, figure in steps:
        if what == "pass":
            clock.advance(figure)
        elif what == "limit":
            limit = figure
        elif what == "restart":
            await replicas[who].stop()
            replicas[who] = Replica(store, clock, post)
            await replicas[who].__aenter__()
        else:
            before = len(post.sent)
            row = standing(figure, limit, window="hour", reset_s=HOUR_S - clock.time() % HOUR_S)
            events = list(crossings([row], THRESHOLDS, clock.time(), calendar))
            await replicas[who].offer(*events)
            for event, percent in zip(events, post.percents[before:], strict=False):
                assert percent == event.percent
                told[event.crossing, percent] += 1
            for event in events:
                assert max(p for crossing, p in told if crossing == event.crossing) >= event.percent
    assert set(told.values()) <= {1}
    for each in replicas:
        await each.stop()
