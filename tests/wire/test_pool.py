"""The bound, the line before it, and what is left behind when somebody leaves it."""

from __future__ import annotations

import asyncio

import pytest

from gateway.core.errors import Reason
from gateway.core.exchange import Origin, Timeouts
from gateway.wire.connector import Connector
from tests.upstream import Loop, ScriptedUpstream, Send, Wait, close, read_request, read_some, reply, reset
from tests.wire.asking import ask, ask_whole, fails, turns, until


@pytest.fixture
async def two(clock):
    """A connector with room for two connections."""
    made = Connector(clock=clock, max_connections_per_origin=2)
    yield made
    await made.aclose()


def start(connector, upstream, *bodies, **more):
    return [asyncio.create_task(ask_whole(connector, upstream.origin, body, **more)) for body in bodies]


async def test_there_are_never_more_connections_than_the_bound(two):
    async with ScriptedUpstream([Loop([read_request, Send(reply(b"fine"))])]) as upstream:
        assert await asyncio.gather(*start(two, upstream, *[b"{}"] * 50)) == [b"fine"] * 50
        assert upstream.ever == 2
        assert len(upstream.requests) == 50


async def test_whoever_came_first_is_served_first(two):
    gate = asyncio.Event()
    async with ScriptedUpstream([Loop([read_request, Wait(gate), Send(reply())])]) as upstream:
        tasks = []
        for number in range(12):
            tasks += start(two, upstream, b"%d" % number)
            await turns()
        await until(lambda: len(upstream.requests) == 2)
        gate.set()
        await asyncio.gather(*tasks)
        bodies = [int(request.body) for request in upstream.requests]
        assert sorted(bodies[:2]) == [0, 1]  # they connect at the same time
        assert bodies[2:] == list(range(2, 12))


async def test_a_connection_that_closes_makes_room_for_the_first_in_line(two):
    gate = asyncio.Event()
    async with ScriptedUpstream(
        [read_request, Wait(gate), reset], [read_request], [Loop([read_request, Send(reply(b"fine"))])]
    ) as upstream:
        first, second, third = start(two, upstream, b"1", b"2", b"3")
        await until(lambda: len(upstream.requests) == 2)
        gate.set()
        await fails(first, Reason.CLOSED)
        assert await third == b"fine"
        assert upstream.ever == 3
        second.cancel()


async def test_a_connection_that_could_not_be_made_makes_room_too(clock):
    connector = Connector(clock=clock, max_connections_per_origin=1)
    async with ScriptedUpstream([close]) as upstream:
        origin = Origin("http", "127.0.0.1", upstream.origin.port)
    results = await asyncio.gather(*(ask(connector, origin) for _ in range(5)), return_exceptions=True)
    assert [error.reason for error in results] == [Reason.CONNECT] * 5
    await connector.aclose()


async def test_waiting_in_line_ends_with_the_connect_timeout(two, clock):
    async with ScriptedUpstream([read_request]) as upstream:
        first, second, third = start(two, upstream, b"1", b"2", b"3", timeouts=Timeouts(connect=2, first_byte=60))
        await until(lambda: len(upstream.requests) == 2)
        clock.advance(2.1)
        two.tick()
        error = await fails(third, Reason.CONNECT_TIMEOUT)
        assert error.message == "no connection within 2 s"
        assert not first.done()
        first.cancel()
        second.cancel()


async def test_waiting_in_line_ends_with_the_deadline(two, clock):
    async with ScriptedUpstream([read_request]) as upstream:
        tasks = start(two, upstream, b"1", b"2", b"3", deadline=clock.monotonic() + 1)
        await until(lambda: len(upstream.requests) == 2)
        clock.advance(1.1)
        two.tick()
        for task in tasks:
            await fails(task, Reason.TOTAL_TIMEOUT)
        assert repr(two).endswith("0 in line>]>")


async def test_whoever_leaves_the_line_is_skipped(two):
    gate = asyncio.Event()
    async with ScriptedUpstream([Loop([read_request, Wait(gate), Send(reply())])]) as upstream:
        tasks = start(two, upstream, b"0", b"1", b"2", b"3")
        await until(lambda: len(upstream.requests) == 2)
        tasks[2].cancel()
        gate.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert sorted(int(request.body) for request in upstream.requests) == [0, 1, 3]
        assert two.idle_connections == 2


