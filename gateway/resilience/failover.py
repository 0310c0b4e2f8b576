"""Down the list of targets until one of them has said its first word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from gateway.core.clock import Clock, Sleep
from gateway.core.errors import UpstreamError
from gateway.core.types import Target
from gateway.health.breaker import Breakers
from gateway.resilience.backoff import backoff_s
from gateway.resilience.course import Course
from gateway.resilience.ended import ended
from gateway.resilience.retry_budget import RetryBudget

T = TypeVar("T")


class Failover:
    """Tries targets one after another. Once an attempt has succeeded, what comes after is no longer its business."""

    def __init__(
        self, *, breakers: Breakers, retry_budget: RetryBudget, clock: Clock, sleep: Sleep, random: Random
    ) -> None:
        self._breakers = breakers
        self._retry_budget = retry_budget
        self._clock = clock
        self._sleep = sleep
        self._random = random

    async def first(self, course: Course, attempt: Callable[[Target], Awaitable[T]], deadline: float) -> T:
        """The result of the first attempt that succeeds.

        ``attempt`` asks one target and raises UpstreamError. Raises CallError after the last one failed; any other
        error of an attempt ends the call at once.
        """
        self._retry_budget.deposit()
        while (target := course.next()) is not None:
            if course.tries(target):
                delay_s = self._delay_s(course, target, deadline)
                if delay_s is None:
                    continue  # another may come back sooner
                if not self._retry_budget.withdraw():
                    break
                await self._pause(course, delay_s)
            if not self._breakers.try_acquire(target.id, is_last_resort=course.is_last_resort):
                course.postpone(target)
                continue
            try:
                result = await attempt(target)
            except UpstreamError as error:
                self._breakers.record(target.id, error)
                course.failed(target, error)
            except BaseException:
                self._breakers.release(target.id)
                raise
            else:
                self._breakers.record(target.id, None)
                return result
        raise ended(course.failures)

    async def _pause(self, course: Course, delay_s: float) -> None:
        paused_at = self._clock.monotonic()
        try:
            await self._sleep(delay_s)
        finally:
            course.paused_s += self._clock.monotonic() - paused_at

    def _delay_s(self, course: Course, target: Target, deadline: float) -> float | None:
        """How long to wait before ``target`` is asked again; None if the call can't wait for so long."""
        last = next(failure.error for failure in reversed(course.failures) if failure.target is target)
        delay_s = backoff_s(course.tries(target), last.retry_after_s, self._random)
        return None if delay_s is None or self._clock.monotonic() + delay_s >= deadline else delay_s
