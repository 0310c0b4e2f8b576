"""Which connections are used again, which are not, and what happens when a kept one was closed meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.errors import Reason
from gateway.core.exchange import Pieces
from tests.upstream import (
    Close,
    HalfClose,
    Loop,
    Reset,
    ScriptedUpstream,
    Send,
    Wait,
    close,
    read_head,
    read_request,
    read_some,
    reply,
    reset,
    stop,
    turn,
)
from tests.wire.asking import ask, ask_whole, fails, turns, until, whole

FINE = [read_request, Send(reply(b"fine"))]


async def test_a_connection_serves_one_exchange_after_another(connector):
    async with ScriptedUpstream([Loop(FINE)]) as upstream:
        for _ in range(10):
            assert await ask_whole(connector, upstream.origin) == b"fine"
        assert upstream.ever == 1
        assert (connector.open_connections, connector.idle_connections) == (1, 1)


@pytest.mark.parametrize(
    "data",
    [
        reply(b"fine", 200, b"connection: close"),
        reply(b"fine", 200, b"Connection: Keep-Alive, Close"),
        reply(b"fine").replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
async def test_a_connection_that_the_provider_wants_closed_is_closed(connector, data):
    async with ScriptedUpstream([read_request, Send(data)]) as upstream:
        assert await ask_whole(connector, upstream.origin) == b"fine"
        await upstream.closed()
        assert await ask_whole(connector, upstream.origin) == b"fine"
        assert upstream.ever == 2


async def test_an_old_provider_may_keep_the_connection_too(connector):
    data = reply(b"fine", 200, b"connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0")
    async with ScriptedUpstream([Loop([read_request, Send(data)])]) as upstream:
        assert await ask_whole(connector, upstream.origin) == b"fine"
        assert await ask_whole(connector, upstream.origin) == b"fine"
        assert upstream.ever == 1


async def test_the_connection_used_last_is_used_next(connector):
    gate = asyncio.Event()
    async with ScriptedUpstream([read_request, Wait(gate), Send(reply(b"fine")), *FINE], [Loop(FINE)]) as upstream:
        slow = asyncio.create_task(ask_whole(connector, upstream.origin))
        await until(lambda: upstream.requests)
        await ask_whole(connector, upstream.origin)
        gate.set()
        await slow
        await ask_whole(connector, upstream.origin)
        assert [request.connection for request in upstream.requests] == [0, 1, 0]


async def test_a_connection_is_free_as_soon_as_all_has_come_even_if_the_client_still_reads(connector):
    async with ScriptedUpstream([Loop(FINE)]) as upstream:
        unread = await ask(connector, upstream.origin)
        assert await ask_whole(connector, upstream.origin) == b"fine"
        unread.abort()
        assert await whole(unread) == b"fine"
        assert (upstream.ever, connector.idle_connections) == (1, 1)


async def test_an_idle_connection_expires(connector, clock):
    async with ScriptedUpstream([Loop(FINE)]) as upstream:
        await ask_whole(connector, upstream.origin)
        clock.advance(29)
        connector.tick()
        assert connector.idle_connections == 1
        clock.advance(2)
        connector.tick()
        await upstream.closed()
        await turns()
        assert connector.open_connections == 0


async def test_an_expired_connection_is_not_used_even_before_the_wheel_comes_by(connector, clock):
    async with ScriptedUpstream([Loop(FINE)]) as upstream:
        await ask_whole(connector, upstream.origin)
        clock.advance(31)
        await ask_whole(connector, upstream.origin)
        assert upstream.ever == 2


async def test_use_keeps_a_connection_young(connector, clock):
    async with ScriptedUpstream([Loop(FINE)]) as upstream:
        for _ in range(5):
            await ask_whole(connector, upstream.origin)
            clock.advance(20)
            connector.tick()
        assert upstream.ever == 1


@pytest.mark.parametrize(("hint", "seconds"), [(b"timeout=5, max=100", 4), (b"max=3, Timeout=8", 7), (b"timeout=1", 0)])
async def test_a_connection_is_not_kept_for_longer_than_the_provider_says(connector, clock, hint, seconds):
    async with ScriptedUpstream([Loop([read_request, Send(reply(b"", 200, b"Keep-Alive: " + hint))])]) as upstream:
        await ask(connector, upstream.origin)
        clock.advance(seconds + 0.1)
        await ask(connector, upstream.origin)
        assert upstream.ever == 2


@pytest.mark.parametrize("hint", [b"timeout=x", b"timeout=", b"max=1", b"timeout=-4", b"timeout=100000000000000000000"])
async def test_a_hint_that_makes_no_sense_changes_nothing(connector, clock, hint):
    async with ScriptedUpstream([Loop([read_request, Send(reply(b"", 200, b"Keep-Alive: " + hint))])]) as upstream:
        await ask(connector, upstream.origin)
        clock.advance(25)
        await ask(connector, upstream.origin)
        assert upstream.ever == 1


@pytest.mark.parametrize("end", [Close(), Reset(), HalfClose()])
async def test_a_kept_connection_that_closes_is_forgotten(connector, end):
    async with ScriptedUpstream([*FINE, turn, end], FINE) as upstream:
        await ask_whole(connector, upstream.origin)
        await until(lambda: not connector.open_connections)
        assert await ask_whole(connector, upstream.origin) == b"fine"
        assert [request.connection for request in upstream.requests] == [0, 1]


@pytest.mark.parametrize("end", [Close(), Reset(), HalfClose()])
async def test_a_request_that_met_a_closing_connection_is_sent_once_more_on_a_new_one(connector, end):
    async with ScriptedUpstream([*FINE, read_request, end], FINE) as upstream:
        await ask_whole(connector, upstream.origin)
        assert await ask_whole(connector, upstream.origin, b'{"again": 1}') == b"fine"
        assert [request.connection for request in upstream.requests] == [0, 0, 1]
        assert upstream.requests[1].body == upstream.requests[2].body


async def test_a_large_body_is_sent_again_from_its_start(connector):
    body = Pieces(b"a" * 3_000_000, b"b" * 3_000_000)
    async with ScriptedUpstream([*FINE, read_head, stop, reset], FINE) as upstream:
        await ask_whole(connector, upstream.origin)
        assert await ask_whole(connector, upstream.origin, body) == b"fine"
        assert upstream.requests[-1].body == b"".join(body)


async def test_it_is_sent_again_only_once(connector):
    async with ScriptedUpstream([*FINE, read_request, close], [read_request, close]) as upstream:
        await ask_whole(connector, upstream.origin)
        await fails(ask_whole(connector, upstream.origin), Reason.CLOSED)
        assert (len(upstream.requests), upstream.ever) == (3, 2)


async def test_the_second_try_never_takes_another_kept_connection(connector):
    """All that were kept are likely to be as stale as the first."""
    gate = asyncio.Event()
    script = [read_request, Wait(gate), Send(reply(b"fine")), read_request, close]
    async with ScriptedUpstream(script, script, FINE) as upstream:
        both = [asyncio.create_task(ask_whole(connector, upstream.origin)) for _ in range(2)]
        await until(lambda: len(upstream.requests) == 2)
        gate.set()
        await asyncio.gather(*both)
        assert connector.idle_connections == 2
        assert await ask_whole(connector, upstream.origin) == b"fine"
        assert upstream.requests[-1].connection == 2


@pytest.mark.parametrize("some", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n"])
async def test_it_is_not_sent_again_once_any_byte_has_come(connector, some):
    async with ScriptedUpstream([*FINE, read_request, Send(some), close], FINE) as upstream:
        await ask_whole(connector, upstream.origin)
        await fails(ask_whole(connector, upstream.origin), Reason.CLOSED)
        assert len(upstream.requests) == 2


async def test_it_is_not_sent_again_when_the_connection_was_new(connector):
    async with ScriptedUpstream([read_request, close], FINE) as upstream:
        error = await fails(ask_whole(connector, upstream.origin), Reason.CLOSED)
        assert error.message == "the connection was closed before a reply came"
        assert upstream.ever == 1


async def test_it_is_not_sent_again_when_the_provider_had_time_to_work_on_it(connector, clock):
    gate = asyncio.Event()
    async with ScriptedUpstream([*FINE, read_request, Wait(gate), close], FINE) as upstream:
        await ask_whole(connector, upstream.origin)
        second = asyncio.create_task(ask_whole(connector, upstream.origin))
        await until(lambda: len(upstream.requests) == 2)
        clock.advance(20)
        gate.set()
        await fails(second, Reason.CLOSED)
        assert upstream.ever == 1


async def test_it_is_not_sent_again_after_a_timeout(connector, clock):
    async with ScriptedUpstream([*FINE, read_some]) as upstream:
        await ask_whole(connector, upstream.origin)
        second = asyncio.create_task(ask_whole(connector, upstream.origin))
        await until(lambda: upstream.connections[0].received)
        clock.advance(61)
        connector.tick()
        await fails(second, Reason.FIRST_BYTE_TIMEOUT)
        assert upstream.ever == 1


async def test_an_origin_that_is_forgotten_has_no_connection_left_and_can_be_asked_again(connector):
    async with ScriptedUpstream([Loop(FINE)]) as gone, ScriptedUpstream([Loop(FINE)]) as other:
        await ask_whole(connector, gone.origin)
        await ask_whole(connector, other.origin)
        connector.forget(gone.origin)
        assert list(connector.connections()) == [other.origin]
        await until(lambda: not gone.open)
        assert other.open == 1
        assert await ask_whole(connector, gone.origin) == b"fine"
        connector.forget(gone.origin)
        connector.forget(gone.origin)
