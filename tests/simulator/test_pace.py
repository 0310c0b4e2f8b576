"""Times: how long the simulator waits, told by sleeps that take no time."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import Behaviour
from tests.clock import FrozenClock
from tests.simulator.conftest import Naps

CHAT, IMAGES = "/v1/chat/completions", "/v1/images/generations"


async def took_s(http: httpx.AsyncClient, clock: FrozenClock, options: str, **fields: Any) -> float:
    before = clock.monotonic()
    body = {"model": f"m?{options}", "messages": [{"role": "user", "content": "hi"}], **fields}
    assert (await http.post(CHAT, json=body)).status_code == 200
    return clock.monotonic() - before


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ("", 0),
        ("ttft_ms=300", 0.3),
        ("ttft_ms=300&gap_ms=200", 0.5),
        # The first token comes with the head, the other ten a tenth of a second apart.
        ("ttft_ms=300&tokens_per_s=10&output_tokens=11", 1.3),
        ("tokens_per_s=10&output_tokens=1", 0),
        ("tokens_per_s=10&output_tokens=11&reasoning_tokens=20", 3.0),
    ],
)
async def test_a_reply_takes_the_time_of_its_tokens(
    http: httpx.AsyncClient, clock: FrozenClock, options: str, seconds: float, *, stream: bool
) -> None:
    assert await took_s(http, clock, options, stream=stream) == pytest.approx(seconds)


@pytest.mark.parametrize("stream", [False, True])
async def test_choices_are_written_side_by_side(http: httpx.AsyncClient, clock: FrozenClock, *, stream: bool) -> None:
    took = await took_s(http, clock, "tokens_per_s=10&output_tokens=11", n=4, stream=stream)
    assert took == pytest.approx(1.0, abs=0.1)


async def test_late_wake_ups_do_not_slow_the_pace(http: httpx.AsyncClient, naps: Naps, simulator: Simulator) -> None:
    async def late(seconds: float) -> None:
        await naps(seconds)
        naps.clock.advance(0.02)

    simulator._sleep = late
    took = await took_s(http, naps.clock, "tokens_per_s=10&output_tokens=11", stream=True)
    assert took == pytest.approx(1.0 + 0.02)


async def test_jitter_varies_each_wait_within_its_share(http: httpx.AsyncClient, naps: Naps) -> None:
    for _ in range(20):
        await took_s(http, naps.clock, "ttft_ms=1000&jitter=0.5")
    assert len(set(naps.taken)) == 20
    assert all(0.5 <= nap <= 1.5 for nap in naps.taken)


async def test_errors_wait_as_well(http: httpx.AsyncClient, naps: Naps) -> None:
    body = {"model": "m?ttft_ms=700&status=503", "messages": [{"role": "user", "content": "hi"}]}
    assert (await http.post(CHAT, json=body)).status_code == 503
    assert naps.taken == [0.7]


async def test_an_image_takes_its_time_and_partial_ones_share_it(
    http: httpx.AsyncClient, naps: Naps, simulator: Simulator
) -> None:
    simulator.control.behaviour = Behaviour(ttft_ms=100, image_ms=3000)
    body = {"model": "m", "prompt": "x", "size": "8x8"}
    await http.post(IMAGES, json=body)
    assert naps.taken == pytest.approx([3.1])
    naps.taken.clear()
    await http.post(IMAGES, json={**body, "stream": True, "partial_images": 2})
    assert naps.taken == pytest.approx([0.1, 1, 1, 1])


async def test_nothing_waits_without_a_reason(http: httpx.AsyncClient, naps: Naps) -> None:
    await took_s(http, naps.clock, "", stream=True)
    await took_s(http, naps.clock, "")
    assert naps.taken == []
