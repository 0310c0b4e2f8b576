"""Clients hang up at any moment, in any way: the provider sees it, what was used is charged, and nothing is left."""

from __future__ import annotations

import asyncio
import gc
import json
from random import Random

import psutil
import pytest

from gateway.core.types import Outcome
from gateway.simulator.behaviour import Behaviour
from gateway.state.base import Spend
from tests.client import CHAT, Client, chat
from tests.faults.scene import HOUR, Faults, faults, one_model
from tests.serving import serving
from tests.upstream import Go, Loop, ReadHead, ScriptedUpstream, Send, Stop, Tell, Wait, chunk, read_request

INPUT, OUTPUT = 1_000, 10_000
"""Nano-dollars a token."""
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n'


async def hang_up(client: Client, how: str) -> None:
    if how == "reset":
        client.reset()
    else:
        await client.close()


async def is_over(gateway: Faults) -> Outcome:
    """Every provider saw the close, and nothing is held by anyone."""
    for upstream in gateway.upstreams:
        await gateway.until(lambda upstream=upstream: upstream.stats.open == 0)
    outcome = await gateway.outcome()
    await gateway.until(lambda: gateway.connections == 0)
    levels = await gateway.levels()
    assert levels["concurrency"].used == 0
    assert levels["budget"].held == 0
    assert levels["budget"].used == sum(outcome.cost_nanousd for outcome in gateway.outcomes)
    assert outcome.status == 499
    assert outcome.attempts[-1].error == "cancelled"
    return outcome


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("stream", [False, True])
async def test_one_who_waits_for_the_head(how, stream):
    async with faults(Behaviour(ttft_ms=HOUR)) as gateway, Client(gateway.url) as client:
        client.send(CHAT, chat(stream=stream, max_tokens=100))
        await gateway.until(lambda: gateway.upstreams[0].stats.open == 1)
        await hang_up(client, how)
        outcome = await is_over(gateway)
        assert gateway.upstreams[0].stats.disconnects == 1

    if stream:
        assert outcome.cost_nanousd == outcome.usage.input * INPUT, "it had not begun to write: the prompt was read"
    else:
        assert outcome.cost_nanousd == outcome.held_nanousd > 100 * OUTPUT, "it may have written all of it"
    assert not outcome.is_usage_official


async def test_one_who_waits_for_the_body_of_a_whole_reply():
    async with faults(Behaviour(gap_ms=HOUR)) as gateway, Client(gateway.url) as client:
        client.send(CHAT, chat(max_tokens=100))
        await gateway.until(lambda: gateway.upstreams[0].stats.statuses == {200: 1})
        client.reset()
        outcome = await is_over(gateway)

    assert outcome.cost_nanousd == outcome.held_nanousd


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_one_in_the_middle_of_a_stream_pays_for_what_was_written(how):
    async with faults(Behaviour(stall_after=6)) as gateway, Client(gateway.url) as client:
        client.send(CHAT, chat(stream=True, max_tokens=100))
        await client.head()
        events = b""
        while events.count(b"data: ") < 6:
            events += await client.chunk()
        await hang_up(client, how)
        outcome = await is_over(gateway)

    # The first of the six opens the reply and says nothing; each of the others is a word.
    assert outcome.usage.output == 5
    assert outcome.cost_nanousd == outcome.usage.input * INPUT + 5 * OUTPUT
    assert outcome.cost_nanousd < outcome.held_nanousd
    assert outcome.target == "a/s"


async def test_one_who_has_seen_the_usage_pays_exactly_that():
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    frames = [EVENT % b"one", b'data: {"choices":[],"usage":%s}\n\n' % json.dumps(usage).encode()]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    upstream = ScriptedUpstream([read_request, Send(head + chunk(b"".join(frames)))])
    async with upstream, serving(one_model(f"{upstream.url}/v1")) as found, Client(found.url) as client:
        gateway = Faults(found, [])
        client.send(CHAT, chat(stream=True, stream_options={"include_usage": True}, max_tokens=100))
        await client.head()
        while b"usage" not in await client.chunk():
            pass
        client.reset()
        outcome = await is_over(gateway)

    assert outcome.is_usage_official
    assert outcome.cost_nanousd == 7 * INPUT + 3 * OUTPUT


async def test_one_who_does_not_read_holds_the_provider_back_and_may_still_hang_up():
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    flood = Send(chunk(EVENT % (b"x" * 8_000)))
    upstream = ScriptedUpstream([read_request, Send(head), Loop([flood])])
    async with upstream, serving(one_model(f"{upstream.url}/v1")) as found, Client(found.url, limit=1_000) as client:
        gateway = Faults(found, [])
        client.send(CHAT, chat(stream=True, max_tokens=100))
        await client.head()
        (connection,) = [await _first(gateway, upstream)]
        await asyncio.wait_for(connection.is_stuck.wait(), 5)
        sent = connection.total_sent
        client.reset()
        await asyncio.wait_for(connection.is_closed.wait(), 5)
        outcome = await is_over(gateway)

    assert sent < 20_000_000, "what nobody reads is not gathered"
    assert outcome.usage.output > 0
    assert outcome.overhead_s <= outcome.duration_s


async def _first(gateway: Faults, upstream: ScriptedUpstream):
    await gateway.until(lambda: upstream.connections)
    return upstream.connections[0]


async def test_one_who_goes_while_sending_has_asked_for_nothing():
    async with faults() as gateway, Client(gateway.url) as client:
        client.send(CHAT, b'{"model": "m", "messages": [', length=100_000)
        await client.writer.drain()
        await asyncio.sleep(0.02)
        client.reset()
        async with Client(gateway.url) as other:
            assert (await other.chat()).status == 200
        assert gateway.upstreams[0].stats.requests == 1
        assert sum(len(outcome.attempts) for outcome in gateway.outcomes) == 1
        assert (await gateway.levels())["concurrency"].used == 0


