"""One gateway for the tests of a file that change nothing in it: each of its own takes a tenth of a second to make."""

from __future__ import annotations

import pytest_asyncio

from tests.admin.controlling import controlling


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin():
    """A client of a control plane."""
    async with controlling() as (_, client):
        yield client
