"""Pitfalls 10, 18 and 19: what images cost, when budgets begin anew, and tokens that are counted twice."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.core.money import NANOUSD
from tests.client import CHAT, Answer, ask, chat
from tests.clock import MovableClock
from tests.faults.scene import one_model
from tests.serving import serving
from tests.upstream import ScriptedUpstream, Send, read_request, reply

LINES = {"low/1024x1024": 0.005, "high/1024x1024": 0.25, "high/1024x1536": 0.05, "default": 0.052}
GENERATIONS = "/v1/images/generations"
JSON = b"content-type: application/json"


def images(upstream: str, price, **rest):
    config = one_model(upstream, **rest)
    (target,) = config["models"]["m"]["targets"]
    if price is None:
        del target["price"]
    else:
        target["price"] = price
    return config


@pytest.mark.parametrize(
    ("asked", "cost_usd"),
    [
        ({"quality": "low", "size": "1024x1024"}, 0.005),
        ({"quality": "high", "size": "1024x1536", "n": 4}, 0.2),
        ({"quality": "medium", "size": "1536x1024"}, 0.052),
    ],
)
async def test_10_images_are_priced_by_quality_size_and_number(asked, cost_usd):
    count = asked.get("n", 1)
    body = b'{"created":1,"data":[%s]}' % b",".join([b'{"b64_json":"AA=="}'] * count)
    async with (
        ScriptedUpstream([read_request, Send(reply(body, 200, JSON))]) as upstream,
        serving(images(f"{upstream.url}/v1", {"per_image": LINES})) as gateway,
    ):
        answer = await ask(gateway.url, GENERATIONS, {"model": "m", "prompt": "a sea", **asked})

    assert float(answer.headers["x-sluice-cost-usd"]) == cost_usd
    (outcome,) = gateway.outcomes
    assert outcome.usage.images == count
    assert outcome.cost_nanousd <= outcome.held_nanousd


async def test_10_images_are_priced_by_tokens_where_the_provider_reports_them():
    usage = b'{"input_tokens":50,"output_tokens":4160,"total_tokens":4210,"input_tokens_details":{"image_tokens":40}}'
    body = b'{"created":1,"data":[{"b64_json":"AA=="}],"usage":%s}' % usage
    price = {"input": 5, "image_input": 10, "image_output": 40, "per_image": LINES}
    async with (
        ScriptedUpstream([read_request, Send(reply(body, 200, JSON))]) as upstream,
        serving(images(f"{upstream.url}/v1", price)) as gateway,
    ):
        answer = await ask(gateway.url, GENERATIONS, {"model": "m", "prompt": "a sea", "quality": "high"})

    assert float(answer.headers["x-sluice-cost-usd"]) == (10 * 5 + 40 * 10 + 4160 * 40) / 1e6


async def test_10_an_unknown_price_is_never_nothing():
    async with ScriptedUpstream([read_request, Send(reply(b'{"created":1,"data":[]}', 200, JSON))]) as upstream:
        free = images(f"{upstream.url}/v1", None)
        del free["global"]
        async with serving(free) as gateway:
            answer = await ask(gateway.url, GENERATIONS, {"model": "m", "prompt": "a sea"})
        assert answer.status == 200
        assert "x-sluice-cost-usd" not in answer.headers
        assert not gateway.outcomes[0].is_priced

        async with serving(images(f"{upstream.url}/v1", None)) as gateway:
            answer = await ask(gateway.url, GENERATIONS, {"model": "m", "prompt": "a sea"})
        assert (answer.status, answer.code) == (503, "no_target_available")
        assert "price" in answer.json["error"]["message"]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
async def test_18_a_daily_budget_begins_anew_at_midnight_of_its_zone_by_the_clock_alone(zone):
    # A dollar a token: a call costs six, and the day has ten.
    config = {
        "server": {"timezone": zone, "hold_wait_s": 0},
        "providers": {"sim": {"kind": "simulator"}},
        "models": {"m": {"targets": [{"provider": "sim", "model": "s", "price": {"input": 0, "output": 1_000_000}}]}},
        "global": {"budgets": [{"usd": 10, "per": "day"}]},
    }
    midnight = datetime(2026, 3, 4, tzinfo=ZoneInfo(zone))
    clock = MovableClock(midnight.timestamp() - 12 * 3_600)
    async with serving(config, clock=clock) as gateway:
        assert (await _six_dollars(gateway.url)).status == 200
        refused = await _six_dollars(gateway.url)
        assert (refused.status, refused.code) == (429, "insufficient_quota")
        assert f"{midnight.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" in refused.json["error"]["message"]

        clock.advance(midnight.timestamp() - clock.time() - 5)
        assert (await _six_dollars(gateway.url)).status == 429
        clock.advance(6)
        assert (await _six_dollars(gateway.url)).status == 200
        assert (await _six_dollars(gateway.url)).status == 429


async def _six_dollars(url: str) -> Answer:
    return await ask(url, CHAT, chat(max_tokens=6))


async def test_19_cached_tokens_are_counted_once():
    usage = (
        b'{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010,'
        b'"prompt_tokens_details":{"cached_tokens":800},"completion_tokens_details":{"reasoning_tokens":4}}'
    )
    body = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":%s}'
    async with (
        ScriptedUpstream([read_request, Send(reply(body % usage, 200, JSON))]) as upstream,
        serving(images(f"{upstream.url}/v1", {"input": 1, "cached_input": 0.1, "output": 10})) as gateway,
    ):
        answer = await ask(gateway.url, CHAT, chat(max_tokens=20))

    (outcome,) = gateway.outcomes
    found = outcome.usage
    assert (found.input, found.cached_input, found.output, found.reasoning) == (200, 800, 6, 4)
    assert found.total == 1_010
    assert outcome.cost_nanousd == 200 * 1_000 + 800 * 100 + 10 * 10_000
    assert float(answer.headers["x-sluice-cost-usd"]) * NANOUSD == outcome.cost_nanousd
