"""Each timeout, on a clock that only the test moves."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.errors import Reason
from gateway.core.exchange import Origin, Pieces, Timeouts
from tests.upstream import (
    Go,
    Loop,
    ScriptedUpstream,
    Send,
    Tell,
    Wait,
    chunk,
    read_head,
    read_request,
    read_some,
    reply,
    stop,
)
from tests.wire.asking import ask, ask_whole, fails, turns, until, whole

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
TIMEOUTS = Timeouts(connect=2, first_byte=60, idle=30)


@pytest.fixture
def pass_time(clock, connector):
    async def pass_time(seconds):
        clock.advance(seconds)
        connector.tick()
        await turns()

    return pass_time


@pytest.fixture
def begin(connector):
    def begin(upstream, body=b"{}", **more):
        return asyncio.create_task(ask(connector, upstream.origin, body, timeouts=TIMEOUTS, **more))

    return begin


async def test_a_connection_must_be_made_within_the_connect_timeout(connector, pass_time):
    async with ScriptedUpstream([read_some]) as upstream:
        origin = Origin("https", "127.0.0.1", upstream.origin.port)
        task = asyncio.create_task(ask(connector, origin, timeouts=TIMEOUTS))
        await until(lambda: upstream.connections and upstream.connections[0].received)
        await pass_time(1.9)
        assert not task.done()
        await pass_time(0.2)
        error = await fails(task, Reason.CONNECT_TIMEOUT)
        assert error.message == "no connection within 2 s"
        await upstream.closed()


async def test_the_deadline_holds_while_connecting_too(connector, clock, pass_time):
    async with ScriptedUpstream([read_some]) as upstream:
        origin = Origin("https", "127.0.0.1", upstream.origin.port)
        task = asyncio.create_task(ask(connector, origin, timeouts=TIMEOUTS, deadline=clock.monotonic() + 1))
        await until(lambda: upstream.connections and upstream.connections[0].received)
        await pass_time(1.1)
        await fails(task, Reason.TOTAL_TIMEOUT)


async def test_after_the_deadline_nothing_is_sent(connector, clock):
    async with ScriptedUpstream([read_request]) as upstream:
        await fails(ask(connector, upstream.origin, deadline=clock.monotonic()), Reason.TOTAL_TIMEOUT)
        assert upstream.ever == 0


async def test_a_reply_must_begin_within_the_first_byte_timeout(begin, pass_time):
    async with ScriptedUpstream([read_request]) as upstream:
        task = begin(upstream)
        await until(lambda: upstream.requests)
        await pass_time(59.9)
        assert not task.done()
        await pass_time(0.2)
        error = await fails(task, Reason.FIRST_BYTE_TIMEOUT)
        assert error.message == "no reply began within 60 s"
        await upstream.closed()


async def test_an_interim_reply_gives_it_the_first_byte_timeout_again(begin, pass_time):
    more, told = asyncio.Event(), asyncio.Event()
    script = [read_request, Wait(more), Send(b"HTTP/1.1 102 Processing\r\n\r\n"), Tell(told)]
    async with ScriptedUpstream(script) as upstream:
        task = begin(upstream)
        await until(lambda: upstream.requests)
        await pass_time(50)
        more.set()
        await told.wait()
        await turns()
        await pass_time(50)
        assert not task.done()
        await pass_time(11)
        await fails(task, Reason.FIRST_BYTE_TIMEOUT)


async def test_a_head_that_stalls_is_idle(begin, pass_time):
    async with ScriptedUpstream([read_request, Send(b"HTTP/1.1 200 OK\r\nx: ")]) as upstream:
        task = begin(upstream)
        await until(lambda: upstream.requests)
        await turns()
        await pass_time(30.1)
        await fails(task, Reason.IDLE_TIMEOUT)


async def test_a_body_must_not_fall_silent_for_the_idle_timeout(begin, pass_time):
    async with ScriptedUpstream([read_request, Send(HEAD + chunk(b"some"))]) as upstream:
        answer = await begin(upstream)
        assert await answer.read() == b"some"
        reading = asyncio.create_task(answer.read())
        await turns()
        await pass_time(29.9)
        assert not reading.done()
        await pass_time(0.2)
        error = await fails(reading, Reason.IDLE_TIMEOUT)
        assert error.message == "nothing came for 30 s"
        await upstream.closed()


async def test_a_slow_drip_is_no_silence(begin, pass_time):
    drip = asyncio.Semaphore(0)

    class Drop(asyncio.Event):
        async def wait(self):
            await drip.acquire()

    async with ScriptedUpstream([read_request, Send(HEAD), Loop([Wait(Drop()), Send(chunk(b"."))])]) as upstream:
        answer = await begin(upstream)
        for _ in range(10):
            reading = asyncio.create_task(answer.read())
            await turns()
            await pass_time(29)
            drip.release()
            assert await reading == b"."
        answer.abort()


async def test_even_a_drip_of_no_use_is_no_silence(begin, pass_time):
    """One byte of a chunk's head at a time: nothing to read, but the provider lives."""
    gate = asyncio.Event()
    script = [read_request, Send(HEAD), Wait(gate), Send(b"4;"), Wait(asyncio.Event())]
    async with ScriptedUpstream(script) as upstream:
        answer = await begin(upstream)
        reading = asyncio.create_task(answer.read())
        await turns()
        await pass_time(29)
        gate.set()
        await until(lambda: upstream.connections[0].total_sent == len(HEAD) + 2)
        await turns()
        await pass_time(29)
        assert not reading.done()
        await pass_time(2)
        await fails(reading, Reason.IDLE_TIMEOUT)


