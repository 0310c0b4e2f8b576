"""One browser and one gateway for all tests of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.chromium import chromium
from tests.browser.scene import calls, scene
from tests.serving import Serving


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    """A gateway that some calls have been made to."""
    async with scene(tmp_path_factory.mktemp("console")) as running:
        await calls(running.url, 60)
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(tmp_path: Path) -> AsyncIterator[Serving]:
    """A gateway of the test's own, that nobody has called."""
    async with scene(tmp_path) as running:
        yield running
