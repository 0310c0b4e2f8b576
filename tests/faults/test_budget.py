"""500 calls at once on one dollar: it is never passed, and what fits is served."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from gateway.core.ceilings import Window
from gateway.core.clock import SystemClock
from gateway.core.money import NANOUSD
from gateway.limits.base import Consumption
from gateway.limits.book import claims
from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.server import running
from gateway.state.base import Claim, Level, Refusal, Reservation, Spend, Store
from gateway.state.sqlite import SqliteStore
from tests.ceilings import limits_of
from tests.client import Answer, Client
from tests.serving import serving

CALLERS = 500
WORST_TOKENS = 1_000
"""A cent a call at worst: the worst cases of 500 are five dollars."""
SCOPES = ("global", "team t", "key k")


class Witness:
    """A store that looks at every budget after each verb: what it saw is all that ever was."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._spends: dict[str, Claim] = {}
        self.most = 0
        """The most that was ever spent and held on one of them."""
        self.refusals = 0

    async def hold(self, reservations: Sequence[Reservation]) -> tuple[Level, ...] | Refusal:
        answer = await self._store.hold(reservations)
        for reservation in reservations:
            for claim in reservation.claims:
                if isinstance(claim.rule, Spend):
                    self._spends[claim.key] = claim
        self.refusals += isinstance(answer, Refusal)
        await self.look()
        return answer

    def settle(self, reservation_id: str, amounts: Sequence[int]) -> None:
        self._store.settle(reservation_id, amounts)

    async def look(self) -> list[Level]:
        levels = list(await self._store.levels(list(self._spends.values())))
        self.most = max(self.most, *(level.used for level in levels))
        return levels


def config(upstream: str, state: str, *, hold_wait_s: float) -> dict:
    return {
        "server": {"hold_wait_s": hold_wait_s},
        "state": {"url": state},
        "providers": {"sim": {"kind": "simulator", "base_url": upstream}},
        "models": {"m": {"targets": [{"provider": "sim", "model": "s", "price": {"input": 0, "output": 10}}]}},
        "global": {"budgets": [{"usd": 1, "per": "day"}], "limits": {"concurrency": 2 * CALLERS}},
        "teams": {"t": {"budgets": [{"usd": 1, "per": "month"}]}},
        "keys": [{"name": "k", "key": "sk-1", "team": "t", "budgets": [{"usd": 1, "per": "total"}]}],
    }


@pytest.fixture(params=["memory", "sqlite"])
def state(request, tmp_path) -> str:
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'sluice.db'}"


async def call(url: str, tokens: int, *, stream: bool) -> Answer:
    async with Client(url, "sk-1") as client:
        return await client.chat(stream=stream, max_tokens=WORST_TOKENS, sim=f"output_tokens={tokens}")


async def until_the_end(url: str, dice: Random) -> list[Answer]:
    """A caller as SDKs are: asks again when told to, stops when told that the money is used up."""
    answers = []
    while True:
        answer = await call(url, dice.randint(20, 400), stream=dice.random() < 0.5)
        answers.append(answer)
        if answer.status == 429 and answer.headers.get("x-should-retry") == "false":
            return answers


async def test_500_callers_spend_a_dollar_and_no_nanodollar_more(state):
    async with (
        running(Simulator(Behaviour(ttft_ms=15, jitter=0.9))) as upstream,
        serving(config(upstream, state, hold_wait_s=2)) as gateway,
    ):
        pipeline = gateway.gateway.app.parts.pipeline
        witness = pipeline._admission.store = Witness(gateway.gateway.store)
        found = await asyncio.gather(*(until_the_end(gateway.url, Random(seed)) for seed in range(CALLERS)))
        await gateway.until(lambda: len(gateway.outcomes) == sum(map(len, found)))
        levels = await witness.look()

    answers = [answer for mine in found for answer in mine]
    assert {answer.status for answer in answers} == {200, 429}
    assert 0.95 * NANOUSD < witness.most <= NANOUSD, "not at any moment is more promised than there is"
    cost = sum(outcome.cost_nanousd for outcome in gateway.outcomes)
    assert {(level.used, level.held) for level in levels} == {(cost, 0)}, "each scope has the same, to the nano-dollar"
    assert len(levels) == len(SCOPES)
    assert cost >= 0.95 * NANOUSD, "nobody is turned away while there is money"
    for answer in answers:
        if answer.status == 429:
            assert answer.code in ("insufficient_quota", "rate_limit_exceeded")
            assert (answer.code == "insufficient_quota") == (answer.headers.get("x-should-retry") == "false")
            assert (answer.code == "rate_limit_exceeded") == ("retry-after-ms" in answer.headers)
            assert "budget" in answer.json["error"]["message"]
    if state.startswith("sqlite"):
        assert await written(state) == {cost}


async def test_of_500_calls_at_once_all_that_fit_are_served():
    # 350 cost a dollar: 500 ask at once, each for once.
    async with (
        running(Simulator(Behaviour(ttft_ms=15, jitter=0.9))) as upstream,
        serving(config(upstream, "memory://", hold_wait_s=30)) as gateway,
    ):
        dice = Random(1)
        calls = [call(gateway.url, dice.randint(185, 385), stream=dice.random() < 0.5) for _ in range(CALLERS)]
        statuses = Counter(answer.status for answer in await asyncio.gather(*calls))
        await gateway.until(lambda: len(gateway.outcomes) == CALLERS)

    served = [outcome.cost_nanousd for outcome in gateway.outcomes if outcome.status == 200]
    fits = NANOUSD / (sum(served) / len(served))
    assert statuses == {200: len(served), 429: CALLERS - len(served)}
    assert sum(served) <= NANOUSD
    assert len(served) >= 0.95 * fits


async def written(state: str) -> set[int]:
    """What the file says was spent, of each scope."""
    windows: dict[str, Window] = {"global": "day", "team t": "month", "key k": "total"}
    every = [limit for scope, per in windows.items() for limit in limits_of(scope, budgets=[(NANOUSD, per)])]
    store = SqliteStore(state.removeprefix("sqlite:///"), SystemClock())
    await store.start()
    levels = await store.levels(claims(every, Consumption()))
    await store.aclose()
    return {level.used for level in levels}
