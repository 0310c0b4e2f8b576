"""Down the list of targets, with breakers, a retry budget and waits between two attempts on the same target."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from gateway.core.errors import AttemptsFailed, InvalidRequest, Reason, RequestRefused
from gateway.health.breaker import Breakers, State
from gateway.resilience.backoff import BASE_S
from gateway.resilience.failover import Failover
from gateway.resilience.retry_budget import RetryBudget
from tests.clock import FrozenClock
from tests.resilience.targets import course, error, target

A, B = target("a"), target("b")


class Scene:
    """A Failover over a frozen clock whose waits are kept, and targets that do as they are told."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.breakers = Breakers(self.clock, Random(1))
        self.budget = RetryBudget(self.clock)
        self.waits: list[float] = []
        self.asked: list[str] = []
        self.failover = Failover(
            breakers=self.breakers, retry_budget=self.budget, clock=self.clock, sleep=self._sleep, random=Random(1)
        )

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.advance(seconds)

    async def run(self, way, *answers, deadline_s: float = 600.0):
        """Each of ``answers`` is what the next attempt comes to: an error, or a result."""
        left = list(answers)

        async def attempt(found):
            self.asked.append(found.provider)
            answer = left.pop(0)
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return await self.failover.first(way, attempt, self.clock.monotonic() + deadline_s)


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_the_first_success_is_the_result(scene):
    assert await scene.run(course(A, B), error(), "word") == "word"
    assert scene.asked == ["a", "b"]
    assert scene.waits == [], "another target is asked at once"


async def test_the_same_target_is_asked_again_after_a_wait_with_jitter(scene):
    assert await scene.run(course(A), error(), error(), "word") == "word"
    first, second = scene.waits
    assert 0 <= first <= BASE_S
    assert 0 <= second <= 2 * BASE_S


async def test_retry_after_is_the_least_wait(scene):
    await scene.run(course(A), error(Reason.RATE_LIMITED, retry_after_s=7), "word")

    assert 7 <= scene.waits[0] <= 7 + BASE_S


async def test_a_retry_after_that_is_too_far_away_ends_the_call(scene):
    with pytest.raises(AttemptsFailed) as caught:
        await scene.run(course(A), error(Reason.RATE_LIMITED, retry_after_s=120))

    assert caught.value.status == 429
    assert ("retry-after", "120") in caught.value.headers


async def test_who_can_be_waited_for_is_asked_again_though_another_can_not(scene):
    busy = error(Reason.RATE_LIMITED, retry_after_s=120)

    assert await scene.run(course(A, B), busy, error(), "word") == "word"
    assert scene.asked == ["a", "b", "b"]


async def test_nobody_waits_past_the_deadline(scene):
    with pytest.raises(AttemptsFailed):
        await scene.run(course(A), error(Reason.RATE_LIMITED, retry_after_s=20), deadline_s=15)

    assert scene.waits == []


async def test_without_a_retry_to_spend_the_call_ends(scene):
    while scene.budget.withdraw():
        pass
    with pytest.raises(AttemptsFailed):
        await scene.run(course(A), error())

    assert scene.asked == ["a"]


async def test_another_target_costs_no_retry(scene):
    while scene.budget.withdraw():
        pass

    assert await scene.run(course(A, B), error(), "word") == "word"


async def test_an_open_breaker_is_passed_over(scene):
    for _ in range(5):
        scene.breakers.record("a/s", error())

    assert await scene.run(course(A, B), "word") == "word"
    assert scene.asked == ["b"]


async def test_a_target_that_is_out_is_asked_once_all_others_failed(scene):
    for _ in range(5):
        scene.breakers.record("a/s", error())

    assert await scene.run(course(A, B), error(), "word") == "word"
    assert scene.asked == ["b", "a"]


async def test_each_result_is_told_to_the_breaker(scene):
    for _ in range(4):
        scene.breakers.record("a/s", error())
    await scene.run(course(A, B), error(), "word")

    assert scene.breakers.state("a/s") is State.OPEN


async def test_a_call_that_is_cancelled_gives_its_probe_back(scene):
    for _ in range(5):
        scene.breakers.record("a/s", error())
    scene.clock.advance(100)
    with pytest.raises(asyncio.CancelledError):
        await scene.run(course(A), asyncio.CancelledError())

    assert scene.breakers.try_acquire("a/s"), "the place of the probe is free again"


async def test_what_is_no_upstream_error_ends_the_call_at_once(scene):
    with pytest.raises(InvalidRequest):
        await scene.run(course(A, B), InvalidRequest("no"))

    assert scene.asked == ["a"]


async def test_the_providers_own_words_reach_the_client_where_the_request_is_at_fault(scene):
    with pytest.raises(RequestRefused) as caught:
        await scene.run(course(A, B), error(Reason.INVALID_REQUEST, status=422, param="temperature", code="odd"))

    assert (caught.value.status, caught.value.param, caught.value.code) == (422, "temperature", "odd")
