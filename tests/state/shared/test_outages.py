"""What a call meets while the engine is out, late or gone: each claim does as it says."""

from __future__ import annotations

import asyncio
import logging

import pytest

from gateway.core.errors import StoreUnavailable, StoreUnfit
from gateway.state.base import Claim, Level, Rate, Refusal, Reservation, Slots, Spend, Status
from tests.state.shared.scene import CLOSED, DAILY, OPEN, PAIR, RPM, at_engine, idle, made
from tests.waiting import until

FAULTS = ["refused", "lost before", "lost after", "late"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_closed_claim_refuses_the_call_and_the_hold_is_withdrawn(replica, fault):
    replica.link.faults = [fault]

    with pytest.raises(StoreUnavailable, match="usd lets nothing in"):
        await replica.hold(("rpm", RPM, 1), ("usd", CLOSED, 40), id="call")
    replica.store.settle("call", [1, 40])
    await replica.recover()
    await replica.delivered()
    replica.link.arrive()

    assert at_engine(replica.engine, "usd", CLOSED) == 0
    assert at_engine(replica.engine, "rpm", RPM) == 0


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("rule", [OPEN, DAILY])
async def test_what_is_let_in_after_a_lost_answer_is_charged_once_whether_the_hold_was_taken_or_not(
    replica, fault, rule
):
    replica.link.faults = [fault]

    answer = await replica.hold(("usd", rule, 40), ("rpm", RPM, 1), id="call")
    assert isinstance(answer, tuple)
    assert len(answer) == 2
    replica.store.settle("call", [30, 1])
    await replica.recover()
    await replica.delivered()
    replica.link.arrive()

    assert at_engine(replica.engine, "usd", rule) == 30
    assert at_engine(replica.engine, "rpm", RPM) == 0, "a rate is counted by the replica, not by the engine too"


async def test_an_open_claim_passes_whatever_its_limit_and_is_charged_after_the_outage(replica):
    await replica.lose()

    for number in range(5):
        answer = await replica.hold(("usd", OPEN, 90), id=f"c{number}")
        assert answer == (Level(100, 0, 0, None),)
        replica.store.settle(f"c{number}", [80])
    await replica.recover()

    assert at_engine(replica.engine, "usd", OPEN) == 400


async def test_a_rate_and_slots_are_counted_by_the_share_of_each_replica(replica):
    replica.engine.live = 5
    await replica.store._renew_now()
    await replica.lose()

    assert [isinstance(await replica.hold(("rpm", RPM, 1)), tuple) for _ in range(3)] == [True, True, False]
    assert isinstance(await replica.hold(("slots", PAIR, 1), id="one"), tuple), "a share is at least one"
    refusal = await replica.hold(("slots", PAIR, 1))
    assert isinstance(refusal, Refusal)
    assert refusal.is_passing
    replica.store.settle("one", [1])
    assert isinstance(await replica.hold(("slots", PAIR, 1)), tuple)
    assert isinstance(await replica.hold(("none", Slots(0), 1)), Refusal)


async def test_a_refusal_of_the_share_names_the_very_claim_that_was_asked(replica):
    await replica.lose()
    claims = (Claim("a", OPEN, 1), Claim("b", RPM, 1), Claim("c", DAILY, 90))

    refusal = await replica.store.hold([Reservation("call", claims)])

    assert isinstance(refusal, Refusal)
    assert refusal.claim is claims[2]
    assert refusal.level.limit == 100
    assert replica.store._outbox.backlog == 0
    await replica.recover()
    assert at_engine(replica.engine, "a", OPEN) == 0


async def test_money_that_only_the_share_withholds_counts_as_held_by_others(replica):
    assert await replica.spend("usd", 20)
    await replica.delivered()
    await replica.hold(("usd", DAILY, 0))
    await replica.lose()
    assert await replica.spend("usd", 40), "its share is half of the 80 that were left"

    refusal = await replica.hold(("usd", DAILY, 30))
    assert refusal == Refusal(Claim("usd", DAILY, 30), Level(100, 100, 40, 6_400.0), 6_400.0)
    assert refusal.is_passing
    spent = await replica.hold(("usd", DAILY, 50))
    assert spent == Refusal(Claim("usd", DAILY, 50), Level(100, 60, 0, 6_400.0), 6_400.0)
    assert not spent.is_passing, "with all that is left it would not fit"


async def test_money_that_was_held_when_the_engine_was_last_heard_of_may_come_back(replica):
    await replica.hold(("usd", DAILY, 90), id="long")
    await replica.lose()

    refusal = await replica.hold(("usd", DAILY, 50))

    assert isinstance(refusal, Refusal)
    assert refusal.is_passing


async def test_a_claim_on_a_rate_that_fits_its_limit_and_not_its_share_passes_and_leaves_a_debt(replica):
    await replica.lose()

    assert not isinstance(await replica.hold(("tpm", RPM, 8), id="large"), Refusal), "the share is 5"
    replica.store.settle("large", [8])
    assert isinstance(await replica.hold(("tpm", RPM, 1)), Refusal)
    replica.engine.clock.advance(36)
    assert isinstance(await replica.hold(("tpm", RPM, 1)), Refusal), "the debt is paid before"
    replica.engine.clock.advance(36)
    assert not isinstance(await replica.hold(("tpm", RPM, 1)), Refusal)
    assert isinstance(await replica.hold(("tpm", RPM, 11)), Refusal), "it never fits"


async def test_what_the_engine_holds_is_settled_there_after_the_outage(replica):
    await replica.hold(("usd", DAILY, 60), ("slots", PAIR, 1), id="call")
    await replica.lose()
    replica.store.settle("call", [20, 1])
    await idle()
    assert at_engine(replica.engine, "usd") == 60
    assert replica.store.status == Status(is_reachable=False, backlog=1, outages=1, failures=1)

    await replica.recover()

    assert at_engine(replica.engine, "usd") == 20
    assert at_engine(replica.engine, "slots", PAIR) == 0
    assert replica.store.status == Status(outages=1, failures=1)


async def test_a_charge_goes_to_the_window_in_which_the_call_was_let_in(replica):
    await replica.lose()
    await replica.hold(("usd", DAILY, 40), id="call")
    replica.sleeps.advance(86_400)
    replica.store.settle("call", [30])
    await replica.recover()

    assert at_engine(replica.engine, "usd") == 0
    replica.engine.clock.advance(-86_400)
    assert at_engine(replica.engine, "usd") == 30


async def test_a_call_that_asks_again_under_its_withdrawn_id_is_let_in_and_settled(replica):
    replica.link.faults = ["lost after"]
    with pytest.raises(StoreUnavailable):
        await replica.hold(("usd", CLOSED, 40), id="call")
    await replica.delivered()

    assert isinstance(await replica.hold(("usd", CLOSED, 40), id="call"), tuple)
    replica.store.settle("call", [25])
    await replica.delivered()

    assert at_engine(replica.engine, "usd", CLOSED) == 25


async def test_an_id_that_is_held_already_is_a_mistake_that_takes_nothing_from_its_call(replica):
    await replica.hold(("usd", DAILY, 40), id="call")
    with pytest.raises(ValueError, match="held already"):
        await replica.hold(("usd", DAILY, 40), id="call")
    replica.store.settle("call", [30])
    await replica.delivered()

    assert at_engine(replica.engine, "usd") == 30


async def test_own_settlements_on_their_way_are_no_reason_to_refuse(replica):
    await replica.hold(("usd", DAILY, 90), id="call")
    replica.store.settle("call", [10])

    assert isinstance(await replica.hold(("usd", DAILY, 90)), tuple)
    assert replica.link.asked.count("hold") == 3


async def test_a_hold_is_one_question_and_no_other_waits_on_its_way(replica):
    replica.link.asked.clear()
    for _ in range(20):
        assert await replica.spend("usd", 1)

    assert replica.link.asked.count("hold") == 20
    assert replica.link.asked.count("levels") == 0


@pytest.mark.parametrize("ticks", range(6))
async def test_a_hang_up_while_the_hold_is_under_way_leaks_nothing(replica, ticks):
    call = asyncio.create_task(replica.hold(("usd", DAILY, 60), ("slots", PAIR, 1), id="call"))
    for _ in range(ticks):
        await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    replica.store.settle("call", [0, 0])
    await replica.delivered()
    await idle()

    assert at_engine(replica.engine, "usd") == 0
    assert at_engine(replica.engine, "slots", PAIR) == 0
    assert not replica.store._open


async def test_a_hang_up_while_the_engine_says_nothing_leaks_nothing_when_it_does(replica):
    replica.link.faults = ["hangs"]
    call = asyncio.create_task(replica.hold(("usd", DAILY, 60), id="call"))
    await idle()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    replica.store.settle("call", [0])
    await replica.delivered()
    replica.link.gate.set()

    assert isinstance(await replica.hold(("usd", DAILY, 100)), tuple)


async def test_nobody_asks_the_engine_while_it_is_out_but_the_probe(replica):
    await replica.lose()
    replica.link.asked.clear()
    for number in range(10):
        await replica.hold(("usd", DAILY, 1), id=f"c{number}")
        replica.store.settle(f"c{number}", [1])
    await idle()
    assert await replica.store.levels([Claim("usd", DAILY, 0)]) == (Level(100, 10, 0, 6_400.0),)

    assert replica.link.asked == []


async def test_the_probe_asks_ever_less_often_up_to_every_two_seconds(replica):
    await replica.lose()
    replica.sleeps.asked.clear()
    for _ in range(6):
        replica.sleeps.advance(2.5)
        await idle()

    pauses = [pause for pause in replica.sleeps.asked if pause not in {0.05, 1.0, 5.0}]
    assert all(
        0.8 * wanted <= pause <= 1.2 * wanted for pause, wanted in zip(pauses, [0.25, 0.5, 1, 2, 2], strict=False)
    )
    assert len(pauses) >= 5
    assert len(set(pauses)) == len(pauses), "with jitter"


async def test_an_outage_is_told_once_when_it_begins_and_once_when_it_ends(replica, caplog):
    caplog.set_level(logging.INFO)
    await replica.lose()
    for _ in range(3):
        await replica.spend("usd", 2)
        replica.sleeps.advance(2.5)
        await idle()
    await replica.recover()

    begun, ended = [record for record in caplog.records if record.name == "gateway.state.reach"]
    assert begun.levelname == "ERROR"
    assert "connection refused" in begun.message
    assert "back after" in ended.message
    assert "3 settlements" in ended.message


async def test_calls_go_to_the_engine_again_only_when_it_has_all_that_waited(replica):
    await replica.lose()
    await replica.spend("usd", 45)
    replica.link.fault = "well"
    replica.link.faults = ["well", "refused"]
    for _ in range(2):
        replica.sleeps.advance(0.3)
        await idle()
    assert "deliver" in replica.link.asked
    assert not replica.store.status.is_reachable, "the delivery failed"

    await replica.recover()

    assert at_engine(replica.engine, "usd") == 45
    assert isinstance(await replica.hold(("usd", DAILY, 56)), Refusal)


async def test_leases_are_renewed_every_five_seconds_and_at_once_after_an_outage(replica):
    await replica.hold(("usd", DAILY, 10), id="call")
    replica.link.renewed.clear()
    await until(lambda: 5.0 in replica.sleeps.asked)
    replica.sleeps.advance(5.0)
    await idle()
    assert replica.link.renewed == [("call",)]
    await replica.lose()
    replica.link.renewed.clear()
    await replica.recover()

    assert replica.link.renewed == [("call",)]


async def test_it_starts_without_the_engine_and_takes_it_up_when_it_comes(tmp_path, caplog):
    replica = made(tmp_path)
    replica.link.fault = "refused"
    await replica.start()

    assert "starting without the shared store" in caplog.text
    assert await replica.spend("usd", 50)
    assert not await replica.spend("usd", 1), "the share is the limit, divided"
    with pytest.raises(StoreUnavailable):
        await replica.hold(("usd", CLOSED, 1))
    await replica.recover()
    assert at_engine(replica.engine, "usd") == 50
    await replica.store.aclose()


async def test_an_engine_that_answers_and_will_never_serve_is_an_error_at_the_start(tmp_path):
    replica = made(tmp_path)
    replica.link.start_error = StoreUnfit("the password is wrong: mend state.url")

    with pytest.raises(StoreUnfit, match=r"mend state\.url"):
        await replica.start()
    replica.link.start_error = None
    again = made(tmp_path)
    await again.start()
    await again.store.aclose()


async def test_a_rule_that_changes_during_an_outage_works_at_once(replica):
    await replica.lose()
    assert isinstance(await replica.hold(("usd", Spend(100, "day"), 50)), tuple)

    assert isinstance(await replica.hold(("usd", Spend(40, "day"), 1)), Refusal)
    assert isinstance(await replica.hold(("usd", Spend(200, "day"), 50)), tuple)
    assert isinstance(await replica.hold(("rpm", Rate(2), 1)), tuple)
    assert isinstance(await replica.hold(("rpm", Rate(2), 1)), Refusal)
    assert isinstance(await replica.hold(("rpm", Rate(4), 1)), tuple)


async def test_amounts_that_do_not_match_the_claims_are_a_mistake_that_settles_nothing(replica):
    await replica.hold(("usd", DAILY, 10), id="call")
    with pytest.raises(ValueError, match="2 amounts"):
        replica.store.settle("call", [1, 2])
    replica.store.settle("call", [3])
    await replica.lose()
    await replica.hold(("usd", DAILY, 10), id="alone")
    with pytest.raises(ValueError, match="2 amounts"):
        replica.store.settle("alone", [1, 2])
    replica.store.settle("alone", [4])
    await replica.recover()

    assert at_engine(replica.engine, "usd") == 7


async def test_an_amount_that_nobody_can_write_down_is_let_in_by_open_and_charged_as_far_as_it_goes(replica):
    replica.link.faults = ["refused"]
    await replica.hold(("usd", OPEN, 10**30), id="call")
    await replica.written()
    assert replica.store.status.is_durable
    replica.store.settle("call", [10**30])
    await replica.recover()

    assert at_engine(replica.engine, "usd", OPEN) == 2**63 - 1
