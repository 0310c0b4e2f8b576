"""How late the event loop is."""

from __future__ import annotations

import pytest

from gateway.telemetry.lag import watch_lag
from tests.clock import FrozenClock


class Stopped(Exception):
    """The test has seen enough."""


async def lags(*slept):
    """What is told of sleeps that took so long."""
    clock, told, left = FrozenClock(), [], list(slept)

    async def sleep(seconds):
        assert seconds == 0.25
        if not left:
            raise Stopped
        clock.advance(left.pop(0))

    with pytest.raises(Stopped):
        await watch_lag(told.append, clock, sleep)
    return told


async def test_what_a_sleep_was_too_long_is_told_each_time():
    assert await lags(0.25, 0.75, 1.25) == pytest.approx([0, 0.5, 1])


async def test_a_timer_that_comes_a_little_early_is_no_lag():
    assert await lags(0.2499) == [0]
