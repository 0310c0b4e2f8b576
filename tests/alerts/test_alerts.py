"""Who is told follows the configuration: tasks only while there is somebody, changes while it runs, every key."""

from __future__ import annotations

import asyncio
from datetime import UTC
from random import Random

import pytest_asyncio

from gateway.alerts.alerts import KEYS_S, Alerts
from gateway.alerts.channel import MOST_WAITING
from gateway.alerts.events import crossings
from gateway.alerts.keys import CallingKeys
from gateway.alerts.once import Once
from gateway.core.ceilings import Allowance, Ceilings
from gateway.core.errors import Reason, UpstreamError
from gateway.core.types import Caller
from gateway.health.breaker import Breakers
from gateway.limits.book import Book
from gateway.limits.watch import Watch
from gateway.settings.observing import Alerts as Said
from gateway.state.base import Claim, Reservation, Spend
from gateway.state.memory import MemoryStore
from gateway.state.windows import Calendar
from tests.alerts.parts import Noted, standing, webhook
from tests.clock import FrozenClock
from tests.telemetry.outcomes import failure, outcome
from tests.waiting import until

NOBODY = Said()


class Gateway:
    """What alerts look at, and a post that notes what they send."""

    def __init__(self):
        self.clock = FrozenClock(1_700_000_000.0)
        self.store = MemoryStore(self.clock)
        self.breakers = Breakers(self.clock, Random(1))
        self.watch = Watch(self.store, dict, clock=self.clock, sleep=asyncio.sleep)
        self.book = Book({})
        self.post = Noted()
        ids = iter(range(10_000))
        self.alerts = Alerts(
            store=self.store,
            breakers=self.breakers,
            watch=self.watch,
            clock=self.clock,
            sleep=lambda _: asyncio.Event().wait(),
            random=Random(1),
            new_id=lambda: f"id-{next(ids)}",
            zone=UTC,
            instance="host-1",
            post=self.post,
        )

    def put(self, said):
        self.alerts.put(said, {"a": frozenset({"a/1"})}, self.book)

    async def quiet(self):
        await until(lambda: all(not c.waiting and c._telling is None for c in self.alerts._channels))


@pytest_asyncio.fixture
async def gateway():
    made = Gateway()
    yield made
    await made.alerts.aclose()


def fail(breakers, target="a/1"):
    breakers.record(target, UpstreamError(Reason.AUTH, "no"))


async def test_without_webhooks_nothing_runs_and_nobody_listens(gateway):
    before = asyncio.all_tasks()
    gateway.put(NOBODY)
    gateway.put(Said(webhooks=(webhook(url=""),)))
    gateway.alerts.observe(outcome())

    assert asyncio.all_tasks() == before
    assert gateway.watch.listeners == []
    assert gateway.alerts._keys._called == set()


async def test_what_runs_ends_when_the_last_webhook_is_taken_out(gateway):
    before = asyncio.all_tasks()
    gateway.put(Said(webhooks=(webhook(),)))
    assert len(asyncio.all_tasks() - before) == 2
    assert len(gateway.watch.listeners) == 1

    gateway.put(NOBODY)
    await until(lambda: asyncio.all_tasks() == before)
    assert gateway.watch.listeners == []


async def test_standings_and_breakers_are_told(gateway):
    gateway.put(Said(webhooks=(webhook(),)))
    gateway.watch.listeners[0]([standing(96)])
    fail(gateway.breakers)
    await gateway.alerts.look()
    await gateway.quiet()

    assert gateway.post.types == ["target.down", "budget.crossed"]
    assert gateway.alerts.counts == {("ops", "sent"): 2}


async def test_a_reload_that_leaves_a_webhook_as_it_was_leaves_its_channel(gateway):
    gateway.put(Said(webhooks=(webhook(),)))
    (channel,) = gateway.alerts._channels
    gateway.put(Said(webhooks=(webhook(name="more"), webhook())))

    assert channel in gateway.alerts._channels
    assert {each.said.name for each in gateway.alerts._channels} == {"ops", "more"}


async def test_another_address_of_the_same_name_is_not_told_again_and_another_name_is(gateway):
    gateway.put(Said(webhooks=(webhook(),)))
    gateway.alerts.hear([standing(80)])
    await gateway.quiet()
    gateway.put(
        Said(webhooks=(webhook(url="https://new.example.com/"), webhook(name="new", url="https://third.example.com/")))
    )
    gateway.alerts.hear([standing(80)])
    await gateway.quiet()

    assert [(url, body["type"]) for url, _, body in gateway.post.sent] == [
        ("https://hooks.example.com/T0/s3cr3t-path", "budget.crossed"),
        ("https://third.example.com/", "budget.crossed"),
    ]
    assert gateway.alerts.counts == {("ops", "sent"): 1, ("new", "sent"): 1}


