"""Every test of this room runs on both event loops: asyncio's, and uvloop, which serves in production."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

from gateway.wire.connector import Connector
from tests.clock import FrozenClock


def pytest_asyncio_loop_factories(config, item):
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
async def connector(clock):
    made = Connector(clock=clock)
    yield made
    await made.aclose()
    assert made.open_connections == 0
