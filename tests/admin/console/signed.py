"""A browser at the console, as far as HTTP goes: its headers, and a session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.admin.controlling import ADMIN_KEY
from tests.serving import Serving

OWN = {"sec-fetch-site": "same-origin", "x-sluice-console": "1"}
"""What a browser sends with what the console's own page asks, and the header that the page puts beside it."""


@asynccontextmanager
async def browser(served: Serving, headers: dict[str, str] | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """Keeps cookies, and has no key."""
    async with httpx.AsyncClient(base_url=served.url, headers=OWN if headers is None else headers) as client:
        yield client


async def sign_in(client: httpx.AsyncClient, key: str = ADMIN_KEY) -> httpx.Response:
    return await client.post("/console/session", json={"key": key})
