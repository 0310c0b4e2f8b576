"""One request, top to bottom: streamed and whole are the same path."""

from __future__ import annotations

import asyncio
import threading

import msgspec
import pytest

from gateway.core.body import JsonBody
from gateway.core.errors import (
    AttemptsFailed,
    BudgetExhausted,
    LimitExceeded,
    ModelNotFound,
    Reason,
    RequestRefused,
    UpstreamError,
)
from gateway.core.money import Price
from gateway.health.breaker import State
from gateway.limits.base import Consumption
from gateway.pipeline.pipeline import LARGE_BODY
from gateway.state.base import Reservation
from tests.pipeline.scene import COST, DONE, WORST, Client, Scene, served
from tests.transport import SSE, ScriptedTransport, replied

pytestmark = pytest.mark.parametrize("stream", [False, True])


def no(reason=Reason.SERVER_ERROR, **rest):
    return UpstreamError(reason, "no", **rest)


async def test_a_call_is_served_and_charged_by_the_official_usage(stream):
    scene = Scene(ScriptedTransport(served(stream=stream)))
    client = await scene.serve(stream=stream)

    assert b"sea" in client.data
    assert client.data.endswith(DONE) is stream
    outcome = scene.outcome
    assert (outcome.status, outcome.error, outcome.target, outcome.finish) == (200, None, "a/s", "stop")
    assert (outcome.cost_nanousd, outcome.is_usage_official, outcome.held_nanousd) == (COST, True, WORST)
    assert await scene.used() == {"concurrency": (0, 0), "budget": (COST, 0)}


async def test_the_worst_case_is_held_while_it_runs(stream):
    scene = Scene(ScriptedTransport(served(stream=stream)))
    seen = {}

    async def respond(answer):
        seen.update(await scene.used())
        while await answer.read() is not None:
            pass

    await scene.serve(stream=stream, respond=respond)

    assert seen == {"concurrency": (1, 1), "budget": (WORST, WORST)}


async def test_the_answer_says_how_the_limits_stand_and_what_it_costs(stream):
    scene = Scene(ScriptedTransport(no()), ScriptedTransport(served(stream=stream)))
    client = await scene.serve(stream=stream)

    answer = client.answer
    assert (answer.target.id, answer.attempts) == ("b/s", 2)
    assert [level.used for level in answer.levels] == [1, WORST]
    assert answer.bill.cost_nanousd == COST


async def test_a_failed_target_gives_way_to_the_next(stream):
    scene = Scene(ScriptedTransport(no(Reason.CONNECT)), ScriptedTransport(served(stream=stream)))
    await scene.serve(stream=stream)

    assert [(attempt.target, attempt.error) for attempt in scene.outcome.attempts] == [
        ("a/s", "connect"),
        ("b/s", None),
    ]
    assert scene.outcome.cost_nanousd == COST, "the failed one costs nothing"


async def test_a_reply_that_breaks_before_its_first_event_gives_way_to_the_next(stream):
    media = {"media_type": SSE} if stream else {}
    broken = ScriptedTransport(replied(b'{"choi' if not stream else b"data: {", no(Reason.IDLE_TIMEOUT), **media))
    scene = Scene(broken, ScriptedTransport(served(stream=stream)))
    await scene.serve(stream=stream)

    assert [attempt.error for attempt in scene.outcome.attempts] == ["idle_timeout", None]
    assert broken.replies[0].is_aborted


async def test_when_all_fail_the_client_is_told_and_nothing_is_spent(stream):
    scene = Scene(ScriptedTransport(no(), no()), ScriptedTransport(no(Reason.CONNECT), no()))
    with pytest.raises(AttemptsFailed):
        await scene.serve(stream=stream)

    assert [attempt.target for attempt in scene.outcome.attempts] == ["a/s", "b/s", "a/s", "b/s"]
    assert (scene.outcome.status, scene.outcome.cost_nanousd) == (502, 0)
    assert await scene.used() == {"concurrency": (0, 0), "budget": (0, 0)}


async def test_the_clients_own_mistake_is_nobodys_failure(stream):
    scene = Scene(ScriptedTransport(no(Reason.INVALID_REQUEST, status=400)), ScriptedTransport())
    with pytest.raises(RequestRefused):
        await scene.serve(stream=stream)

    assert scene.transports[1].requests == []
    assert scene.vitals.reading("a/s", stream).success_rate == 1.0


async def test_a_spent_budget_refuses_before_a_byte_goes_out(stream):
    scene = Scene(ScriptedTransport(served(stream=stream), served(stream=stream)), budget_usd=WORST / 1e9)
    await scene.serve(stream=stream)
    with pytest.raises(BudgetExhausted):
        await scene.serve(stream=stream)

    assert len(scene.transports[0].requests) == 1
    assert (scene.outcomes[1].status, scene.outcomes[1].held_nanousd) == (429, 0)


async def test_money_that_others_only_hold_is_waited_for(stream):
    scene = Scene(ScriptedTransport(served(stream=stream)), budget_usd=WORST / 1e9)
    limits = scene.book.of_scopes(scene.caller.scopes)
    await scene.store.hold([Reservation("other", (limits[-1].claim(Consumption(cost_nanousd=WORST)),))])
    naps = scene.pipeline._admission._sleep

    async def until_the_other_is_done(seconds):
        await naps(seconds)
        if len(scene.naps) == 3:
            scene.store.settle("other", [0])

    scene.pipeline._admission._sleep = until_the_other_is_done
    await scene.serve(stream=stream)

    assert len(scene.naps) == 3


