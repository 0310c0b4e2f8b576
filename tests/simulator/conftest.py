"""A simulator over a real socket whose time is the tests': waiting moves the clock and takes no time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import httpx
import openai
import pytest

from gateway.simulator.app import Simulator
from gateway.simulator.server import running
from tests.clock import FrozenClock

NO_TLS = False
"""Reading the system's roots for each client would take longer than the tests."""


class Naps:
    """Sleeps that take no time: each moves the clock on and is remembered."""

    def __init__(self, clock: FrozenClock) -> None:
        self.clock = clock
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def naps(clock: FrozenClock) -> Naps:
    return Naps(clock)


@pytest.fixture
def simulator(clock: FrozenClock, naps: Naps) -> Simulator:
    return Simulator(clock=clock, random=Random(7), sleep=naps)


@pytest.fixture
async def base_url(simulator: Simulator) -> AsyncIterator[str]:
    async with running(simulator) as url:
        yield url


@pytest.fixture
async def http(base_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Paths are from the root: ``/v1/models``, ``/_sim/stats``."""
    async with httpx.AsyncClient(base_url=base_url.removesuffix("/v1"), verify=NO_TLS) as client:
        yield client


@pytest.fixture
async def sdk(base_url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=base_url,
        api_key="sk-any",
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(verify=NO_TLS),
    ) as client:
        yield client
