"""Two gateways, one Redis, 400 callers, one dollar: never more than that is promised, whatever breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.core.money import NANOUSD
from tests.faults.fleet import WORST_NANOUSD, Fleet, fleet, outcomes

THREE_BUDGETS: dict[str, Any] = {}
TEN_LIMITS: dict[str, Any] = {
    "key": {"rpm": 100_000, "tpm": 100_000_000, "concurrency": 60},
    "team": {"rpm": 100_000},
    "global": {"concurrency": 55},
}
"""With five budgets of a dollar: ten."""


async def kill_redis(running: Fleet) -> None:
    running.server.kill()
    await asyncio.sleep(1)
    await asyncio.to_thread(running.server.restart)


async def hang_redis(running: Fleet) -> None:
    running.server.pause()
    await asyncio.sleep(5)
    running.server.resume()


async def nothing(_: Fleet) -> None:
    """All is well."""


def check_that_no_ceiling_was_passed(running: Fleet, limits: dict[str, Any], budgets: int) -> None:
    witness = running.witness
    assert witness.looks > 50
    assert len(witness.most) == budgets
    assert max(witness.most.values()) <= NANOUSD, "not at any moment is more promised than there is"
    assert set(witness.most_slots) == {scope for scope, figures in limits.items() if "concurrency" in figures}
    for scope, most in witness.most_slots.items():
        assert most <= limits[scope]["concurrency"]
    assert {answer.status for answer in running.answers} <= {200, 429, 503}


@pytest.mark.parametrize(
    ("limits", "budgets", "fault"),
    [(THREE_BUDGETS, 3, nothing), *((TEN_LIMITS, 5, fault) for fault in (nothing, kill_redis, hang_redis))],
    ids=["3 budgets", "10 limits", "10 limits, Redis killed", "10 limits, Redis hanging"],
)
async def test_two_replicas_spend_a_dollar_and_no_nanodollar_more(
    tmp_path, limits, budgets, fault: Callable[[Fleet], Awaitable[None]]
):
    async with fleet(tmp_path, limits=limits) as running:
        await running.spend(fault=lambda: fault(running), at_nanousd=NANOUSD // 3)
        spent = await running.settled(20)
        check_that_no_ceiling_was_passed(running, limits, budgets)
        await running.stop()

    cost = sum(outcome["cost_nanousd"] for outcome in outcomes(running.gateways))
    assert list(spent.values()) == [cost] * budgets, "each has the sum of the outcomes, to the nano-dollar"
    assert cost == running.served_nanousd
    assert cost >= 0.95 * NANOUSD, "nobody is turned away while there is money"


async def test_what_a_killed_replica_held_is_charged_and_the_other_serves_on(tmp_path):
    async with fleet(tmp_path, lease_s=4, limits=TEN_LIMITS) as running:

        async def kill_one() -> None:
            running.kill(0)

        await running.spend(fault=kill_one, at_nanousd=NANOUSD // 3)
        spent = await running.settled(30)
        check_that_no_ceiling_was_passed(running, TEN_LIMITS, 5)
        charged = running.witness.charged_at_worst()
        await running.stop()

    (total,) = set(spent.values())
    served = running.served_nanousd
    assert running.lost, "it was killed while it served"
    assert served <= total <= NANOUSD, "what was spent is never forgotten"
    assert charged <= running.lost + 20, "only what nobody can tell the truth of is charged at its worst case"
    assert total <= served + (charged + running.lost) * WORST_NANOUSD
    assert total >= 0.95 * NANOUSD


async def test_cut_off_replicas_spend_their_shares_and_no_more(tmp_path):
    async with fleet(tmp_path, on_outage="local", limits=TEN_LIMITS) as running:
        left = 0

        async def hang() -> None:
            nonlocal left
            left = NANOUSD - max(spent for spent, _ in running.witness.spends().values())
            await hang_redis(running)

        before = len(running.answers)
        await running.spend(fault=hang, at_nanousd=NANOUSD // 3, callers=20)
        spent = await running.settled(20)
        await running.stop()

    cost = sum(outcome["cost_nanousd"] for outcome in outcomes(running.gateways))
    assert list(spent.values()) == [cost] * 5, "what was spent without Redis is charged there, once"
    assert cost <= NANOUSD + left, "each of two may spend half of what was left when it last heard of it"
    assert cost >= 0.95 * NANOUSD
    assert not [answer for answer in running.answers[before:] if answer.status == 503]
