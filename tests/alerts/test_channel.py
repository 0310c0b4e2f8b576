"""How a webhook is told: tries, giving up, what waits, what is remembered; what happens while the store is out."""

from __future__ import annotations

import asyncio
import logging

import pytest

from gateway.alerts.channel import GIVES_UP_S, MOST_WAITING
from gateway.alerts.once import FLAPS_S
from gateway.alerts.post import Reply
from gateway.core.errors import StoreUnavailable
from gateway.state.base import Level
from gateway.state.memory import MemoryStore
from tests.alerts.parts import SECRET, URL, Noted, Replica, crossed, down, webhook
from tests.clock import FrozenClock
from tests.waiting import until

FAILED = Reply(503, "answered 503")


class Cut(MemoryStore):
    """A store that can be out of reach."""

    is_out = False

    async def hold(self, reservations):
        if self.is_out:
            raise StoreUnavailable("the wire is cut")
        return await super().hold(reservations)

    async def levels(self, claims):
        """As a shared one during an outage: what is known here, which is nothing."""
        return (
            [Level(claim.rule.limit, 0, 0, None) for claim in claims] if self.is_out else await super().levels(claims)
        )


@pytest.fixture
def clock():
    return FrozenClock(1_700_000_000.0)


@pytest.fixture
def store(clock):
    return Cut(clock)


async def test_a_crossing_is_told_once_however_often_it_is_offered(store, clock):
    async with Replica(store, clock) as replica:
        for _ in range(3):
            await replica.offer(crossed(80))
        await replica.offer(crossed(95))
        await replica.offer(crossed(80))

        assert replica.post.percents == [80, 95]
        assert replica.counts == {("ops", "sent"): 2}


async def test_of_several_thresholds_at_once_the_highest_is_told_and_the_lower_ones_are_done(store, clock):
    async with Replica(store, clock) as replica:
        await replica.offer(crossed(100))
    # Another process, which remembers nothing itself: a bill was corrected downwards meanwhile.
    async with Replica(store, clock) as another:
        await another.offer(crossed(80))

    assert replica.post.percents == [100]
    assert another.post.percents == []


async def test_the_next_window_and_another_limit_are_news(store, clock):
    async with Replica(store, clock) as replica:
        await replica.offer(crossed(80))
        await replica.offer(crossed(80, limit_nanousd=200 * 10**9))
        clock.advance(40 * 86_400)
        await replica.offer(crossed(80, window_id="2023-12", at=clock.time()))

        assert replica.post.percents == [80, 80, 80]


async def test_a_budget_is_told_by_its_address_signature_and_nothing_else(store, clock):
    async with Replica(store, clock) as replica:
        await replica.offer(crossed(80))

    ((url, headers, _),) = replica.post.sent
    assert url == URL
    assert set(headers) == {
        "content-type",
        "user-agent",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    }


async def test_slack_gets_no_signature(store, clock):
    async with Replica(store, clock, said=webhook(format="slack", secret=None)) as replica:
        await replica.offer(crossed(80))

    ((_, headers, body),) = replica.post.sent
    assert "webhook-signature" not in headers
    assert set(body) == {"text", "blocks"}


async def test_it_is_tried_again_with_growing_pauses_under_the_same_id_until_it_arrives(store, clock):
    async with Replica(store, clock, Noted(*[FAILED] * 4)) as replica:
        await replica.offer(crossed(80))

        ids = {headers["webhook-id"] for _, headers, _ in replica.post.sent}
        times = [int(headers["webhook-timestamp"]) for _, headers, _ in replica.post.sent]
        assert (len(replica.post.sent), len(ids)) == (5, 1)
        assert times == sorted(times)
        assert times[0] < times[-1]
        for pause, bound in zip(replica.slept, (1, 2, 4, 8), strict=True):
            assert bound / 2 <= pause <= bound
        assert replica.counts == {("ops", "sent"): 1}


async def test_after_ten_minutes_it_is_given_up_and_logged_and_not_told_again(store, clock, caplog):
    async with Replica(store, clock, Noted(*[FAILED] * 1_000)) as replica:
        with caplog.at_level(logging.INFO, "sluice.alerts"):
            await replica.offer(crossed(80))

        tries = len(replica.post.sent)
        assert 10 <= tries <= 30
        assert clock.time() - 1_700_000_000.0 <= GIVES_UP_S
        assert replica.counts == {("ops", "failed"): 1}
        (line,) = caplog.messages
        assert line == (
            "alert to ops is lost, it answered 503: 80 % of the $100 per month budget of team research is spent: $81"
        )
        await replica.offer(crossed(80))
        assert len(replica.post.sent) == tries


async def test_a_clock_that_is_set_back_prolongs_no_alert(store, clock):
    async with Replica(store, clock, Noted(*[FAILED] * 1_000)) as replica:
        await replica.offer(crossed(80, at=clock.time() + 86_400.0))

        assert sum(replica.slept) <= GIVES_UP_S
        assert replica.counts == {("ops", "failed"): 1}


