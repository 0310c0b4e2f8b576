"""Pitfalls 13, 14, 30 and 33: streams that break, time-outs that don't bite, 40 ms too many, and a 200 that is none."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from contextlib import closing

import pytest
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.simulator.behaviour import Behaviour
from tests.client import CHAT, Client, ask, chat
from tests.faults.scene import HOUR, PRICE, faults, one_model
from tests.serving import serving

QUICK = {"first_byte": 0.15, "idle": 0.15}
BREAKS = ("cut", "truncate", "malformed", "error_after", "stall_after")


@pytest.mark.parametrize("fault", BREAKS)
async def test_13_a_stream_that_breaks_before_its_first_event_goes_to_another_target(fault):
    async with faults(Behaviour().changed({fault: 0}), Behaviour(), timeouts=QUICK) as gateway:
        answer = await ask(gateway.url, CHAT, chat(stream=True, max_tokens=10))
        outcome = await gateway.outcome()

    assert answer.status == 200
    assert answer.events[-1] == b"[DONE]"
    assert not any(b'"error"' in event for event in answer.events)
    assert [attempt.provider for attempt in outcome.attempts] == ["a", "b"]
    assert outcome.attempts[0].error is not None
    assert outcome.error is None


@pytest.mark.parametrize("fault", BREAKS)
async def test_13_a_stream_that_breaks_later_ends_in_an_error_event_and_never_in_silence(fault):
    async with faults(Behaviour(tokens_per_s=500).changed({fault: 4}), Behaviour(), timeouts=QUICK) as gateway:
        answer = await ask(gateway.url, CHAT, chat(stream=True, max_tokens=10))
        outcome = await gateway.outcome()
        levels = await gateway.levels()

    assert answer.status == 200
    *came, last = answer.events
    assert len(came) == 4, "all that came before is passed on"
    error = json.loads(last)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert [attempt.provider for attempt in outcome.attempts] == ["a"], "what the client has read can't be taken back"
    assert outcome.error is not None
    # The first event says nothing; of a broken one nothing is counted.
    assert outcome.cost_nanousd == outcome.usage.input * 1_000 + 3 * 10_000
    assert levels["budget"].used == outcome.cost_nanousd


@pytest.mark.parametrize("stream", [False, True])
async def test_14_connecting_has_a_time_limit(stream):
    # A queue that is full lets nobody in and refuses nobody.
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as full, closing(socket.socket()) as guest:
        guest.connect(full.getsockname())
        waiting = [socket.socket() for _ in range(2)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        async with faults(Behaviour()) as healthy:
            silent = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
            async with serving(one_model(silent, healthy.addresses["a"], timeouts={"connect": 0.1})) as gateway:
                answer = await ask(gateway.url, CHAT, chat(stream=stream))
                await gateway.until(lambda: gateway.outcomes)
        for each in waiting:
            each.close()

    assert answer.status == 200
    assert [attempt.error for attempt in gateway.outcomes[0].attempts] == ["connect_timeout", None]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "timeouts", "reason"),
    [
        ("stall", {"first_byte": 0.1}, "first_byte_timeout"),
        (f"gap_ms={HOUR}", {"idle": 0.1}, "idle_timeout"),
        ("stall", {"total": 0.1}, "total_timeout"),
    ],
    ids=["first byte", "idle", "total"],
)
async def test_14_each_time_limit_before_the_first_event_is_enforced(stream, fault, timeouts, reason):
    async with faults(timeouts=timeouts, server={"attempts": 1}) as gateway:
        answer = await ask(gateway.url, CHAT, chat(stream=stream, sim=fault))
        outcome = await gateway.outcome()

    assert (answer.status, answer.code) == (504, "upstream_timeout")
    assert f"a/s: {reason}" in answer.json["error"]["message"]
    assert [attempt.error for attempt in outcome.attempts] == [reason]


@pytest.mark.parametrize(
    ("fault", "timeouts", "reason"),
    [("stall_after=3", {"idle": 0.1}, "idle_timeout"), ("tokens_per_s=20", {"total": 0.2}, "total_timeout")],
    ids=["idle", "total"],
)
async def test_14_each_time_limit_within_a_stream_is_enforced(fault, timeouts, reason):
    async with faults(timeouts=timeouts) as gateway:
        answer = await ask(gateway.url, CHAT, chat(stream=True, max_tokens=50, sim=fault))
        outcome = await gateway.outcome()

    assert b'"error"' in answer.events[-1]
    assert outcome.error == reason


async def test_14_a_slow_client_is_no_silence_of_the_provider():
    async with faults(Behaviour(output_tokens=20_000), timeouts={"idle": 0.1}) as gateway:
        async with Client(gateway.url, limit=1_000) as client:
            client.send(CHAT, chat(stream=True))
            await client.head()
            await asyncio.sleep(0.4)
            data = [piece async for piece in client.chunks()]
        outcome = await gateway.outcome()

    assert b"".join(data).endswith(b"data: [DONE]\n\n")
    assert outcome.error is None


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_30_no_small_write_waits_for_an_acknowledgement_on_either_side(run):
    run(_sockets_do_not_wait())


async def _sockets_do_not_wait() -> None:
    async with faults(Behaviour(stall_after=2)) as gateway, Client(gateway.url) as client:
        client.send(CHAT, chat(stream=True))
        await client.head()
        (pool,) = gateway.gateway.upstreams.connectors[0]._pools.values()
        upstream = [connection._transport for connection in pool.connections]
        port = int(gateway.url.rpartition(":")[2])
        clients = [
            found.transport
            for found in gc.get_objects()
            if isinstance(found, HttpToolsProtocol) and found.transport.get_extra_info("sockname")[1] == port
        ]
        for transport in (*upstream, *clients):
            sock = transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert (len(upstream), len(clients)) == (1, 1)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("body", ["null", "empty", "garbage", "error"])
async def test_33_a_200_that_holds_no_reply_is_a_failure(body, stream):
    async with faults(Behaviour(body=body), Behaviour()) as gateway:
        answer = await ask(gateway.url, CHAT, chat(stream=stream, max_tokens=10))
        outcome = await gateway.outcome()

    assert answer.status == 200
    assert outcome.provider == "b"
    assert outcome.attempts[0].error in ("unreadable", "server_error", "closed")
    assert outcome.cost_nanousd == outcome.usage.input * PRICE["input"] * 1_000 + outcome.usage.output * 10_000


@pytest.mark.parametrize("stream", [False, True])
async def test_33_a_200_that_holds_no_reply_is_no_200_for_the_client_either(stream):
    async with faults(Behaviour(body="null"), server={"attempts": 1}) as gateway:
        answer = await ask(gateway.url, CHAT, chat(stream=stream))

    assert (answer.status, answer.code) == (502, "upstream_error")
