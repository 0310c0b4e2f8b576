"""One upstream call: until its first event, and from there on."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from gateway.core.errors import Reason, UpstreamError
from gateway.providers import registry
from gateway.providers.openai.dialect import OpenAI
from gateway.providers.openai.reply import WholeReply
from gateway.resilience.attempt import LARGE_FRAME, MAX_ERROR_BODY, Provider, attempt
from tests.clock import FrozenClock
from tests.pipeline.scene import DONE, chunk, served
from tests.providers.calls import TARGET, account, json_call
from tests.resilience.targets import error
from tests.transport import SSE, ScriptedTransport, replied

BODY = {"model": "m", "messages": []}


async def ask(transport, *, stream: bool = False, clock=None):
    call = json_call(BODY, stream=stream)
    provider = Provider("acme", registry.dialect(account()), transport)
    request = provider.dialect.encode(call, TARGET)
    return await attempt(provider, call, TARGET, request, deadline=2_000.0, clock=clock or FrozenClock())


async def refused(transport, **more) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await ask(transport, **more)
    return caught.value


async def rest(reply) -> list:
    events = []
    while (event := await reply.read()) is not None:
        events.append(event)
    return events


@pytest.mark.parametrize("stream", [False, True])
async def test_it_waits_for_the_first_event_and_gives_them_all(stream):
    transport = ScriptedTransport(served(stream=stream))
    reply = await ask(transport, stream=stream)
    events = await rest(reply)

    assert reply.status == 200
    assert len(events) == (4 if stream else 1)
    assert await reply.read() is None, "and from then on"
    assert transport.replies[0].is_whole, "its connection may serve again"


async def test_a_status_that_is_no_success_is_read_and_let_go():
    transport = ScriptedTransport(replied(b'{"error":{"message":"slow down"}}', status=429, retry_after=b"3"))
    found = await refused(transport)

    assert (found.reason, found.status, found.retry_after_s) == (Reason.RATE_LIMITED, 429, 3.0)
    assert transport.replies[0].is_whole


async def test_an_endless_error_is_not_read_to_its_end():
    transport = ScriptedTransport(replied(*[b"x" * 4_096] * 1_000, status=500))
    found = await refused(transport)

    assert found.reason is Reason.SERVER_ERROR
    assert transport.replies[0].is_aborted
    assert len(transport.replies[0]._left) > 1_000 - 2 * MAX_ERROR_BODY // 4_096


async def test_an_error_that_breaks_off_is_told_by_its_status():
    transport = ScriptedTransport(replied(b'{"error":', error(Reason.CLOSED), status=401))

    assert (await refused(transport)).reason is Reason.AUTH


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("broke", [Reason.CLOSED, Reason.IDLE_TIMEOUT, Reason.PROTOCOL])
async def test_a_break_before_the_first_event_is_a_failed_attempt(stream, broke):
    pieces = [b"data: {" if stream else b'{"choices":[{"ind', error(broke)]
    transport = ScriptedTransport(replied(*pieces, media_type=SSE if stream else b"application/json"))
    found = await refused(transport, stream=stream)

    assert found.reason is broke
    assert transport.replies[0].is_aborted


async def test_a_break_after_the_first_event_is_raised_where_it_is():
    transport = ScriptedTransport(replied(chunk("a"), chunk("b"), error(Reason.CLOSED), media_type=SSE))
    reply = await ask(transport, stream=True)

    assert b'"a"' in (await reply.read()).data
    assert b'"b"' in (await reply.read()).data
    for _ in range(2):
        with pytest.raises(UpstreamError, match="closed"):
            await reply.read()


async def test_events_before_a_bad_one_in_the_same_piece_come_first():
    transport = ScriptedTransport(replied(chunk("a") + b"data: {nonsense\n\n" + chunk("b"), media_type=SSE))
    reply = await ask(transport, stream=True)

    assert b'"a"' in (await reply.read()).data
    with pytest.raises(UpstreamError) as caught:
        await reply.read()
    assert caught.value.reason is Reason.UNREADABLE


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"<html>", b'{"choices":[]}', b'{"error":{"message":"no"}}'])
async def test_a_200_that_is_no_reply_is_a_failed_attempt(body):
    transport = ScriptedTransport(replied(*([body] if body else [])))

    assert (await refused(transport)).reason in (Reason.UNREADABLE, Reason.SERVER_ERROR)


async def test_closing_a_reply_in_the_middle_gives_the_exchange_up():
    transport = ScriptedTransport(replied(chunk("a"), asyncio.Event(), media_type=SSE))
    reply = await ask(transport, stream=True)
    reply.close()

    assert transport.replies[0].is_aborted


async def test_a_call_that_is_cancelled_leaves_nothing_open():
    transport = ScriptedTransport(replied(b": comment\n\n", asyncio.Event(), media_type=SSE))
    task = asyncio.create_task(ask(transport, stream=True))
    while not transport.replies:  # noqa: ASYNC110  a list tells nobody
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert transport.replies[0].is_aborted


async def test_waiting_is_the_time_in_which_nothing_came():
    clock, gate = FrozenClock(), asyncio.Event()
    transport = ScriptedTransport(replied(chunk("a"), gate, chunk("b", finish="stop"), DONE, media_type=SSE))
    reply = await ask(transport, stream=True, clock=clock)
    await reply.read()
    clock.advance(9)  # the client's time

    async def later():
        clock.advance(2)
        gate.set()

    await asyncio.gather(reply.read(), later())

    assert reply.waited_s == 2


@pytest.mark.parametrize("size", [10, LARGE_FRAME])
async def test_a_large_frame_is_translated_beside_the_loop(size, monkeypatch):
    threads = []

    class Watched(WholeReply):
        def decode(self, frame):
            threads.append(threading.get_ident())
            return super().decode(frame)

    monkeypatch.setattr(OpenAI, "_whole_reply", Watched)
    body = json.dumps({"choices": [{"message": {"content": "a" * size}, "finish_reason": "stop"}]}).encode()

    (event,) = await rest(await ask(ScriptedTransport(replied(body))))

    assert event.data == body
    assert (threads == [threading.get_ident()]) is (size < LARGE_FRAME)
