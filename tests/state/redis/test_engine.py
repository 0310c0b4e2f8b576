"""What the Redis engine adds to counting: exactly once, in one round trip, by the server's clock."""

from __future__ import annotations

import asyncio
import logging
import math

import pytest

from gateway.core.errors import StoreUnavailable
from gateway.state.base import Claim, Rate, Refusal, Slots, Spend
from gateway.state.redis.rows import LARGEST, tag_of
from gateway.state.remote import Charge, Settlement
from gateway.state.windows import TOTAL, Span, window
from tests.redis_server import RedisServer
from tests.state.redis.asking import USD, figures, is_taken, reservation, script_calls, settlement, withdrawal


async def test_holds_and_settlements_of_one_turn_of_the_loop_are_one_command(engine, shared_redis_server):
    before = [reservation(("key:a:usd", USD, 1)) for _ in range(8)]
    await asyncio.gather(*(engine.hold([each]) for each in before))
    with shared_redis_server.client() as look:
        seen = script_calls(look)
        await asyncio.gather(
            *(engine.hold([reservation(("key:a:usd", USD, 1), ("key:b:rpm", Rate(10**6), 1))]) for _ in range(32)),
            engine.deliver([settlement(each, 0) for each in before[:4]]),
            engine.deliver([settlement(each, 0) for each in before[4:]]),
        )
        assert script_calls(look) - seen == 1
    assert await figures(engine, "key:a:usd") == (32, 32)


async def test_a_crowd_in_one_turn_is_held_to_the_limit_and_takes_few_commands(engine, shared_redis_server):
    with shared_redis_server.client() as look:
        seen = script_calls(look)
        answers = await asyncio.gather(*(engine.hold([reservation(("key:a:usd", USD, 1))]) for _ in range(1_000)))
        assert script_calls(look) - seen == 5
    assert sum(map(is_taken, answers)) == 100
    assert await figures(engine, "key:a:usd") == (100, 100)


async def test_thousands_of_deliveries_are_applied_in_parts(engine):
    many = [reservation(("key:a:usd", Spend(10**9, "total"), 1)) for _ in range(1_001)]
    await asyncio.gather(*(engine.hold([each]) for each in many))
    await engine.deliver([settlement(each, 3) for each in many])

    assert await figures(engine, "key:a:usd") == (3_003, 0)


async def test_a_settlement_counts_once_however_often_it_is_delivered(engine, redis_url, make_engine):
    other = await make_engine(redis_url)
    held = reservation(("key:a:usd", USD, 50), ("key:a:tpm", Rate(1_000), 100))
    await engine.hold([held])
    told = settlement(held, 20, 10)
    await asyncio.gather(*(each.deliver([told, told]) for each in (engine, other)))
    await engine.deliver([told])

    assert await figures(engine, "key:a:usd") == (20, 0)
    assert (await figures(engine, "key:a:tpm", Rate(1_000)))[0] <= 10


async def test_a_withdrawal_undoes_a_hold_that_was_taken_as_if_it_had_never_been(engine):
    held = reservation(("key:a:usd", USD, 50), ("key:a:tpm", Rate(1_000), 100), ("key:a:concurrency", Slots(3), 2))
    await engine.hold([held])
    await engine.deliver([withdrawal(held), withdrawal(held)])

    assert await figures(engine, "key:a:usd") == (0, 0)
    assert await figures(engine, "key:a:tpm", Rate(1_000)) == (0, 0)
    assert await figures(engine, "key:a:concurrency", Slots(3)) == (0, 0)
    await engine.deliver([settlement(held, 50, 100, 1)])
    assert await figures(engine, "key:a:usd") == (0, 0)


async def test_a_hold_that_arrives_after_its_withdrawal_is_refused_as_an_error(engine):
    held = reservation(("key:a:usd", USD, 50))
    await engine.deliver([withdrawal(held)])

    with pytest.raises(StoreUnavailable, match="withdrawn"):
        await engine.hold([held])
    await engine.deliver([settlement(held, 50)])
    assert await figures(engine, "key:a:usd") == (0, 0)


async def test_an_id_that_is_held_already_is_refused_and_takes_nothing(engine):
    held = reservation(("key:a:usd", USD, 10), id="same")
    await engine.hold([held])

    with pytest.raises(ValueError, match="held already"):
        await engine.hold([reservation(("key:a:usd", USD, 20)), held])
    with pytest.raises(ValueError, match="held already"):
        await engine.hold(
            [reservation(("key:b:usd", USD, 1), id="twin"), reservation(("key:b:usd", USD, 1), id="twin")]
        )
    assert await figures(engine, "key:a:usd") == (10, 10)


async def test_a_settlement_needs_an_amount_for_each_claim(engine):
    held = reservation(("key:a:usd", USD, 10))
    await engine.hold([held])

    with pytest.raises(ValueError, match="1 claims"):
        await engine.deliver([settlement(held, 1, 2)])
    assert await figures(engine, "key:a:usd") == (10, 10)


