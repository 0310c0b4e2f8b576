"""The wheel: never early, at most a tick late, whatever moves meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.deadlines import Expired, Watched, Wheel
from tests.clock import FrozenClock
from tests.wire.asking import until

TICK_S = 0.05


class Egg(Watched):
    """Remembers when it was called."""

    def __init__(self, clock, due):
        super().__init__()
        self.clock = clock
        self.due = due
        self.rang_at = None

    def expire(self):
        assert self.rang_at is None
        self.rang_at = self.clock.monotonic()


seconds = st.floats(0, 20, allow_nan=False)


@given(
    eggs=st.lists(st.tuples(seconds, st.one_of(st.none(), seconds), st.booleans()), max_size=12),
    steps=st.lists(st.floats(0.001, 3), min_size=1, max_size=40),
)
def test_nothing_rings_early_and_all_by_the_first_tick_after_it_was_due(eggs, steps):
    async def story():
        clock = FrozenClock()
        wheel = Wheel(clock)
        started = clock.monotonic()
        watched = [(Egg(clock, started + due), moved, is_forgotten) for due, moved, is_forgotten in eggs]
        for egg, _, _ in watched:
            wheel.watch(egg)
        for number, step in enumerate(steps):
            clock.advance(step)
            wheel.tick()
            now = clock.monotonic()
            for egg, moved, is_forgotten in watched:
                if egg.rang_at is None:
                    assert egg.slot < 0 or egg.due > now - TICK_S - 1e-6
                else:
                    assert egg.rang_at >= egg.due
                if number == 0 and egg.rang_at is None and is_forgotten:
                    wheel.forget(egg)
                elif number == 0 and egg.rang_at is None and moved is not None:
                    egg.due = now + moved
                    if egg.due < egg.visit_at:
                        wheel.hasten(egg)
        assert wheel._watched == sum(map(len, wheel._slots))
        wheel.close()

    asyncio.run(story())


async def test_what_asks_for_more_time_gets_it(clock):
    class Snooze(Egg):
        def expire(self):
            if self.rang_at is None:
                self.due += 10
            self.rang_at = self.clock.monotonic()

    wheel = Wheel(clock)
    egg = Snooze(clock, clock.monotonic() + 5)
    wheel.watch(egg)
    for at, rang in ((5.1, 5.1), (9.0, 5.1), (10.2, 15.3)):
        clock.advance(at if at == 5.1 else at - 5.1 if at == 9.0 else 6.3)
        wheel.tick()
        assert egg.rang_at == pytest.approx(1_000 + rang)
    wheel.close()


async def test_one_expiry_may_end_another(clock):
    wheel = Wheel(clock)
    rang = []

    class Killer(Egg):
        def expire(self):
            rang.append(self)
            for other in both:
                wheel.forget(other)

    both = [Killer(clock, clock.monotonic() + 1) for _ in range(2)]
    for egg in both:
        wheel.watch(egg)
    clock.advance(2)
    wheel.tick()
    assert len(rang) == 1
    assert repr(wheel) == "<Wheel 0 watched, ticking>"
    wheel.close()


async def test_it_rests_when_nothing_is_watched(clock):
    wheel = Wheel(clock, tick_s=0.001)
    assert repr(wheel) == "<Wheel 0 watched, at rest>"
    egg = Egg(clock, clock.monotonic() + 1)
    wheel.watch(egg)
    wheel.forget(egg)
    wheel.forget(egg)
    await until(lambda: wheel._timer is None)
    wheel.watch(egg)
    assert repr(wheel) == "<Wheel 1 watched, ticking>"
    wheel.close()


async def test_it_ticks_by_itself(clock):
    wheel = Wheel(clock, tick_s=0.001)
    egg = Egg(clock, clock.monotonic() + 1)
    wheel.watch(egg)
    clock.advance(2)
    await until(lambda: egg.rang_at is not None)
    wheel.close()


async def test_bounded_work_gives_its_result_or_its_error(clock):
    wheel = Wheel(clock)

    async def give(value):
        await asyncio.sleep(0)
        if isinstance(value, Exception):
            raise value
        return value

    assert await wheel.bounded(give(7), clock.monotonic() + 1) == 7
    with pytest.raises(ZeroDivisionError):
        await wheel.bounded(give(ZeroDivisionError()), clock.monotonic() + 1)
    assert wheel._watched == 0
    wheel.close()


async def test_bounded_work_is_cancelled_when_its_time_is_up(clock):
    wheel = Wheel(clock)
    waiting = asyncio.Event()
    task = asyncio.create_task(wheel.bounded(waiting.wait(), clock.monotonic() + 1))
    await asyncio.sleep(0)
    clock.advance(1.1)
    wheel.tick()
    with pytest.raises(Expired):
        await task
    wheel.close()


async def test_a_cancellation_of_the_caller_is_never_taken_for_the_end_of_its_time(clock):
    wheel = Wheel(clock)
    task = asyncio.create_task(wheel.bounded(asyncio.Event().wait(), clock.monotonic() + 1))
    await asyncio.sleep(0)
    clock.advance(1.1)
    wheel.tick()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    wheel.close()