async def test_an_alert_that_fails_at_the_old_address_is_told_at_the_new_one(gateway):
    gateway.post.gate = asyncio.Event()
    gateway.put(Said(webhooks=(webhook(),)))
    gateway.alerts.hear([standing(80)])
    await until(lambda: gateway.post.sent)
    gateway.put(Said(webhooks=(webhook(url="https://new.example.com/"),)))
    gateway.post.gate = None
    await until(lambda: not gateway.alerts._leaving)
    gateway.alerts.hear([standing(80)])
    await gateway.quiet()

    assert [url for url, _, _ in gateway.post.sent][-1] == "https://new.example.com/"
    assert gateway.alerts.counts == {("ops", "sent"): 1}


async def test_other_thresholds_are_in_force_at_once(gateway):
    gateway.put(Said(webhooks=(webhook(),)))
    gateway.alerts.hear([standing(60)])
    gateway.put(Said(at=(50,), webhooks=(webhook(),)))
    gateway.alerts.hear([standing(60)])
    await gateway.quiet()

    assert gateway.post.percents == [50]


async def test_a_key_that_is_not_among_the_watched_is_asked_for_after_it_spent(gateway):
    budget = Ceilings(budgets=(Allowance(nanousd=100, per="day"),))
    gateway.book._gather(Caller(key="rare", scopes=(("key rare", budget),)))  # as its first call does
    gateway.put(Said(webhooks=(webhook(),)))
    await gateway.store.hold([Reservation("r", (Claim("key:rare:usd:day", Spend(100, "day"), 96),))])
    gateway.store.settle("r", [96])

    gateway.alerts.observe(outcome(key="rare", cost_nanousd=0))
    await gateway.alerts.look_at_keys()
    await gateway.quiet()
    assert gateway.post.percents == []

    gateway.alerts.observe(outcome(key="rare", cost_nanousd=96))
    await gateway.alerts.look_at_keys()
    await gateway.quiet()
    assert [body["data"]["scope"] for _, _, body in gateway.post.sent] == ["rare"]
    assert gateway.post.percents == [95]


async def spend_of_keys(gateway, count):
    """So many keys that are not watched have called, and have spent 96 of their 100 nano-dollars a day."""
    budget = Ceilings(budgets=(Allowance(nanousd=100, per="day"),))
    for number in range(count):
        name = f"key-{number}"
        gateway.book._gather(Caller(key=name, scopes=((f"key {name}", budget),)))  # as its first call does
        await gateway.store.hold([Reservation(name, (Claim(f"key:{name}:usd:day", Spend(100, "day"), 96),))])
        gateway.store.settle(name, [96])
        gateway.alerts.observe(outcome(key=name, cost_nanousd=96))


async def test_keys_that_find_no_room_at_a_webhook_are_told_though_they_call_no_more(gateway):
    gateway.put(Said(webhooks=(webhook(),)))
    await spend_of_keys(gateway, MOST_WAITING + 50)
    for _ in range(3):
        await gateway.alerts.look_at_keys()
        await gateway.quiet()

    told = [body["data"]["scope"] for _, _, body in gateway.post.sent]
    assert sorted(told) == sorted(f"key-{number}" for number in range(MOST_WAITING + 50))
    assert gateway.alerts._keys._called == set(), "what everybody was told is asked for no more"


async def test_a_key_whose_alert_another_replica_gave_back_is_told_though_it_calls_no_more(gateway):
    gateway.put(Said(webhooks=(webhook(),)))
    await spend_of_keys(gateway, 1)
    other = Once(gateway.store, lambda: "other")
    (event,) = crossings(await _noting(gateway).look(set()), (80, 95), gateway.clock.time(), Calendar(UTC))
    taken = await other.budget("ops", event, (80, 95, 100))
    await gateway.alerts.look_at_keys()
    await gateway.quiet()
    assert gateway.post.percents == []

    taken.give_back()
    gateway.clock.advance(KEYS_S)
    await gateway.alerts.look_at_keys()
    await gateway.quiet()
    assert gateway.post.percents == [95]


def _noting(gateway):
    """What another replica has that saw the same call."""
    keys = CallingKeys(gateway.store)
    keys.book = gateway.book
    keys.observe(outcome(key="key-0", cost_nanousd=96))
    return keys


async def test_a_key_that_is_refused_for_its_budget_is_asked_for_too(gateway):
    gateway.put(Said(webhooks=(webhook(),)))
    await spend_of_keys(gateway, 1)
    gateway.alerts._keys._called.clear()  # the process that noted it is gone

    gateway.alerts.observe(failure(key="key-0", status=429, error="insufficient_quota"))
    await gateway.alerts.look_at_keys()
    await gateway.quiet()
    assert gateway.post.percents == [95]


async def test_the_end_gives_back_and_closes(gateway):
    gateway.post.gate = asyncio.Event()
    gateway.put(Said(webhooks=(webhook(),)))
    gateway.alerts.hear([standing(80)])
    await until(lambda: gateway.post.sent)
    await gateway.alerts.aclose()

    (level,) = await gateway.store.levels(
        [Claim("alert:ops:budget team research month 2023-11 100 80", Spend(1, "month"), 1)]
    )
    assert (level.used, level.held) == (0, 0)