async def test_a_charge_counts_once_in_the_window_that_it_names(engine):
    yesterday = window(engine.now_s() - 86_400, "day")
    daily = Spend(100, "day")
    charge = Charge(
        "c1", (Claim("key:a:usd", USD, 70), Claim("key:a:usd:day", daily, 70)), (60, 60), (TOTAL, yesterday)
    )
    await asyncio.gather(engine.deliver([charge]), engine.deliver([charge, charge]))
    await engine.deliver([charge])

    assert await figures(engine, "key:a:usd") == (60, 0)
    assert await figures(engine, "key:a:usd:day", daily) == (0, 0), "that was yesterday"


async def test_a_charge_for_a_window_long_gone_is_dropped(engine, shared_redis_server):
    old = Span("2001-01-01", 978_307_200.0, 978_393_600.0)
    await engine.deliver([Charge("c1", (Claim("key:a:usd:day", Spend(100, "day"), 7),), (7,), (old,))])

    with shared_redis_server.client() as look:
        assert look.keys("*2001*") == []


async def test_what_nobody_renews_ends_with_its_lease_and_is_corrected_when_its_truth_comes(redis_url, make_engine):
    brief = await make_engine(redis_url, lease_s=0.05)
    held = reservation(("key:a:usd", USD, 50), ("key:a:concurrency", Slots(1), 1))
    await brief.hold([held])
    async with asyncio.timeout(10):
        while not is_taken(await brief.hold([reservation(("key:a:concurrency", Slots(1), 1))])):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    assert await figures(brief, "key:a:usd") == (50, 0)
    await brief.deliver([settlement(held, 8, 1)])
    await brief.deliver([settlement(held, 8, 1)])
    assert await figures(brief, "key:a:usd") == (8, 0)


async def test_what_is_renewed_lives_on_until_its_hard_end(redis_url, make_engine):
    engine = await make_engine(redis_url, lease_s=0.3, hold_lease_s=1.0)
    held = reservation(("key:a:usd", USD, 50), ("key:a:concurrency", Slots(1), 1))
    begun = engine.now_s()
    await engine.hold([held])
    was_held_s = 0.0
    async with asyncio.timeout(10):
        while (await figures(engine, "key:a:usd"))[1]:
            was_held_s = engine.now_s() - begun
            await engine.renew([held])
            await asyncio.sleep(0.02)

    assert 0.3 < was_held_s <= 1.0
    assert await figures(engine, "key:a:usd") == (50, 0)
    assert await figures(engine, "key:a:concurrency", Slots(1)) == (0, 0)


async def test_replicas_are_counted_while_they_renew(redis_url, make_engine):
    first, second = [await make_engine(redis_url, lease_s=60.0) for _ in range(2)]
    assert await first.renew([]) == 2
    await second.aclose()
    hasty = await make_engine(redis_url, lease_s=0.001)
    await asyncio.sleep(0.01)
    assert await hasty.renew([]) == 1


async def test_a_window_is_reckoned_by_the_servers_clock_not_by_ours(redis_url, make_engine):
    engine = await make_engine(redis_url, is_started=False)
    # What it believes is years off until Redis has answered; the first answer costs a second question.
    engine._offset_s = -1_000_000_000.0
    held = reservation(("key:a:usd:hour", Spend(100, "hour"), 40))
    assert is_taken(await engine.hold([held]))
    engine._offset_s = -1_000_000_000.0
    assert await figures(engine, "key:a:usd:hour", Spend(100, "hour")) == (40, 40)
    assert abs(engine.now_s() - engine._clock.time()) < 60


async def test_sums_beyond_what_scripts_count_exactly_are_still_exact_and_never_over(engine, shared_redis_server):
    vast = Spend(2**60, "total")
    for _ in range(3):
        held = reservation(("key:a:usd", vast, 1))
        assert is_taken(await engine.hold([held]))
        await engine.deliver([settlement(held, 2**52 + 1)])
        await asyncio.sleep(0)
        with shared_redis_server.client() as look:
            spent = int(look.hget("sluice:{key:a}:usd:spend:total", "spent"))
        if spent > LARGEST:
            break

    assert spent == 2 * (2**52 + 1)
    refusal = await engine.hold([reservation(("key:a:usd", vast, 1))])
    assert isinstance(refusal, Refusal)


@pytest.mark.parametrize("vast", [2**53, 2**63, 2**64 + 5, 2**200])
async def test_an_amount_beyond_all_limits_is_refused_and_harms_no_other_call_of_its_turn(engine, vast):
    other, wide = reservation(("key:b:usd", USD, 1)), Spend(2**210, "total")
    money, tokens = (reservation(each) for each in (("key:a:usd", wide, vast), ("key:a:tpm", Rate(2**210), vast)))

    async with asyncio.timeout(5):
        answers = await asyncio.gather(*(engine.hold([each]) for each in (money, other, tokens)))

    assert [is_taken(answer) for answer in answers] == [False, True, False]


