"""From outcomes to sums: each call once, whatever becomes of the store."""

from __future__ import annotations

import asyncio
import itertools
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import StoreUnavailable
from gateway.core.usage import Usage
from gateway.spend.base import Amounts, Cell, Query
from gateway.spend.memory import MemorySpending
from gateway.spend.redis import RedisSpending
from gateway.spend.reporter import OTHER, Reporter
from gateway.state.redis.connect import connect
from tests.clock import FrozenClock
from tests.redis_server import RedisServer
from tests.spend.conftest import NOON
from tests.telemetry.outcomes import attempt, failure, outcome

EVER = {"first_day": "0001-01-01", "last_day": "9999-12-31"}
BY_ALL = Query(by=("day", "key", "team", "model", "provider", "tag"), **EVER)


class Failing(MemorySpending):
    """Fails as it is told to, before or after it has added."""

    def __init__(self, *plan):
        super().__init__(FrozenClock(NOON))
        self.plan = list(plan)
        self.ids = []

    async def add(self, batch_id, rows):
        self.ids.append(batch_id)
        step = self.plan.pop(0) if self.plan else "take"
        if step == "refuse":
            raise StoreUnavailable("no answer")
        await super().add(batch_id, rows)
        if step == "lose the reply":
            raise StoreUnavailable("no answer")


def reporter(spending, zone="UTC", **options):
    ids = itertools.count()
    return Reporter(spending, lambda: f"id{next(ids)}", ZoneInfo(zone), **options)


def call(**changes):
    return outcome(at=NOON, **changes)


async def test_what_a_call_cost_stands_in_its_cell():
    spending = Failing()
    reports = reporter(spending)
    for _ in range(2):
        reports.observe(
            call(usage=Usage(input=100, cached_input=20, output=41, reasoning=10, images=1), tags=("b", "a"))
        )
    await reports.flush()

    (cell,) = spending._days["2026-11-20"]
    assert cell == Cell("2026-11-20", "ci", "research", "gpt-5-mini", "openai", ("a", "b"))
    assert (await spending.report(Query(by=(), **EVER))).total == Amounts(3_000_000, 2, 240, 102, 2)


async def test_a_call_that_reached_no_provider_is_in_no_report():
    reports = reporter(Failing())
    reports.observe(failure(status=429, error="rate_limit_exceeded"))
    reports.observe(failure(status=401, error="invalid_api_key", key=""))

    assert reports.backlog == 0


async def test_a_call_that_failed_counts_with_the_provider_that_was_tried_last():
    spending = Failing()
    reports = reporter(spending)
    tried = (attempt("a/m", error="server_error"), attempt("b/m", error="overloaded"))
    reports.observe(failure(attempts=tried, at=NOON, team=None))
    await reports.flush()

    (cell,) = spending._days["2026-11-20"]
    assert (cell.team, cell.provider) == ("", "b")


async def test_a_call_counts_on_the_day_on_which_it_came_in_the_gateways_zone():
    spending = Failing()
    reports = reporter(spending, "Europe/Berlin")
    # The day after which the clocks go back begins at 22:00 UTC, and ends at 23:00.
    for at in (1_792_879_199.9, 1_792_879_200.0, 1_792_969_199.0, 1_792_969_200.0):
        reports.observe(outcome(at=at))
    await reports.flush()

    groups = (await spending.report(Query(by=("day",), **EVER))).groups
    assert sorted((day, sums.requests) for (day,), sums in groups) == [
        ("2026-10-24", 1),
        ("2026-10-25", 2),
        ("2026-10-26", 1),
    ]


