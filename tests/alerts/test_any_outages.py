"""Whatever targets do, and whoever of several gateways sees it: down and up take turns, and the last told is so."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.alerts.once import FLAPS_S
from gateway.state.memory import MemoryStore
from tests.alerts.parts import Noted, Replica, down
from tests.clock import FrozenClock

TARGET = "openai/gpt"
STEP = st.tuples(
    st.sampled_from(["down", "works", "unknown", "restart"]),
    st.integers(0, 1),  # who sees it
    st.sampled_from([0, 2, 60, 900]),  # seconds that pass after it
)


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(STEP, max_size=25), is_down=st.booleans())
def test_down_and_up_take_turns_and_the_last_that_was_told_is_so(steps, is_down):
    asyncio.run(_run(steps, is_down=is_down))


async def _run(steps, *, is_down: bool) -> None:
    clock, post = FrozenClock(1_700_000_000.0), Noted()
    store = MemoryStore(clock)
    replicas = [Replica(store, clock, post) for _ in range(2)]
    for each in replicas:
        await each.__aenter__()
    times = []
    for what, who, pause_s in steps:
        before = len(post.sent)
        if what == "restart":
            await replicas[who].stop()
            replicas[who] = Replica(store, clock, post)
            await replicas[who].__aenter__()
        else:
            await _look(replicas[who], what)
        times += [clock.time()] * post.types[before:].count("target.down")
        clock.advance(pause_s)
    # All see the same from now on.
    for _ in range(4):
        clock.advance(FLAPS_S)
        for each in replicas:
            await _look(each, "down" if is_down else "works")
    for each in replicas:
        await each.stop()

    turns = ["target.down", "target.up"] * len(post.types)
    assert post.types == turns[: len(post.types)]
    assert all(later - earlier >= FLAPS_S for earlier, later in pairwise(times))
    was_told_down = post.types[-1:] == ["target.down"]
    assert was_told_down == is_down


async def _look(replica: Replica, what: str) -> None:
    seen = [down(TARGET, replica.clock.time())] if what == "down" else []
    await replica.look(*seen, working=[TARGET] if what == "works" else [])
