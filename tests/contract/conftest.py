"""Both sides for the clients' checks, and a table of the recorded exchanges at the end of a run."""

from __future__ import annotations

from collections.abc import AsyncIterator

import openai
import pytest

from tests.contract.sides import SIDES, Side, side


@pytest.fixture(name="side", params=SIDES)
async def served_side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    async with side(request.param) as served:
        yield served


@pytest.fixture
async def gateway() -> AsyncIterator[Side]:
    """The gateway's side alone."""
    async with side("gateway") as served:
        yield served


@pytest.fixture
async def sdk(side: Side) -> AsyncIterator[openai.AsyncOpenAI]:
    async with side.client() as client:
        yield client
