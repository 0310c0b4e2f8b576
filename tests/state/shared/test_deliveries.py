"""Settlements reach the engine as fast as calls end, however many end between two turns of the loop."""

from __future__ import annotations

import itertools

from gateway.state.base import Claim, Refusal, Spend
from gateway.state.outbox import LARGEST_BATCH
from tests.state.shared.scene import idle
from tests.waiting import until

CALLS = 3 * LARGEST_BATCH + 1
HIGH = Spend(10**9, "day")


async def test_what_ended_together_is_delivered_together(replica):
    ids = [f"c{number}" for number in range(CALLS)]
    for id in ids:
        assert not isinstance(await replica.hold(("key:a:usd", HIGH, 5), id=id), Refusal)
    for id in ids:
        replica.store.settle(id, [3])
    replica.link.asked.clear()
    await idle()

    assert replica.store.status.backlog == 0
    # All in one go: none waited for the answer to another.
    assert [verb for verb, _ in itertools.groupby(replica.link.asked)] == ["deliver"]
    assert len(replica.link.asked) == 4
    (level,) = await replica.store.levels([Claim("key:a:usd", HIGH, 0)])
    assert (level.used, level.held) == (3 * CALLS, 0)


async def test_one_batch_that_is_not_taken_comes_again_and_the_others_are_not_told_twice(replica):
    ids = [f"c{number}" for number in range(CALLS)]
    for id in ids:
        await replica.hold(("key:a:usd", HIGH, 5), id=id)
    for id in ids:
        replica.store.settle(id, [3])
    replica.link.faults[:] = ["well", "lost before"]
    await idle()
    replica.sleeps.advance(1)
    await until(lambda: replica.store.status.backlog == 0)

    assert set(replica.engine.applied.values()) == {1}
    assert len(replica.engine.applied) == CALLS
