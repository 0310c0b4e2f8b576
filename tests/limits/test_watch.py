"""How limits and budgets stand, as metrics, alerts and the console are told."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.errors import StoreUnavailable
from gateway.core.types import Caller
from gateway.limits import watch as watch_module
from gateway.limits.base import Consumption
from gateway.limits.book import Book, claims
from gateway.limits.watch import MOST_KEYS, MOST_LIMITS, MOST_TEAMS, Watch
from gateway.state.base import Level, Reservation, Status
from gateway.state.memory import MemoryStore
from tests.ceilings import ceilings
from tests.clock import FrozenClock
from tests.limits.calls import call
from tests.state.shared.engine import Engine
from tests.state.shared.scene import Replica
from tests.telemetry.outcomes import outcome

USD = 10**9


class Stopped(Exception):
    """The test has seen enough rounds."""


class Asked:
    """A store that counts what it is asked, and is out of reach when it is told so."""

    def __init__(self, clock):
        self._store = MemoryStore(clock)
        self.questions = []
        self.is_out = False
        self.status = Status()

    async def levels(self, asked):
        self.questions.append(asked)
        if self.is_out:
            raise StoreUnavailable("out of reach")
        return await self._store.levels(asked)

    async def hold(self, reservations):
        return await self._store.hold(reservations)


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def store(clock):
    return Asked(clock)


def watch_of(store, clock, scopes=(), teams=(), sleep=asyncio.sleep):
    watch = Watch(store, lambda: dict(teams), clock=clock, sleep=sleep)
    watch.keep_to(Book(dict(scopes)))
    return watch


def called(watch, key, scopes, *, calls=1, **about):
    """A key makes calls, which the book and the watch are told of."""
    book = watch._book
    book.of_call(call(caller=Caller(key=key, scopes=scopes)))
    for _ in range(calls):
        watch.observe(outcome(key=key, **{"team": None, **about}))


def seen(watch):
    return [(each.kind, each.scope, each.limit, each.window) for each in watch.standings]


async def test_every_limit_of_the_gateway_its_providers_teams_and_models_is_read(store, clock):
    scopes = {
        "global": ceilings(rpm=10, budgets=[(100, "month")]),
        "model m": ceilings(tpm=5),
        "provider openai": ceilings(concurrency=3),
    }
    watch = watch_of(store, clock, scopes, {"research": ceilings(images_per_minute=4, budgets=[(7, "total")])})
    await watch.look()
    assert seen(watch) == [
        ("global", "global", "rpm", None),
        ("global", "global", "budget", "month"),
        ("provider", "openai", "concurrency", None),
        ("team", "research", "images_per_minute", None),
        ("team", "research", "budget", "total"),
        ("model", "m", "tpm", None),
    ]
    assert len(store.questions) == 1


async def test_a_budget_stands_as_the_store_counts_it(store, clock):
    watch = watch_of(store, clock, {"global": ceilings(budgets=[(100 * USD, "day")])})
    limits = watch._book.limits
    await store.hold([Reservation("call-1", claims(limits, Consumption(cost_nanousd=80 * USD)))])
    await watch.look()
    (standing,) = watch.standings
    assert standing.level == Level(100 * USD, 80 * USD, 80 * USD, standing.level.reset_s)
    assert standing.used_ratio == 0.8
    assert watch.read_at == clock.time()


def test_a_limit_of_nothing_is_used_up():
    level = Level(0, 0, 0, None)
    assert watch_module.Standing("key", "ci", "rpm", None, level).used_ratio == 1


async def test_a_key_is_read_once_it_has_called(store, clock):
    watch = watch_of(store, clock)
    await watch.look()
    assert seen(watch) == []
    called(watch, "ci", (("team research", ceilings(rpm=1)), ("key ci", ceilings(rpm=2, tpm=3))))
    await watch.look()
    assert seen(watch) == [("key", "ci", "rpm", None), ("key", "ci", "tpm", None)]


async def test_of_many_keys_those_that_spend_most_are_read(store, clock):
    watch = watch_of(store, clock)
    for i in range(5_000):
        called(watch, f"k{i}", ((f"key k{i}", ceilings(rpm=2)),))
    for i in range(MOST_KEYS):
        called(watch, f"rich{i}", ((f"key rich{i}", ceilings(rpm=2)),), cost_nanousd=USD)
    await watch.look()
    assert {each.scope for each in watch.standings} == {f"rich{i}" for i in range(MOST_KEYS)}


async def test_a_key_without_limits_takes_no_place(store, clock, monkeypatch):
    monkeypatch.setattr(watch_module, "MOST_KEYS", 2)
    watch = watch_of(store, clock)
    for i in range(5):
        called(watch, f"free{i}", (), cost_nanousd=USD)
    called(watch, "ci", (("key ci", ceilings(rpm=2)),))
    await watch.look()
    assert seen(watch) == [("key", "ci", "rpm", None)]


async def test_of_too_many_teams_the_busiest_are_read(store, clock):
    teams = {f"t{i:04}": ceilings(rpm=1) for i in range(2 * MOST_TEAMS)}
    watch = watch_of(store, clock, teams=teams)
    watch.observe(outcome(key="ci", team="t0999"))
    await watch.look()
    assert len(watch.standings) == MOST_TEAMS
    assert [each.scope for each in watch.standings[:2]] == ["t0999", "t0000"]


async def test_no_round_asks_for_more_limits_than_the_bound(store, clock):
    watch = watch_of(store, clock, {f"model m{i}": ceilings(rpm=1) for i in range(MOST_LIMITS + 50)})
    await watch.look()
    assert len(watch.standings) == len(store.questions[0]) == MOST_LIMITS


async def test_what_the_configuration_in_force_does_not_name_is_read_no_more(store, clock):
    watch = watch_of(store, clock, {"global": ceilings(rpm=1), "model old": ceilings(rpm=1)})
    called(watch, "ci", (("key ci", ceilings(rpm=2)),))
    await watch.look()
    watch.keep_to(Book({"global": ceilings(rpm=5)}))
    await watch.look()
    assert seen(watch) == [("global", "global", "rpm", None)]
    assert watch.standings[0].level.limit == 5


async def test_a_team_that_is_changed_is_read_by_its_new_terms(store, clock):
    teams = {"research": ceilings(rpm=1)}
    watch = Watch(store, lambda: teams, clock=clock, sleep=asyncio.sleep)
    await watch.look()
    teams["research"] = ceilings(rpm=9)
    await watch.look()
    assert [each.level.limit for each in watch.standings] == [9]


async def test_out_of_reach_all_stays_as_it_was_and_is_said_to_be_stale(store, clock):
    watch = watch_of(store, clock, {"global": ceilings(rpm=1)})
    await watch.look()
    before, told = watch.standings, []
    watch.listeners.append(told.append)
    store.is_out = True
    clock.advance(5)
    await watch.look()
    assert (watch.standings, watch.is_stale, watch.read_at, told) == (before, True, clock.time() - 5, [])
    store.is_out = False
    await watch.look()
    assert (watch.is_stale, len(told)) == (False, 1)


async def test_a_replica_s_own_share_during_an_outage_does_not_pass_for_the_budget(store, clock):
    watch = watch_of(store, clock, {"global": ceilings(rpm=1)})
    store.status = Status(is_reachable=False)
    await watch.look()
    assert (watch.standings, watch.is_stale) == ((), True)


async def test_a_single_question_that_a_shared_store_does_not_answer_in_time_is_no_figure(clock, tmp_path):
    """One is no outage yet: what is known here answers in its place, and that is a share."""
    engine = Engine(clock)
    replica = await Replica(engine, tmp_path / "r").start()
    other = await Replica(engine, tmp_path / "o").start()
    watch = watch_of(replica.store, clock, {"global": ceilings(budgets=[(100, "day")])})
    for each, amount in ((replica, 10), (other, 60)):
        await each.store.hold([Reservation(f"r{amount}", claims(watch._book.limits, Consumption(cost_nanousd=amount)))])
        each.store.settle(f"r{amount}", [amount])
        await each.store._outbox.flush()
    await watch.look()
    assert [each.level.used for each in watch.standings] == [70]

    replica.link.faults = ["lost before"]
    told = []
    watch.listeners.append(told.append)
    await watch.look()
    assert replica.store.status.is_reachable
    assert [each.level.used for each in watch.standings] == [70]
    assert (watch.is_stale, told) == (True, [])

    await watch.look()
    assert (watch.is_stale, len(told)) == (False, 1)
    await replica.store.aclose()
    await other.store.aclose()


async def test_whoever_listens_is_told_of_each_round_and_one_that_fails_hurts_no_other(store, clock, caplog):
    watch = watch_of(store, clock, {"global": ceilings(rpm=1)})
    told = []
    watch.listeners += [lambda _: 1 // 0, told.append]
    await watch.look()
    assert told == [watch.standings]
    assert "a listener of the limits failed" in caplog.text


async def test_it_looks_at_once_and_every_few_seconds_whatever_happens(store, clock):
    naps = []

    async def sleep(seconds):
        naps.append(seconds)
        store.questions and setattr(store, "levels", None)  # from here on, a bug
        if len(naps) == 3:
            raise Stopped

    watch = Watch(store, lambda: {"research": ceilings(rpm=1)}, clock=clock, sleep=sleep, every_s=2)
    with pytest.raises(Stopped):
        await watch.run()
    assert naps == [2, 2, 2]
    assert len(store.questions) == 1


async def test_nobody_is_kept_who_has_not_called_for_long(store, clock):
    naps = []

    async def sleep(seconds):
        naps.append(seconds)
        if len(naps) == 2:
            raise Stopped

    watch = watch_of(store, clock, sleep=sleep)
    watch._every_s = 7 * 86_400.0
    called(watch, "ci", (("key ci", ceilings(rpm=2)),))
    with pytest.raises(Stopped):
        await watch.run()
    assert seen(watch) == []


async def test_end_users_are_not_watched(store, clock):
    watch = watch_of(store, clock)
    watch._book.of_call(call(caller=Caller(key="ci", per_user=(("key ci", ceilings(rpm=2)),)), user="alice"))
    watch.observe(outcome(key="ci", user="alice"))
    await watch.look()
    assert seen(watch) == []