@pytest.mark.parametrize("status", [301, 400, 403, 404, 410])
async def test_what_another_try_would_not_mend_is_not_tried_again(store, clock, status):
    async with Replica(store, clock, Noted(Reply(status, f"answered {status}"))) as replica:
        await replica.offer(crossed(80))

        assert (len(replica.post.sent), replica.slept) == (1, [])
        assert replica.counts == {("ops", "failed"): 1}


async def test_who_asks_for_a_pause_gets_it(store, clock):
    async with Replica(store, clock, Noted(Reply(429, "answered 429", 30.0))) as replica:
        await replica.offer(crossed(80))
        assert replica.slept == [30.0]


async def test_neither_address_nor_secret_is_in_a_line_of_the_log_or_a_repr(store, clock, caplog):
    replies = [Reply(404, "answered 404: no_service"), FAILED]
    with caplog.at_level(logging.DEBUG):
        async with Replica(store, clock, Noted(*replies)) as replica:
            await replica.offer(crossed(80))
            await replica.offer(crossed(95))
            seen = "".join([caplog.text, repr(replica.channel), repr(replica.channel.said)])

    assert "ops" in seen
    for hidden in ("s3cr3t", SECRET, "hooks.example.com"):
        assert hidden not in seen


async def test_what_waits_is_bounded_and_what_finds_no_room_is_told_when_there_is_some(store, clock):
    many = [crossed(80, scope=f"team-{each}") for each in range(MOST_WAITING + 50)]
    post = Noted()
    post.gate = asyncio.Event()
    async with Replica(store, clock, post) as replica:
        replica.channel.offer(many[:1])
        await until(lambda: post.sent)
        replica.channel.offer(many)
        assert replica.channel.waiting == MOST_WAITING

        post.gate.set()
        await replica.quiet()
        await replica.offer(*many)

        assert sorted(body["data"]["scope"] for _, _, body in post.sent) == sorted(each.scope for each in many)


async def test_a_target_that_is_down_waits_behind_no_crowd_of_budgets(store, clock):
    many = [crossed(80, scope=f"team-{each}") for each in range(MOST_WAITING + 50)]
    post = Noted()
    post.gate = asyncio.Event()
    async with Replica(store, clock, post) as replica:
        replica.channel.offer(many[:1])
        await until(lambda: post.sent)
        replica.channel.offer(many)
        event = down()
        await replica.channel.look({event.target: event}, set(), clock.time())
        post.gate.set()
        await replica.quiet()

    assert post.types[:3] == ["budget.crossed", "target.down", "budget.crossed"]


async def test_of_one_budget_only_the_highest_waits_while_another_alert_is_on_its_way(store, clock):
    post = Noted()
    post.gate = asyncio.Event()
    async with Replica(store, clock, post) as replica:
        replica.channel.offer([crossed(100, scope="other")])
        await until(lambda: post.sent)
        for percent in (80, 95, 80):
            replica.channel.offer([crossed(percent)])
        post.gate.set()
        await replica.quiet()

    assert post.percents == [100, 95]


async def test_a_stop_gives_back_what_was_not_delivered_and_the_next_process_tells_it_under_the_same_id(store, clock):
    post = Noted()
    post.gate = asyncio.Event()
    replica = Replica(store, clock, post)
    async with replica:
        replica.channel.offer([crossed(80)])
        await until(lambda: post.sent)
    async with Replica(store, clock) as another:
        await another.offer(crossed(80))

    assert another.post.percents == [80]
    assert another.post.sent[0][1]["webhook-id"] == post.sent[0][1]["webhook-id"]


async def test_while_another_replica_tells_nobody_else_does_and_all_is_well_when_it_has(store, clock):
    post = Noted()
    post.gate = asyncio.Event()
    async with Replica(store, clock, post) as first, Replica(store, clock) as second:
        first.channel.offer([crossed(80)])
        await until(lambda: post.sent)
        await second.offer(crossed(80))
        post.gate.set()
        await first.quiet()
        clock.advance(60)
        await second.offer(crossed(80))

        assert (post.percents, second.post.percents) == ([80], [])


async def test_a_webhook_is_told_only_what_it_is_for(store, clock):
    async with (
        Replica(store, clock, said=webhook(name="money", on=["budget"])) as money,
        Replica(store, clock, said=webhook(name="health", on=["target"])) as health,
    ):
        for each in (money, health):
            await each.offer(crossed(80))
            await each.look(down())

    assert money.post.types == ["budget.crossed"]
    assert health.post.types == ["target.down"]


