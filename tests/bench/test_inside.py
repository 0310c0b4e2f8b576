"""The figures from inside of a gateway are those of the gateway."""

from __future__ import annotations

import asyncio

from bench.inside import Inside
from tests.client import CHAT, Client, chat

CONFIG = {
    "providers": {"sim": {"kind": "simulator", "price": "free", "options": {"tokens_per_s": 0.01}}},
    "models": {"m": {"targets": ["sim/sim-chat"]}},
    "global": {"limits": {"concurrency": 10}},
}


async def test_a_call_that_runs_is_seen_and_one_that_is_gone_is_not(tmp_path):
    with Inside(CONFIG, tmp_path) as gateway:
        before = await gateway.alook()
        async with Client(gateway.url) as client:
            client.send(CHAT, chat(stream=True))
            await client.head()
            during = await gateway.alook()
        async with asyncio.timeout(10):
            while (after := await gateway.alook()).tasks != before.tasks:  # noqa: ASYNC110  it tells who asks
                await asyncio.sleep(0.02)

    assert (before.holds, during.holds, after.holds) == (0, 1, 0)
    assert during.tasks > before.tasks
    assert during.sockets > before.sockets == after.sockets
    assert 10 < before.rss_mb <= after.peak_mb < 500
    assert before.stall_ms >= 0
