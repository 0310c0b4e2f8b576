"""What every Spending does, against a plain model."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.spend.base import RETENTION_DAYS, Amounts, Cell, Query
from tests.spend.model import DAYS, batches, expected, found, queries

CI = Cell("2026-11-20", "ci", "research", "m", "p", ("x",))
ALL = Query(by=("key",), first_day="2026-11-18", last_day="2026-11-20")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_batches=batches, query=queries)
def test_sums_are_those_of_the_rows_to_the_nano_dollar_by_every_dimension(opening, given_batches, query):
    async def check():
        async with opening() as spending:
            for number, batch in enumerate(given_batches):
                await spending.add(f"b{number}", batch)

            assert found(await spending.report(query)) == expected(given_batches, query)

    asyncio.run(check())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_batches=batches, again=st.lists(st.integers(0, 3), max_size=6))
def test_a_batch_that_is_given_again_counts_once(opening, given_batches, again):
    async def check():
        async with opening() as spending:
            for number in [*range(len(given_batches)), *again]:
                if number < len(given_batches):
                    await spending.add(f"b{number}", given_batches[number])

            assert found(await spending.report(ALL)) == expected(given_batches, ALL)

    asyncio.run(check())


async def test_batches_that_come_at_once_all_count(opening):
    async with opening() as spending:
        await asyncio.gather(*(spending.add(f"b{n}", {CI: Amounts(cost_nanousd=n, requests=1)}) for n in range(50)))

        assert found(await spending.report(ALL)) == ([(("ci",), [1225, 50, 0, 0, 0])], [1225, 50, 0, 0, 0])


async def test_a_batch_of_many_cells_counts_whole(opening):
    async with opening() as spending:
        rows = {Cell(DAYS[n % 3], f"k{n}", "", "m", "p"): Amounts(cost_nanousd=1, requests=1) for n in range(2_000)}
        await spending.add("a", rows)
        await spending.add("a", rows)

        report = await spending.report(ALL)
        assert (len(report.groups), report.total.cost_nanousd) == (2_000, 2_000)


async def test_there_may_be_nothing_to_report(opening):
    async with opening() as spending:
        for by in ((), ("day",), ("tag", "key")):
            report = await spending.report(Query(by=by, first_day="2026-01-01", last_day="2026-12-31"))
            assert (list(report.groups), report.total) == ([], Amounts())


async def test_days_without_end_may_be_asked_for(opening):
    async with opening() as spending:
        await spending.add("a", {CI: Amounts(cost_nanousd=7, requests=1)})

        report = await spending.report(Query(by=(), first_day="0001-01-01", last_day="9999-12-31"))
        assert found(report) == ([((), [7, 1, 0, 0, 0])], [7, 1, 0, 0, 0])


async def test_a_day_is_kept_for_its_time_and_then_forgotten(opening):
    async with opening() as spending:
        day = datetime.fromtimestamp(opening.clock.time(), UTC).date().isoformat()
        await spending.add("a", {CI: Amounts(cost_nanousd=7, requests=1)})
        query = Query(by=("day",), first_day="2020-01-01", last_day="2099-12-31")
        opening.clock.advance((RETENTION_DAYS) * 86_400)
        await spending.add("b", {})

        assert [group for group, _ in (await spending.report(query)).groups] == [(day,)]

        opening.clock.advance(86_400)
        await spending.add("c", {})
        assert (await spending.report(query)).total == Amounts()


async def test_a_report_of_many_rows_leaves_the_loop_to_others(opening):
    async with opening() as spending:
        rows = {Cell("2026-11-20", f"k{n}", "t", "m", "p"): Amounts(cost_nanousd=n, requests=1) for n in range(20_000)}
        await spending.add("a", rows)
        turns = 0

        async def count():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        report = await spending.report(ALL)
        counting.cancel()

        assert [amounts.cost_nanousd for _, amounts in report.groups] == list(range(19_999, -1, -1))
        assert turns > 10