async def in_line(clock, upstream):
    """A connector whose only connection the test holds, and a task that waits for it."""
    connector = Connector(clock=clock, max_connections_per_origin=1)
    await ask_whole(connector, upstream.origin)
    pool = connector._pools[upstream.origin]
    held = pool.take(clock.monotonic())
    (task,) = start(connector, upstream, b"{}")
    await turns()
    return connector, pool, held, task


async def test_whoever_leaves_just_when_served_passes_the_connection_on(clock):
    async with ScriptedUpstream([Loop([read_request, Send(reply(b"fine"))])]) as upstream:
        connector, pool, held, task = await in_line(clock, upstream)
        pool.freed(held)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        assert pool.idle == [held]
        assert await ask_whole(connector, upstream.origin) == b"fine"
        assert upstream.ever == 1
        await connector.aclose()


async def test_room_granted_to_somebody_who_leaves_is_passed_on(clock):
    async with ScriptedUpstream([Loop([read_request, Send(reply(b"fine"))])]) as upstream:
        connector, pool, held, task = await in_line(clock, upstream)
        (next_in_line,) = start(connector, upstream, b"{}")
        await turns()
        held.abort()
        pool.closed(held)
        task.cancel()
        assert await next_in_line == b"fine"
        assert task.cancelled()
        assert (connector.open_connections, upstream.ever) == (1, 2)
        await connector.aclose()


async def test_a_connection_that_closed_just_when_it_was_granted_is_not_used(clock):
    async with ScriptedUpstream([Loop([read_request, Send(reply(b"fine"))])]) as upstream:
        connector, pool, held, task = await in_line(clock, upstream)
        pool.freed(held)
        held.abort()
        assert await task == b"fine"
        assert upstream.ever == 2
        await connector.aclose()


async def test_origins_have_pools_of_their_own(two):
    script = [Loop([read_request, Send(reply(b"fine"))])]
    async with ScriptedUpstream(script) as one, ScriptedUpstream(script) as other:
        await asyncio.gather(*start(two, one, *[b"{}"] * 5), *start(two, other, *[b"{}"] * 5))
        assert (one.ever, other.ever) == (2, 2)


async def test_a_stale_connection_is_tried_anew_even_when_the_pool_is_full(clock):
    connector = Connector(clock=clock, max_connections_per_origin=1)
    fine = [read_request, Send(reply(b"fine"))]
    async with ScriptedUpstream([*fine, read_request, close], [Loop(fine)]) as upstream:
        assert await asyncio.gather(*start(connector, upstream, *[b"{}"] * 4)) == [b"fine"] * 4
        assert upstream.ever == 2
    await connector.aclose()


async def test_the_repr_tells_how_things_stand_and_no_secret(two):
    async with ScriptedUpstream([Loop([read_request, Send(reply(b"fine"))])], [read_request]) as upstream:
        await ask_whole(two, upstream.origin, headers=[(b"authorization", b"Bearer sk-secret")])
        assert repr(two) == f"<Connector [<Pool {upstream.url}: 0 active, 1 idle, 0 opening, 0 in line>]>"
        pool = two._pools[upstream.origin]
        assert [repr(one) for one in pool.connections] == [f"<Connection {upstream.url}, IDLE, 1 served>"]


async def test_closing_ends_everything_that_is_under_way(clock):
    connector = Connector(clock=clock, max_connections_per_origin=2)
    silent = Origin("https", "127.0.0.1", 1)
    async with ScriptedUpstream([read_request]) as upstream, ScriptedUpstream([read_some]) as deaf:
        tasks = start(connector, upstream, b"1", b"2", b"3")
        silent = Origin("https", "127.0.0.1", deaf.origin.port)
        tasks.append(asyncio.create_task(ask_whole(connector, silent)))
        await until(lambda: len(upstream.requests) == 2 and deaf.connections and deaf.connections[0].received)
        await connector.aclose()
        for task in tasks:
            await fails(task, Reason.CLOSED)
        assert connector.open_connections == 0
        await upstream.closed()
        await deaf.closed()
        await fails(ask(connector, upstream.origin), Reason.CLOSED)
        await connector.aclose()