async def test_a_slow_client_is_no_silence_of_the_provider(begin, pass_time):
    gate = asyncio.Event()
    script = [read_request, Send(HEAD + chunk(b"one")), Wait(gate), Send(chunk(b"two") + b"0\r\n\r\n")]
    async with ScriptedUpstream(script) as upstream:
        answer = await begin(upstream)
        await pass_time(300)
        assert await answer.read() == b"one"
        await pass_time(300)
        gate.set()
        assert await whole(answer) == b"two"


async def test_the_deadline_ends_everything(begin, pass_time, clock):
    async with ScriptedUpstream([read_request, Send(HEAD + chunk(b"one"))]) as upstream:
        answer = await begin(upstream, deadline=clock.monotonic() + 100)
        await pass_time(101)
        await upstream.closed()
        assert await answer.read() == b"one"
        await fails(answer.read(), Reason.TOTAL_TIMEOUT)


async def test_the_deadline_is_told_from_a_silence(begin, pass_time, clock):
    async with ScriptedUpstream([read_request]) as upstream:
        task = begin(upstream, deadline=clock.monotonic() + 10)
        await until(lambda: upstream.requests)
        await pass_time(10.1)
        error = await fails(task, Reason.TOTAL_TIMEOUT)
        assert error.message == "the call's deadline passed"


async def test_a_request_that_is_not_taken_is_idle(begin, pass_time):
    async with ScriptedUpstream([read_head, stop]) as upstream:
        task = begin(upstream, Pieces(b"x" * 40_000_000))
        await until(lambda: upstream.requests)
        await turns(20)
        await pass_time(31)
        await pass_time(31)
        error = await fails(task, Reason.IDLE_TIMEOUT)
        assert error.message == "the request was not taken for 30 s"


async def test_a_request_that_is_taken_slowly_is_not(begin, pass_time):
    size = 60_000_000
    async with ScriptedUpstream([read_head, stop, Wait(asyncio.Event())]) as upstream:
        task = begin(upstream, Pieces(b"x" * size))
        await until(lambda: upstream.requests)
        connection = upstream.connections[0]
        for taken in range(10_000_000, 50_000_000, 10_000_000):  # the kernel's buffers hide anything smaller
            await turns(20)
            await pass_time(29)
            assert not task.done()
            connection.transport.resume_reading()
            await until(lambda taken=taken: connection.total_received > taken)
            connection.transport.pause_reading()
        connection.transport.resume_reading()
        await until(lambda: connection.total_received > size)
        connection.transport.write(reply(b"taken"))
        assert await whole(await task) == b"taken"


async def test_the_first_byte_timeout_runs_from_the_end_of_the_request(begin, pass_time):
    gate = asyncio.Event()
    async with ScriptedUpstream([read_head, stop, Wait(gate), Go(), Wait(asyncio.Event())]) as upstream:
        size = 10_000_000
        task = begin(upstream, Pieces(b"x" * size))
        await until(lambda: upstream.requests)
        await turns(20)
        await pass_time(29)
        gate.set()
        await until(lambda: upstream.connections[0].total_received > size)
        await turns()
        await pass_time(59)
        assert not task.done()
        await pass_time(2)
        await fails(task, Reason.FIRST_BYTE_TIMEOUT)


async def test_timeouts_are_kept_apart_when_a_connection_serves_again(connector, pass_time):
    async with ScriptedUpstream([read_request, Send(reply(b"fine")), read_request]) as upstream:
        await ask_whole(connector, upstream.origin, timeouts=Timeouts(first_byte=500))
        task = asyncio.create_task(ask(connector, upstream.origin, timeouts=Timeouts(first_byte=0.2)))
        await until(lambda: len(upstream.requests) == 2)
        await pass_time(0.3)
        await fails(task, Reason.FIRST_BYTE_TIMEOUT)
