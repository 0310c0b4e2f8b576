"""Clients that hang up are noticed at once, whatever the simulator is doing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.simulator.app import Simulator
from gateway.simulator.server import running

HOUR = 3_600_000


@pytest.fixture
def simulator() -> Simulator:
    """Its sleeps are real: those that a test asks for are so long that only a hang-up can end them."""
    return Simulator()


@asynccontextmanager
async def asking(base_url: str, fault: str, **fields: Any) -> AsyncIterator[asyncio.StreamReader]:
    """A request on a connection of its own, which closes at the block's end."""
    parts = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-sim-fault: {fault}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    try:
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()


async def until(simulator: Simulator, **expected: int) -> None:
    """Wait for these counts; the timeout is for a test that fails."""
    async with asyncio.timeout(5):
        while any(getattr(simulator.stats, name) != value for name, value in expected.items()):  # noqa: ASYNC110  (counts tell nobody)
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("fault", "stream"),
    [
        ("stall", False),
        ("stall", True),
        (f"ttft_ms={HOUR}", False),
        (f"ttft_ms={HOUR}", True),
        (f"ttft_ms={HOUR}&status=503", False),
        (f"ttft_ms={HOUR}&close", False),
        ("tokens_per_s=0.001", False),
    ],
)
async def test_a_client_that_goes_before_the_head_is_noticed(
    simulator: Simulator, base_url: str, fault: str, *, stream: bool
) -> None:
    async with asking(base_url, fault, stream=stream):
        await until(simulator, open=1)
    await until(simulator, open=0, disconnects=1)
    assert simulator.stats.last_disconnect is not None
    assert simulator.stats.statuses == {}


@pytest.mark.parametrize(
    ("fault", "stream"),
    [
        ("tokens_per_s=0.001", True),
        ("stall_after=3", True),
        ("stall_after=3&tokens_per_s=1000000", True),
        ("stall_after=3", False),
        (f"gap_ms={HOUR}", True),
        (f"gap_ms={HOUR}", False),
    ],
)
async def test_a_client_that_goes_after_the_head_is_noticed(
    simulator: Simulator, base_url: str, fault: str, *, stream: bool
) -> None:
    async with asking(base_url, fault, stream=stream) as reader:
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        assert simulator.stats.open == 1
    await until(simulator, open=0, disconnects=1)
    assert simulator.stats.statuses == {200: 1}


async def test_a_client_that_goes_while_it_sends_is_noticed(simulator: Simulator, base_url: str) -> None:
    parts = urlsplit(base_url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf")
    await until(simulator, open=1)
    writer.close()
    await writer.wait_closed()
    await until(simulator, open=0, disconnects=1)


async def test_a_stream_falls_silent_with_its_first_events_sent(simulator: Simulator, base_url: str) -> None:
    async with asking(base_url, "stall_after=2", stream=True) as reader:
        for _ in range(2):
            await reader.readuntil(b"data: ")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readuntil(b"data: "), 0.02)
    await until(simulator, open=0, disconnects=1)


async def test_a_client_that_stays_is_no_disconnect(simulator: Simulator, http: httpx.AsyncClient) -> None:
    body = {"model": "m?ttft_ms=1&tokens_per_s=5000", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    for _ in range(3):
        assert (await http.post("/v1/chat/completions", json=body)).content.endswith(b"[DONE]\n\n")
    await until(simulator, open=0, requests=3)
    assert simulator.stats.disconnects == 0
    assert simulator.stats.last_disconnect is None


async def test_many_hang_ups_leave_nothing_behind(simulator: Simulator, base_url: str) -> None:
    before = len(asyncio.all_tasks())

    async def hang_up() -> None:
        async with asking(base_url, "stall", stream=True):
            await asyncio.sleep(0)

    for _ in range(10):
        await asyncio.gather(*(hang_up() for _ in range(20)))
    await until(simulator, open=0, requests=200, disconnects=200)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before


async def test_stopping_the_server_ends_what_is_open(simulator: Simulator) -> None:
    async with running(simulator) as url, asyncio.timeout(5):
        connection = asking(url, "stall")
        reader = await connection.__aenter__()
        await until(simulator, open=1)
    assert await reader.read() == b""
    await connection.__aexit__(None, None, None)
    assert simulator.stats.open == 0