@pytest.mark.parametrize("vast", [2**63 - 1, 2**63 + 5, 2**64 + 5])
async def test_a_truth_that_nobody_can_write_down_is_spent_as_far_as_it_goes_and_takes_no_other_with_it(engine, vast):
    held = [reservation((f"key:{name}:usd", USD, 5)) for name in "ab"]
    for each in held:
        await engine.hold([each])
    owed = Charge("late", (Claim("key:c:usd", USD, vast),), (vast,), (TOTAL,))

    await engine.deliver([settlement(held[0], vast), settlement(held[1], 3), owed])

    assert await figures(engine, "key:a:usd") == (LARGEST, 0)
    assert await figures(engine, "key:b:usd") == (3, 0)
    assert await figures(engine, "key:c:usd") == (LARGEST, 0)


async def test_what_can_t_be_sent_fails_and_leaves_nobody_waiting(engine):
    odd, good = reservation(("key:\ud800:usd", USD, 1)), reservation(("key:a:usd", USD, 1))
    async with asyncio.timeout(5):
        answers = await asyncio.gather(engine.hold([odd]), engine.hold([good]), return_exceptions=True)
        assert [type(each) for each in answers] == [ValueError, ValueError]
        assert is_taken(await engine.hold([good]))


async def test_names_of_counters_say_whose_they_are(engine, shared_redis_server):
    await engine.hold(
        [
            reservation(
                ("key:ci:rpm", Rate(10), 1),
                ("key:ci:concurrency", Slots(10), 1),
                ("key:ci:usd:total", USD, 1),
                ("global::rpm", Rate(10), 1),
                id="call",
            )
        ]
    )
    with shared_redis_server.client() as look:
        found = {key.decode() for key in look.keys("*")}

    assert found == {
        "sluice:{key:ci}:rpm:rate",
        "sluice:{key:ci}:concurrency:slots",
        "sluice:{key:ci}:usd:total:spend:total",
        "sluice:{global:}:rpm:rate",
        "sluice:{state}:open",
        "sluice:{state}:leases",
        "sluice:{state}:replicas",
        "sluice:{state}:since",
    }


@pytest.mark.parametrize(
    ("key", "tag"),
    [("key:ci:usd:day", "key:ci"), ("global::rpm", "global:"), ("key:ci", "key:ci"), ("rpm", "rpm"), ("a:", "a")],
)
def test_counters_that_agree_up_to_the_second_colon_share_a_tag(key, tag):
    assert tag_of(key) == tag


async def test_nothing_is_left_of_calls_but_what_they_used(engine, shared_redis_server):
    held = [
        reservation(("key:a:usd", USD, 1), ("key:a:concurrency", Slots(100), 1), ("key:a:rpm", Rate(100), 1))
        for _ in range(50)
    ]
    await asyncio.gather(*(engine.hold([each]) for each in held))
    await engine.deliver([settlement(each, 1, 1, 1) for each in held])
    with shared_redis_server.client() as look:
        found = {key.decode(): look.ttl(key) for key in look.keys("*")}

    counted = {"sluice:{key:a}:usd:spend:total", "sluice:{key:a}:rpm:rate"}
    assert set(found) == counted | {"sluice:{state}:replicas", "sluice:{state}:since"}
    assert 0 < found["sluice:{key:a}:rpm:rate"] <= 120
    assert found["sluice:{key:a}:usd:spend:total"] == -1


async def test_a_window_is_forgotten_some_days_after_its_end(engine, shared_redis_server):
    await engine.hold([reservation(("key:a:usd:hour", Spend(100, "hour"), 1))])
    with shared_redis_server.client() as look:
        (key,) = look.keys("*spend*")
        assert 8 * 86_400 < look.ttl(key) <= 9 * 86_400 + 3_600


async def test_a_server_that_would_forget_budgets_is_said_so(make_engine, redis_url, caplog):
    with caplog.at_level(logging.WARNING), RedisServer(appendonly=True) as keeping:
        await make_engine(keeping.url)
        assert caplog.messages == []
        await make_engine(redis_url)
        assert "appendonly yes" in caplog.messages[-1]
        with keeping.client() as look:
            look.config_set("maxmemory", "100mb")
            look.config_set("maxmemory-policy", "allkeys-lru")
        await make_engine(keeping.url)
        assert "noeviction" in caplog.messages[-1]


async def test_what_takes_nothing_needs_no_question(engine):
    assert await engine.hold([]) == ()
    assert await engine.levels([]) == ()
    await engine.deliver([])


async def test_a_rate_never_admits_one_more_than_its_law(engine):
    rule = Rate(7, period_s=0.05)
    begun = engine.now_s()
    admitted = 0
    for _ in range(300):
        admitted += is_taken(await engine.hold([reservation(("key:a:rpm", rule, 1))]))
    passed_s = engine.now_s() - begun

    assert 7 <= admitted <= 7 + math.ceil((passed_s + 0.002) * 7 / 0.05)


async def test_a_settlement_of_another_kind_of_truth_never_touches_what_it_did_not_hold(engine):
    await engine.deliver([Settlement("never held", (Claim("key:a:usd", USD, 5),), (5,))])

    assert await figures(engine, "key:a:usd") == (0, 0)
