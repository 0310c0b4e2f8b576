"""Whoever leaves, at whatever moment, takes the connection along: the provider sees it close, and nothing is left."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.exchange import Origin, Pieces
from gateway.wire.connector import Connector
from tests.upstream import Loop, ScriptedUpstream, Send, chunk, read_head, read_request, read_some, reply, stop
from tests.wire.asking import ask, ask_whole, turns, until, whole

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def cancelled(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_while_the_connection_is_made(connector):
    """The provider accepts, and never answers the TLS greeting."""
    async with ScriptedUpstream([read_some]) as upstream:
        origin = Origin("https", "127.0.0.1", upstream.origin.port)
        task = asyncio.create_task(ask(connector, origin))
        await until(lambda: upstream.connections and upstream.connections[0].received)
        await cancelled(task)
        await upstream.closed()
        assert connector.open_connections == 0
        assert not connector._pools[origin].is_busy


async def test_in_the_very_turn_in_which_it_is_made(connector):
    async with ScriptedUpstream([Loop([read_request, Send(reply())])]) as upstream:
        for turn in range(1, 40):
            task = asyncio.create_task(ask(connector, upstream.origin))
            await turns(turn)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            for connection in connector._pools[upstream.origin].idle:
                connection.abort()
            await until(lambda: not connector._pools[upstream.origin].is_busy)
        await upstream.closed()


async def test_while_the_reply_is_awaited(connector):
    async with ScriptedUpstream([read_request]) as upstream:
        task = asyncio.create_task(ask(connector, upstream.origin))
        await until(lambda: upstream.requests)
        await cancelled(task)
        await upstream.closed()
        assert connector.open_connections == 0


async def test_while_the_body_is_read(connector):
    async with ScriptedUpstream([read_request, Send(HEAD + chunk(b"some"))]) as upstream:
        answer = await ask(connector, upstream.origin)
        assert await answer.read() == b"some"
        task = asyncio.create_task(answer.read())
        await turns()
        await cancelled(task)
        await upstream.closed()
        assert connector.open_connections == 0


async def test_while_the_request_is_sent(connector):
    async with ScriptedUpstream([read_head, stop]) as upstream:
        task = asyncio.create_task(ask(connector, upstream.origin, Pieces(b"x" * 40_000_000)))
        await until(lambda: upstream.requests)
        await turns(20)
        await cancelled(task)
        await until(lambda: not connector.open_connections)
        upstream.connections[0].transport.resume_reading()
        await upstream.closed()
        assert upstream.connections[0].total_received < 40_000_000


async def test_while_waiting_in_line(clock):
    connector = Connector(clock=clock, max_connections_per_origin=1)
    async with ScriptedUpstream([read_request]) as upstream:
        first, second = (asyncio.create_task(ask(connector, upstream.origin)) for _ in range(2))
        await until(lambda: upstream.requests)
        await cancelled(second)
        assert repr(connector).endswith("1 active, 0 idle, 0 opening, 0 in line>]>")
        await cancelled(first)
        await upstream.closed()
    await connector.aclose()


async def test_thousands_of_them_leave_nothing_behind(connector):
    steps = [read_request, Send(HEAD + chunk(b"some"))]
    async with ScriptedUpstream(steps) as upstream:
        for _ in range(20):
            tasks = [asyncio.create_task(ask_whole(connector, upstream.origin)) for _ in range(50)]
            seen = len(upstream.requests)
            await until(lambda seen=seen: len(upstream.requests) > seen + 10)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await until(lambda: not connector._pools[upstream.origin].is_busy)
        await upstream.closed()
        assert connector.wheel._watched == 0


async def test_a_reply_has_one_reader(connector):
    async with ScriptedUpstream([read_request, Send(HEAD)]) as upstream:
        answer = await ask(connector, upstream.origin)
        first = asyncio.create_task(answer.read())
        await turns()
        with pytest.raises(RuntimeError):
            await answer.read()
        answer.abort()
        await asyncio.gather(first, return_exceptions=True)


async def test_an_abort_wakes_whoever_reads(connector):
    async with ScriptedUpstream([read_request, Send(HEAD)]) as upstream:
        answer = await ask(connector, upstream.origin)
        reading = asyncio.create_task(whole(answer))
        await turns()
        answer.abort()
        results = await asyncio.gather(reading, return_exceptions=True)
        assert str(results[0]) == "the exchange was given up"