async def test_money_that_others_hold_for_too_long_is_a_passing_refusal(stream):
    scene = Scene(ScriptedTransport(), budget_usd=WORST / 1e9)
    limits = scene.book.of_scopes(scene.caller.scopes)
    await scene.store.hold([Reservation("other", (limits[-1].claim(Consumption(cost_nanousd=WORST)),))])
    with pytest.raises(LimitExceeded):
        await scene.serve(stream=stream)

    assert sum(scene.naps) <= 2
    assert scene.transports[0].requests == []


async def test_a_providers_own_limit_sends_the_call_to_the_next(stream):
    scene = Scene(ScriptedTransport(), ScriptedTransport(served(stream=stream)), a={"rpm": 0})
    await scene.serve(stream=stream)

    assert scene.outcome.target == "b/s"
    assert scene.transports[0].requests == []
    assert scene.breakers.state("a/s") is State.CLOSED, "it is not its fault"


async def test_what_a_failed_provider_was_held_for_is_given_back(stream):
    scene = Scene(
        ScriptedTransport(no()),
        ScriptedTransport(served(stream=stream)),
        a={"concurrency": 1, "rpm": 10, "budgets": [(10**9, "day")]},
        b={"budgets": [(10**9, "day")]},
    )
    await scene.serve(stream=stream)

    found = await scene.used("provider a")
    assert (found["concurrency"], found["budget"]) == ((0, 0), (0, 0))
    assert found["requests"][0] == 1, "it was asked all the same"
    assert await scene.used("provider b") == {"budget": (COST, 0)}


async def test_an_unknown_model_takes_nothing(stream):
    scene = Scene(ScriptedTransport())
    with pytest.raises(ModelNotFound):
        await scene.serve(stream=stream, model="n")

    assert (scene.outcome.status, scene.outcome.error) == (404, "model_not_found")
    assert await scene.used() == {"concurrency": (0, 0), "budget": (0, 0)}


async def test_an_unknown_price_is_no_free_lunch(stream):
    scene = Scene(ScriptedTransport(served(stream=stream)), price=None, budget_usd=0)
    await scene.serve(stream=stream)

    assert (scene.outcome.cost_nanousd, scene.outcome.is_priced) == (0, False)


async def test_a_call_that_is_cut_off_before_its_head_is_charged_for_what_may_be_billed(stream):
    scene = Scene(ScriptedTransport(replied(before_head=asyncio.Event())))
    task = asyncio.create_task(scene.serve(stream=stream))
    while not scene.transports[0].requests:  # noqa: ASYNC110  a list tells nobody
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    outcome = scene.outcome
    assert (outcome.status, outcome.error) == (499, "client_closed_request")
    assert [attempt.error for attempt in outcome.attempts] == ["cancelled"]
    assert outcome.cost_nanousd == (5 * 1_000 if stream else WORST)
    assert await scene.used() == {"concurrency": (0, 0), "budget": (outcome.cost_nanousd, 0)}
    assert scene.vitals.reading("a/s", stream).success_rate == 1.0
    assert scene.vitals.reading("a/s", stream).in_flight == 0


async def test_a_fault_of_ours_still_gives_everything_back(stream):
    scene = Scene(ScriptedTransport(served(stream=stream)))

    async def respond(answer):
        raise RuntimeError("a fault")

    with pytest.raises(RuntimeError):
        await scene.serve(stream=stream, respond=respond)

    assert (scene.outcome.status, scene.outcome.error) == (500, "internal_error")
    assert (await scene.used())["concurrency"] == (0, 0)
    assert (await scene.used())["budget"][1] == 0
    assert scene.transports[0].replies[0].is_aborted or not stream


async def test_a_price_by_the_call_is_charged_whatever_it_used(stream):
    scene = Scene(ScriptedTransport(served(stream=stream)), price=Price(per_request=123))
    await scene.serve(stream=stream)

    assert scene.outcome.cost_nanousd == 123


async def test_time_with_the_provider_is_no_overhead(stream):
    scene = Scene(ScriptedTransport(served(stream=stream)))
    transport = scene.transports[0]
    send = transport.send

    async def slowly(*given):
        scene.clock.advance(3)
        return await send(*given)

    transport.send = slowly
    await scene.serve(stream=stream)

    assert scene.outcome.duration_s == pytest.approx(3)
    assert scene.outcome.overhead_s == pytest.approx(0, abs=1e-6)
    assert scene.outcome.ttft_s == pytest.approx(3)


async def test_time_in_which_the_client_takes_nothing_is_nobodys(stream):
    scene = Scene(ScriptedTransport(served(stream=stream)))

    async def respond(answer):
        while await answer.read() is not None:
            scene.clock.advance(5)

    await scene.serve(stream=stream, respond=respond)

    assert scene.outcome.duration_s >= 5
    assert scene.outcome.overhead_s == pytest.approx(0, abs=1e-6)
    assert scene.outcome.attempts[0].duration_s == pytest.approx(0, abs=1e-6)


async def test_a_large_body_is_translated_where_it_holds_nobody_up(stream):
    scene = Scene(ScriptedTransport(served(stream=stream), served(stream=stream)))
    threads = []
    provider = scene.pipeline._providers["a"]

    class Watched:
        account = provider.dialect.account
        decoder = staticmethod(provider.dialect.decoder)

        def encode(self, call, target):
            threads.append(threading.current_thread())
            return provider.dialect.encode(call, target)

    scene.pipeline._providers["a"] = msgspec.structs.replace(provider, dialect=Watched())
    raw = b'{"model":"m","messages":["' + b"x" * (LARGE_BODY + 1) + b'"]}'
    body = JsonBody(raw, msgspec.json.decode(raw, type=dict[str, msgspec.Raw]))
    for given in (body, JsonBody(b"{}", {})):
        call = msgspec.structs.replace(scene.call(stream=stream), body=given)
        await scene.pipeline.serve(call, Client())

    assert [thread is threading.main_thread() for thread in threads] == [False, True]