steps = st.lists(st.sampled_from(["take", "refuse", "lose the reply"]), max_size=12)
told = st.lists(
    st.tuples(
        st.sampled_from(["ci", "web"]),
        st.sampled_from([None, "research"]),
        st.sampled_from(["m", "n"]),
        st.sampled_from(["p", "q"]),
        st.sampled_from([(), ("x",), ("y", "x")]),
        st.integers(0, 10**15),
        st.booleans(),
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(calls=told, plan=steps)
def test_sums_equal_the_sum_of_outcomes_whatever_the_store_fails(calls, plan):
    async def check():
        spending = Failing(*plan)
        reports = reporter(spending)
        expected = {}
        for key, team, model, provider, tags, cost, is_flushed in calls:
            reports.observe(call(key=key, team=team, model=model, provider=provider, tags=tags, cost_nanousd=cost))
            for tag in tags or ("",):
                group = ("2026-11-20", key, team or "", model, provider, tag)
                requests, costs = expected.get(group, (0, 0))
                expected[group] = (requests + 1, costs + cost)
            if is_flushed:
                await reports.flush()
        while not await reports.flush():
            pass

        report = await spending.report(BY_ALL)
        assert {group: (sums.requests, sums.cost_nanousd) for group, sums in report.groups} == expected
        assert (report.total.requests, report.total.cost_nanousd) == (len(calls), sum(call[5] for call in calls))

    asyncio.run(check())


async def test_a_batch_is_given_again_under_its_own_id_and_unchanged():
    spending = Failing("refuse", "lose the reply", "take")
    reports = reporter(spending)
    reports.observe(call())
    assert not await reports.flush()
    reports.observe(call())
    assert not await reports.flush()
    assert await reports.flush()

    assert spending.ids == ["id0", "id0", "id0", "id1"]
    assert (await spending.report(BY_ALL)).total.requests == 2


async def test_an_outage_is_logged_once_and_its_end_too(caplog):
    reports = reporter(Failing("refuse", "refuse", "refuse"))
    reports.observe(call())
    while not await reports.flush():
        pass

    assert [record.message.split(",")[0] for record in caplog.records] == [
        "sums of spend wait",
        "sums of spend are handed over again; nothing was lost",
    ]


async def test_a_fault_of_the_store_ends_no_reporting(caplog):
    class Broken(Failing):
        async def add(self, batch_id, rows):
            if not self.ids:
                self.ids.append(batch_id)
                raise ZeroDivisionError
            await super().add(batch_id, rows)

    spending = Broken()
    reports = reporter(spending)
    reports.observe(call())
    assert not await reports.flush()
    assert await reports.flush()

    assert (await spending.report(BY_ALL)).total.requests == 1
    assert "ZeroDivisionError" in caplog.text


async def test_names_past_the_bound_are_summed_as_other_and_no_amount_is_lost():
    spending = Failing()
    reports = reporter(spending, max_cells=3)
    for number in range(10):
        reports.observe(call(key=f"k{number}", cost_nanousd=10**number))

    assert reports.backlog == 4
    await reports.flush()
    groups = dict((await spending.report(Query(by=("key",), **EVER))).groups)
    assert {key for (key,) in groups} == {"k0", "k1", "k2", OTHER}
    assert sum(sums.cost_nanousd for sums in groups.values()) == 1_111_111_111


async def test_tags_that_a_client_makes_up_do_not_fill_the_store():
    spending = Failing()
    reports = reporter(spending, max_tag_sets=2)
    for number in range(10):
        reports.observe(call(tags=(f"t{number}",)))
        await reports.flush()
    reports.observe(call(key="other-key", tags=("t9",)))
    reports.observe(call(tags=("t0",)))
    await reports.flush()

    groups = (await spending.report(Query(by=("key", "tag"), **EVER))).groups
    assert {group: sums.requests for group, sums in groups} == {
        ("ci", "t0"): 2,
        ("ci", "t1"): 1,
        ("ci", OTHER): 8,
        ("other-key", "t9"): 1,
    }


async def test_it_hands_over_by_itself_and_at_the_close():
    spending = Failing()
    reports = reporter(spending, every_s=0.01)
    reports.start()
    reports.observe(call())
    async with asyncio.timeout(5):
        while not spending.ids:  # noqa: ASYNC110  what is waited for signals nobody
            await asyncio.sleep(0.005)
    reports.observe(call())
    await reports.aclose()

    assert (await spending.report(BY_ALL)).total.requests == 2


async def test_what_no_store_takes_at_the_close_is_told(caplog):
    reports = reporter(Failing(*["refuse"] * 9))
    reports.start()
    reports.observe(call())
    await reports.aclose()

    assert "may lack 1 calls of 1500000 nano-dollars" in caplog.text


async def test_a_store_that_hangs_does_not_hold_up_the_close(caplog):
    class Hanging(Failing):
        async def add(self, batch_id, rows):
            await asyncio.get_running_loop().create_future()

    reports = reporter(Hanging(), every_s=0.001, close_s=0.05)
    reports.start()
    reports.observe(call())
    async with asyncio.timeout(5):
        await reports.aclose()

    assert "may lack 1 calls" in caplog.text


@pytest.mark.parametrize("is_killed", [True, False])
async def test_a_redis_that_is_killed_or_paused_between_batches_costs_no_call(is_killed):
    with RedisServer(appendonly=True) as server:
        client = connect(server.url, timeout_s=0.2)
        spending = RedisSpending(client, FrozenClock(NOON))
        reports = reporter(spending)
        taken = []
        for number in range(9):
            if number == 3:
                server.kill() if is_killed else server.pause()
            if number == 6:
                server.restart() if is_killed else server.resume()
            reports.observe(call(cost_nanousd=10**number))
            taken.append(await reports.flush())

        assert taken == [True] * 3 + [False] * 3 + [True] * 3
        assert (await spending.report(Query(by=(), **EVER))).total.cost_nanousd == 111_111_111
        await client.aclose()
