"""What observers are told of a call beside what it cost: its trace, its holds, its content where that is asked for."""

from __future__ import annotations

import pytest

from gateway.core.errors import CallError, Reason, UpstreamError
from gateway.core.money import NANOUSD
from gateway.core.trace import Trace
from gateway.core.types import Endpoint, Needs
from gateway.limits.base import Consumption
from gateway.pipeline.ledger import Ledger
from gateway.state.base import Level
from tests.pipeline.scene import DONE, USAGE_FRAME, WORST, Scene, chunk, served
from tests.transport import SSE, ScriptedTransport, replied

TRACE = Trace(0xA, 0x100, parent_id=0xB, state="vendor=1")
modes = pytest.mark.parametrize("stream", [False, True])


def sent(transport, name):
    return dict(transport.requests[0].headers).get(name)


@modes
async def test_each_attempt_sends_its_own_span_as_the_parent(stream):
    broken, good = ScriptedTransport(UpstreamError(Reason.CONNECT, "no")), ScriptedTransport(served(stream=stream))
    scene = Scene(broken, good)
    await scene.serve(stream=stream, trace=TRACE)
    assert scene.outcome.trace is TRACE
    assert [attempt.span_id for attempt in scene.outcome.attempts] == [TRACE.child(1), TRACE.child(2)]
    for number, transport in enumerate((broken, good), start=1):
        assert sent(transport, b"traceparent") == TRACE.traceparent(TRACE.child(number)).encode()
        assert sent(transport, b"tracestate") == b"vendor=1"


@modes
async def test_a_call_without_a_trace_sends_none(stream):
    scene = Scene(ScriptedTransport(served(stream=stream)))
    await scene.serve(stream=stream)
    assert scene.outcome.trace is None
    assert scene.outcome.attempts[0].span_id == 0
    assert sent(scene.transports[0], b"traceparent") is None


@modes
async def test_the_time_that_the_store_took_is_told(stream):
    scene = Scene(ScriptedTransport(served(stream=stream)))
    hold = scene.store.hold

    async def slow(reservations) -> tuple[Level, ...]:
        scene.clock.advance(0.25)
        return await hold(reservations)

    scene.store.hold = slow
    call = scene.call(stream=stream)
    scene.clock.advance(0.5)
    await scene.pipeline.serve(call, Reading())
    assert (scene.outcome.hold_after_s, scene.outcome.hold_s) == (0.5, 0.25)


async def test_the_holds_of_several_attempts_add_up():
    scene = Scene(
        ScriptedTransport(UpstreamError(Reason.CONNECT, "no")), ScriptedTransport(served(stream=False)), b={"rpm": 9}
    )
    hold = scene.store.hold

    async def slow(reservations) -> tuple[Level, ...]:
        scene.clock.advance(0.25)
        return await hold(reservations)

    scene.store.hold = slow
    await scene.serve(stream=False)
    assert (scene.outcome.hold_after_s, scene.outcome.hold_s) == (0.0, 0.5)


@modes
async def test_a_pause_before_a_provider_is_asked_again_is_no_overhead(stream):
    busy = UpstreamError(Reason.OVERLOADED, "busy", status=529, retry_after_s=0.5)
    scene = Scene(ScriptedTransport(busy, served(stream=stream)))
    client = await scene.serve(stream=stream)
    assert sum(scene.naps) >= 0.5
    assert scene.outcome.duration_s == pytest.approx(sum(scene.naps))
    assert scene.outcome.overhead_s == pytest.approx(0, abs=1e-6)
    assert client.answer.overhead_s == pytest.approx(0, abs=1e-6)


@modes
async def test_a_pause_of_a_call_that_fails_in_the_end_is_none_either(stream):
    busy = UpstreamError(Reason.OVERLOADED, "busy", status=529, retry_after_s=0.5)
    scene = Scene(ScriptedTransport(*[busy] * 4))
    with pytest.raises(CallError):
        await scene.serve(stream=stream)
    assert sum(scene.naps) >= 0.5
    assert scene.outcome.overhead_s == pytest.approx(0, abs=1e-6)


@modes
async def test_the_wait_for_what_others_hold_of_a_budget_is_neither_overhead_nor_the_stores(stream):
    scene = Scene(ScriptedTransport(served(stream=stream)), budget_usd=1.5 * WORST / NANOUSD)
    other = scene.pipeline._admission
    limits = scene.book.of_call(scene.call(stream=stream))
    ledger = Ledger(other, limits, Consumption(requests=1, cost_nanousd=WORST), deadline=1e9)
    await ledger.admit(scene.targets[0])
    nap = other._sleep

    async def until_it_is_given_back(seconds) -> None:
        await nap(seconds)
        if len(scene.naps) == 3:
            ledger.settle(Consumption())

    other._sleep = until_it_is_given_back
    await scene.serve(stream=stream)
    assert len(scene.naps) == 3
    assert scene.outcome.duration_s == pytest.approx(sum(scene.naps))
    assert (scene.outcome.overhead_s, scene.outcome.hold_s) == (pytest.approx(0, abs=1e-6), 0)


@modes
async def test_content_is_in_no_outcome_unless_asked_for(stream):
    scene = Scene(ScriptedTransport(served(stream=stream)))
    await scene.serve(stream=stream)
    assert scene.outcome.payload is None
    refusing = Scene(ScriptedTransport(served(stream=stream)), keeps=lambda call: 0)
    await refusing.serve(stream=stream)
    assert refusing.outcome.payload is None


@modes
async def test_content_that_is_asked_for_is_what_the_client_sent_and_got(stream):
    scene = Scene(ScriptedTransport(served(stream=stream)), keeps=lambda call: 10_000)
    client = await scene.serve(stream=stream)
    payload = scene.outcome.payload
    assert payload.request == scene.call(stream=stream).body.raw
    assert payload.reply == client.data
    assert not stream or payload.reply.endswith(DONE)


async def test_of_a_stream_that_broke_off_the_part_that_came_is_content():
    broken = replied(chunk("a "), UpstreamError(Reason.CLOSED, "gone"), media_type=SSE)
    scene = Scene(ScriptedTransport(broken), keeps=lambda call: 10_000)
    await scene.serve(stream=True)
    assert b"a " in scene.outcome.payload.reply
    assert USAGE_FRAME not in scene.outcome.payload.reply


async def test_what_images_were_asked_for_is_told_and_of_a_chat_nothing():
    scene = Scene(ScriptedTransport(UpstreamError(Reason.INVALID_REQUEST, "no", status=400)))
    needs = Needs(images=2, image_quality="high", image_size="1024x1536")
    with pytest.raises(CallError):
        await scene.serve(stream=False, endpoint=Endpoint.IMAGE_GENERATIONS, needs=needs)
    assert (scene.outcome.image_quality, scene.outcome.image_size) == ("high", "1024x1536")
    chat = Scene(ScriptedTransport(served(stream=False)))
    await chat.serve(stream=False)
    assert (chat.outcome.image_quality, chat.outcome.image_size) == ("", "")


class Reading:
    """Reads an answer to its end."""

    async def __call__(self, answer) -> None:
        while await answer.read() is not None:
            pass
