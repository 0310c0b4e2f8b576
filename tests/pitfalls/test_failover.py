"""Pitfalls 20, 21, 24, 25, 27 and 32: what goes wrong when providers go wrong."""

from __future__ import annotations

import asyncio

import pytest

from gateway.health.breaker import State
from gateway.simulator.behaviour import Behaviour
from tests.client import CHAT, Client, ask, chat
from tests.clock import MovableClock
from tests.faults.scene import PRICE, faults
from tests.serving import serving

BROKEN = Behaviour(status=500)
TRIPS = 5
"""Failures in a row that open a breaker."""
OPEN_S = 8.0
"""More than its first period."""


async def break_down(gateway, *upstreams) -> None:
    """Let calls fail until the breakers of ``upstreams`` are open."""
    for number in upstreams:
        gateway.upstreams[number].control.behaviour = BROKEN
    breakers = gateway.gateway.breakers
    for _ in range(2 * TRIPS):
        await ask(gateway.url, CHAT, chat())
        if all(breakers.state(f"{'ab'[number]}/s") is State.OPEN for number in upstreams):
            return
    raise AssertionError("the breakers did not open")


@pytest.mark.parametrize("stream", [False, True])
async def test_20_when_all_targets_are_out_the_least_bad_is_tried(stream):
    async with faults(Behaviour(), Behaviour(), server={"attempts": 2}) as gateway:
        await break_down(gateway, 0, 1)
        for upstream in gateway.upstreams:
            upstream.control.behaviour = Behaviour()
        answer = await ask(gateway.url, CHAT, chat(stream=stream))
        outcome = gateway.outcomes[-1]

    assert answer.status == 200, "not 'no deployments available'"
    assert len(outcome.attempts) == 1


async def test_20_when_it_fails_too_the_client_is_told_why():
    async with faults(Behaviour(), Behaviour(), server={"attempts": 2}) as gateway:
        await break_down(gateway, 0, 1)
        answer = await ask(gateway.url, CHAT, chat())

    assert (answer.status, answer.code) == (502, "upstream_error")
    for target in ("a/s", "b/s"):
        assert f"{target}: server_error 500" in answer.json["error"]["message"], (
            "each is asked before one is asked twice"
        )


@pytest.mark.parametrize("attempts", [1, 2, 3])
async def test_21_one_ceiling_bounds_all_attempts_of_a_call_its_fallbacks_included(attempts):
    async with faults(BROKEN, BROKEN) as broken:
        config = {
            "server": {"attempts": attempts},
            "providers": {name: {"kind": "simulator", "base_url": url} for name, url in broken.addresses.items()},
            "models": {
                "m": {"targets": [{"provider": "a", "model": "s", "price": PRICE}], "fallbacks": ["n"]},
                "n": {"targets": [{"provider": "b", "model": "s", "price": PRICE}]},
            },
        }
        async with serving(config) as gateway:
            answer = await ask(gateway.url, CHAT, chat())
            await gateway.until(lambda: gateway.outcomes)

    assert answer.status == 502
    assert sum(upstream.stats.requests for upstream in broken.upstreams) == attempts
    assert len(gateway.outcomes[0].attempts) == attempts


async def test_24_a_fallback_never_asks_the_target_that_failed():
    async with faults(BROKEN, Behaviour()) as providers:
        first, second = ({"provider": name, "model": "s", "price": PRICE} for name in "ab")
        config = {
            "providers": {name: {"kind": "simulator", "base_url": url} for name, url in providers.addresses.items()},
            "models": {"m": {"targets": [first], "fallbacks": ["n"]}, "n": {"targets": [first, second]}},
        }
        async with serving(config) as gateway:
            answer = await ask(gateway.url, CHAT, chat())
            await gateway.until(lambda: gateway.outcomes)

    assert answer.headers["x-sluice-provider"] == "b"
    assert [attempt.target for attempt in gateway.outcomes[0].attempts] == ["a/s", "b/s"]
    assert providers.upstreams[0].stats.requests == 1


async def test_25_an_open_breaker_keeps_calls_away_then_lets_one_through_then_all():
    clock = MovableClock()
    async with faults(Behaviour(), Behaviour(), clock=clock) as gateway:
        first, second = gateway.upstreams
        await break_down(gateway, 0)
        asked = first.stats.requests
        for _ in range(20):
            assert (await ask(gateway.url, CHAT, chat())).headers["x-sluice-attempts"] == "1"
        assert first.stats.requests == asked, "open: it is left alone"

        clock.advance(OPEN_S)
        first.control.behaviour = Behaviour(ttft_ms=30)
        answers = await asyncio.gather(*(ask(gateway.url, CHAT, chat()) for _ in range(10)))
        assert {answer.status for answer in answers} == {200}
        assert first.stats.requests == asked + 1, "half open: one probe, a real call"

        assert (await ask(gateway.url, CHAT, chat())).headers["x-sluice-provider"] == "a", "closed again"
        assert second.stats.requests == len(gateway.outcomes) - 2


async def test_27_no_probe_is_ever_sent_health_comes_from_calls():
    clock = MovableClock()
    async with faults(Behaviour(), Behaviour(), clock=clock) as gateway:
        await break_down(gateway, 0)
        before = gateway.upstreams[0].stats.requests
        for _ in range(5):
            clock.advance(OPEN_S)
            gateway.gateway.upstreams.connectors[0].tick()
            await asyncio.sleep(0.06)
        attempts = sum(len(outcome.attempts) for outcome in gateway.outcomes)
        assert gateway.upstreams[0].stats.requests == before
        assert sum(upstream.stats.requests for upstream in gateway.upstreams) == attempts


async def test_32_what_goes_wrong_in_one_call_closes_nothing_under_another():
    async with faults(Behaviour(tokens_per_s=60), server={"attempts": 1}) as gateway:
        connector = gateway.gateway.upstreams.connectors[0]
        async with Client(gateway.url) as steady, Client(gateway.url) as leaver:
            steady.send(CHAT, chat(stream=True, max_tokens=20))
            await steady.head()
            leaver.send(CHAT, chat(stream=True, sim="stall"))
            await gateway.until(lambda: gateway.upstreams[0].stats.open == 2)
            leaver.reset()
            for fault in ("status=500", "close", "body=null", "cut=0"):
                assert (await ask(gateway.url, CHAT, chat(sim=fault))).status == 502
            data = b"".join([piece async for piece in steady.chunks()])

        assert data.endswith(b"data: [DONE]\n\n")
        assert gateway.gateway.upstreams.connectors == (connector,), "one for the life of the process"
