"""Limits and store together: a budget is never passed, and nearly all that fits is served."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.money import NANOUSD, Price
from gateway.limits.base import Consumption
from gateway.limits.book import amounts, claims
from gateway.limits.estimate import worst_case
from gateway.state.base import Refusal, Reservation
from gateway.state.memory import MemoryStore
from tests.ceilings import limits_of
from tests.clock import FrozenClock
from tests.limits.calls import call, target

PRICE = Price(input=NANOUSD, output=4 * NANOUSD)


async def run(calls, truths: list[float], dice: random.Random) -> tuple[int, int, int]:
    """Serve ``calls`` at once; each truly costs that share of its worst case. Answers served, spent, most ever held."""
    store = MemoryStore(FrozenClock())
    limits = limits_of("key ci", concurrency=1_000, budgets=[(NANOUSD, "day")])
    budget = limits[1].claim(Consumption())
    served = spent = most = 0

    async def serve(number: int) -> None:
        nonlocal served, spent, most
        worst = worst_case(calls[number], [target(PRICE)])
        answer = await store.hold([Reservation(f"r{number}", claims(limits, worst))])
        if isinstance(answer, Refusal):
            return
        most = max(most, (await store.levels([budget]))[0].used)
        for _ in range(dice.randrange(5)):
            await asyncio.sleep(0)
        truth = Consumption(cost_nanousd=int(worst.cost_nanousd * truths[number]))
        store.settle(f"r{number}", amounts(limits, truth))
        served += 1
        spent += truth.cost_nanousd

    await asyncio.gather(*(serve(number) for number in range(len(calls))))
    (level,) = await store.levels([budget])
    assert (level.used, level.held) == (spent, 0), "no money is lost, none counted twice"
    return served, spent, most


async def test_500_calls_at_once_on_a_dollar_never_pass_it_and_use_all_that_fits():
    # Each costs 0.4 cents at worst: 250 fit.
    calls = [call(input_tokens_max=1_000, output_tokens_max=750) for _ in range(500)]
    served, spent, most = await run(calls, [1.0] * 500, random.Random(1))

    assert most <= NANOUSD
    assert spent <= NANOUSD
    assert served >= 0.95 * 250


@pytest.mark.parametrize("seed", range(3))
async def test_calls_of_all_sizes_leave_less_than_one_call_unspent(seed):
    dice = random.Random(seed)
    calls = [
        call(input_tokens_max=dice.randrange(2_000), output_tokens_max=dice.randrange(1, 2_000)) for _ in range(500)
    ]
    _, spent, most = await run(calls, [1.0] * 500, dice)

    assert 0.95 * NANOUSD <= spent <= most <= NANOUSD


@given(st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 60_000), st.floats(0, 1)), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_no_traffic_passes_the_budget(traffic):
    calls = [call(input_tokens_max=read, output_tokens_max=written) for read, written, _ in traffic]
    _, spent, most = asyncio.run(run(calls, [share for _, _, share in traffic], random.Random(0)))

    assert spent <= NANOUSD
    assert most <= NANOUSD