async def test_a_target_is_told_down_and_up_once(store, clock):
    async with Replica(store, clock) as replica:
        for _ in range(3):
            await replica.look(down())
        await replica.look()  # nobody knows yet whether it works
        for _ in range(3):
            await replica.look(working=["openai/gpt"])

        assert replica.post.types == ["target.down", "target.up"]


async def test_a_target_that_works_and_was_never_told_down_is_no_news(store, clock):
    async with Replica(store, clock) as replica:
        await replica.look(working=["openai/gpt"])
        assert replica.post.types == []


async def test_all_replicas_see_it_down_and_one_tells_and_one_tells_that_it_is_back(store, clock):
    async with Replica(store, clock) as first, Replica(store, clock) as second:
        await first.look(down())
        await second.look(down())
        await second.look(working=["openai/gpt"])
        await first.look(working=["openai/gpt"])

        assert (first.post.types, second.post.types) == (["target.down"], ["target.up"])


async def test_a_target_that_flaps_is_told_of_at_most_once_in_fifteen_minutes(store, clock):
    async with Replica(store, clock) as replica:
        for _ in range(60):
            await replica.look(down())
            clock.advance(20)
            await replica.look(working=["openai/gpt"])
            clock.advance(10)

        # 30 minutes of it.
        assert 2 <= replica.post.types.count("target.down") <= 3
        assert replica.post.types[::2] == ["target.down"] * len(replica.post.types[::2])
        assert set(replica.post.types[1::2]) == {"target.up"}


async def test_a_second_outage_that_stays_is_told_when_its_time_has_come(store, clock):
    async with Replica(store, clock) as replica:
        await replica.look(down())
        await replica.look(working=["openai/gpt"])
        await replica.look(down())
        assert replica.post.types == ["target.down", "target.up"]

        clock.advance(FLAPS_S)
        await replica.look(down())
        assert replica.post.types == ["target.down", "target.up", "target.down"]


async def test_what_came_up_before_it_was_told_down_is_not_told_at_all(store, clock):
    post = Noted()
    post.gate = asyncio.Event()
    async with Replica(store, clock, post) as replica:
        replica.channel.offer([crossed(80)])
        await until(lambda: post.sent)
        await replica.channel.look({"openai/gpt": down()}, set(), clock.time())
        await replica.channel.look({}, {"openai/gpt"}, clock.time())
        post.gate.set()
        await replica.quiet()

    assert post.types == ["budget.crossed"]


async def test_a_process_that_starts_anew_tells_that_a_target_is_back_which_was_told_down_before(store, clock):
    async with Replica(store, clock) as before:
        await before.look(down())
    async with Replica(store, clock) as after:
        await after.look(down())
        await after.look(working=["openai/gpt"])

    assert (before.post.types, after.post.types) == (["target.down"], ["target.up"])


async def test_without_the_store_each_replica_tells_that_a_target_is_down_and_the_same_tell_that_it_is_back(
    store, clock
):
    store.is_out = True
    async with Replica(store, clock) as first, Replica(store, clock) as second:
        for each in (first, second):
            await each.look(down())
            await each.look(down())
        store.is_out = False
        for each in (first, second):
            clock.advance(60)
            await each.look(down())
            await each.look(working=["openai/gpt"])

        assert first.post.types == second.post.types == ["target.down", "target.up"]


async def test_without_the_store_a_target_that_flaps_is_no_flood(store, clock):
    store.is_out = True
    async with Replica(store, clock) as replica:
        for _ in range(20):
            await replica.look(down())
            await replica.look(working=["openai/gpt"])
            clock.advance(20)

        assert replica.post.types == ["target.down", "target.up"]


async def test_without_the_store_budgets_wait_for_it(store, clock):
    async with Replica(store, clock) as replica:
        store.is_out = True
        await replica.offer(crossed(80))
        assert replica.post.percents == []

        store.is_out = False
        clock.advance(60)
        await replica.offer(crossed(80))
        assert replica.post.percents == [80]


async def test_what_was_told_down_with_the_store_is_told_up_when_the_store_is_back(store, clock):
    async with Replica(store, clock) as replica:
        await replica.look(down())
        store.is_out = True
        await replica.look(working=["openai/gpt"])
        assert replica.post.types == ["target.down"]

        store.is_out = False
        clock.advance(60)
        await replica.look(working=["openai/gpt"])
        assert replica.post.types == ["target.down", "target.up"]


async def test_a_fault_of_ones_own_ends_one_alert_and_not_the_others(store, clock, caplog):
    class Broken(Noted):
        async def __call__(self, url, headers, body, timeout_s):
            if b"research" in body:
                raise RuntimeError("oops")
            return await super().__call__(url, headers, body, timeout_s)

    async with Replica(store, clock, Broken()) as replica:
        await replica.offer(crossed(80), crossed(80, scope="other"))

        assert [body["data"]["scope"] for _, _, body in replica.post.sent] == ["other"]
        assert "oops" in caplog.text