async def test_one_whose_large_body_is_on_its_way_up():
    stuck, gone = asyncio.Event(), asyncio.Event()
    # The provider takes no more than its socket holds; it can see the close only once it reads again.
    upstream = ScriptedUpstream([ReadHead(), Stop(), Tell(stuck), Wait(gone), Go()])
    async with upstream, serving(one_model(f"{upstream.url}/v1")) as found, Client(found.url) as client:
        gateway = Faults(found, [])
        client.send(CHAT, chat("x" * 12_000_000, max_tokens=10))
        await asyncio.wait_for(stuck.wait(), 5)
        client.reset()
        outcome = await is_over(gateway)
        gone.set()
        await asyncio.wait_for(upstream.closed(), 5)
        assert upstream.connections[0].total_received < 12_000_000

    assert outcome.attempts[-1].ttft_s is None


async def test_one_who_waits_for_money_that_others_hold():
    async with faults(Behaviour(ttft_ms=HOUR), server={"hold_wait_s": 3_600}) as gateway, Client(gateway.url) as first:
        first.send(CHAT, chat(stream=True, max_tokens=6_000_000))
        await gateway.until(lambda: gateway.upstreams[0].stats.open == 1)
        held = (await gateway.levels())["budget"].held
        async with Client(gateway.url) as second:
            second.send(CHAT, chat(stream=True, max_tokens=6_000_000))
            await asyncio.sleep(0.05)
            second.reset()
            outcome = await gateway.outcome()
        assert (outcome.status, outcome.cost_nanousd, outcome.held_nanousd) == (499, 0, 0)
        assert outcome.attempts == ()
        assert (await gateway.levels())["budget"].held == held, "the first call still has its own"
        first.reset()
        await gateway.until(lambda: len(gateway.outcomes) == 2)
        assert gateway.upstreams[0].stats.requests == 1


async def test_one_who_goes_between_two_attempts():
    always = Behaviour(status=429, retry_after_s=20)
    async with faults(always) as gateway, Client(gateway.url) as client:
        client.send(CHAT, chat(max_tokens=10))
        await gateway.until(lambda: gateway.upstreams[0].stats.statuses == {429: 1})
        client.reset()
        outcome = await gateway.outcome()
        levels = await gateway.levels()

    assert (outcome.status, outcome.cost_nanousd) == (499, 0), "a refusal costs nothing"
    assert [attempt.error for attempt in outcome.attempts] == ["rate_limited"]
    assert (levels["concurrency"].used, levels["budget"].used) == (0, 0)


async def test_one_who_goes_during_the_second_attempt():
    async with faults(Behaviour(status=500), Behaviour(stall=True)) as gateway, Client(gateway.url) as client:
        client.send(CHAT, chat(max_tokens=10))
        await gateway.until(lambda: gateway.upstreams[1].stats.open == 1)
        client.reset()
        await gateway.until(lambda: gateway.upstreams[1].stats.disconnects == 1)
        outcome = await gateway.outcome()

    assert [attempt.error for attempt in outcome.attempts] == ["server_error", "cancelled"]
    assert outcome.cost_nanousd == outcome.held_nanousd


async def test_one_who_stays_is_never_taken_for_gone():
    async with faults(Behaviour(ttft_ms=1, tokens_per_s=2_000)) as gateway, Client(gateway.url) as client:
        for number in range(20):
            answer = await client.chat(stream=number % 2 == 0, max_tokens=30)
            assert answer.status == 200
        await gateway.until(lambda: len(gateway.outcomes) == 20)

    assert {outcome.status for outcome in gateway.outcomes} == {200}


async def test_hundreds_of_hang_ups_leave_nothing_behind():
    async with faults(Behaviour(output_tokens=400)) as gateway:
        before, at_rest = None, len(asyncio.all_tasks())
        for number in range(5):
            await asyncio.gather(*(_goes_at_some_time(gateway, Random(number * 100 + each)) for each in range(100)))
            for upstream in gateway.upstreams:
                await gateway.until(lambda upstream=upstream: upstream.stats.open == 0)
            await gateway.until(lambda: gateway.connections == gateway.gateway.upstreams.connectors[0].idle_connections)
            kept = gateway.connections
            await gateway.until(lambda: len(asyncio.all_tasks()) <= at_rest)
            gateway.outcomes.clear()
            # The log of calls opens its file with the first of them, a moment later.
            await gateway.until(lambda: gateway.gateway.lasting.opened.calls.queues["sqlite"].written)
            await asyncio.sleep(0.01)
            gc.collect()
            left = len(asyncio.all_tasks()), psutil.Process().num_fds() - 2 * kept
            size = len(gc.get_objects())
            if number == 1:
                before, before_size = left, size
        levels = await gateway.levels()
        assert left == before, "tasks and sockets"
        assert size - before_size < 300, "objects, after 300 more hang-ups"
        assert (levels["concurrency"].used, levels["budget"].held) == (0, 0)
        assert gateway.gateway.store._counters._open == {}
        pages = gateway.gateway.store._counters._tables[Spend].values()
        assert [ledger._page.open for ledger in pages] == [0]


async def _goes_at_some_time(gateway: Faults, dice: Random) -> None:
    async with Client(gateway.url) as client:
        sim = dice.choice(["stall", "stall_after=4", "gap_ms=3600000", "ttft_ms=3600000", "tokens_per_s=2000"])
        client.send(CHAT, chat(stream=dice.random() < 0.5, sim=sim, max_tokens=50))
        await asyncio.sleep(dice.uniform(0, 0.05))
        await hang_up(client, dice.choice(["close", "reset"]))
