"""A gateway whose control plane is on, with something to see in it, and a client that has its key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.serving import Serving, serving

ADMIN_KEY = "admin-0123456789abcdef"
ADMINS = {"viewer": "viewer-0123456789abcd", "operator": "operator-0123456789ab", "admin": ADMIN_KEY}
"""A key of each role. Their names: vera, otto, and admin."""
CLIENT_KEY = "sk-client-0123456789"

CONFIG: dict[str, Any] = {
    "server": {"admin_key": ADMIN_KEY},
    "admins": [
        {"name": "vera", "key": ADMINS["viewer"]},
        {"name": "otto", "key": ADMINS["operator"], "role": "operator"},
    ],
    "providers": {
        "cheap": {"kind": "simulator", "price": {"input": 0.1, "output": 0.4}, "region": "eu"},
        "fast": {
            "kind": "simulator",
            "price": {"input": 0.6, "output": 2.4},
            "region": "us",
            "headers": {"x-tenant": "research"},
            "budgets": [{"usd": 2, "per": "day"}],
        },
        "away": {"kind": "openai", "api_key": ""},
    },
    "models": {
        "small": {
            "targets": [
                {"provider": "fast", "model": "sim-chat", "quality": {"default": 60, "code": 70}},
                {"provider": "cheap", "model": "sim-chat", "capabilities": {"features": ["streaming"]}},
                "away/gpt-5-mini",
            ],
            "route": {"by": "cost", "max_cost_usd": 0.5},
            "fallbacks": ["picture"],
        },
        "picture": {
            "targets": [
                {
                    "provider": "fast",
                    "model": "sim-image",
                    "price": {"per_image": {"default": 0.05}},
                    "capabilities": {"endpoints": ["images/generations"]},
                }
            ],
            "limits": {"images_per_minute": 10},
        },
    },
    "teams": {"research": {"limits": {"rpm": 600}, "budgets": [{"usd": 100, "per": "month"}]}},
    "keys": [
        {
            "name": "ci",
            "key": CLIENT_KEY,
            "team": "research",
            "models": ["sm*"],
            "regions": ["eu"],
            "expires": "2027-01-31",
            "limits": {"rpm": 60, "tpm": 100_000, "concurrency": 8},
            "budgets": [{"usd": 5, "per": "day"}],
        },
        {"name": "open", "key": "sk-another-0123456789"},
    ],
}

PATHS = tuple(f"/admin/v1/{name}" for name in ("targets", "models", "providers", "usage", "keys", "teams", "config"))
"""Whose GET answers with something, whatever the gateway has been through."""


@asynccontextmanager
async def controlling(
    config: dict[str, Any] | None = None, *, admin_key: str = ADMIN_KEY, **parts: Any
) -> AsyncIterator[tuple[Serving, httpx.AsyncClient]]:
    """A served gateway and a client of its control plane."""
    headers = {"authorization": f"Bearer {admin_key}"}
    async with (
        serving(config or CONFIG, **parts) as served,
        httpx.AsyncClient(base_url=served.url, headers=headers) as client,
    ):
        yield served, client


def rows(reply: httpx.Response) -> list[dict[str, Any]]:
    """The rows of a listing."""
    assert reply.status_code == 200, reply.text
    document = reply.json()
    assert document["object"] == "list"
    return document["data"]


def error_of(reply: httpx.Response) -> dict[str, Any]:
    """The error object, which has OpenAI's fields and no others."""
    assert reply.headers["content-type"] == "application/json"
    document = reply.json()
    assert list(document) == ["error"]
    assert set(document["error"]) == {"message", "type", "param", "code"}
    return document["error"]


def authorized(role: str) -> dict[str, str]:
    """The header by which somebody of this role is known."""
    return {"authorization": f"Bearer {ADMINS[role]}"}
