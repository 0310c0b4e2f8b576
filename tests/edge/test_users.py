"""End users of a key, as the ``user`` field names them, each with limits and budgets of its own."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.limits.base import Consumption
from gateway.limits.book import claims
from gateway.state.base import Reservation
from gateway.state.counters import Counters
from tests.clock import MovableClock
from tests.limits.calls import call
from tests.serving import serving

KEY, OTHER = "sk-client-0123456789", "sk-another-0123456789"
ONE = Consumption(requests=1)
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_completion_tokens": 5}


def config(*, team: dict[str, Any] | None = None, key: dict[str, Any] | None = None, **limits: Any) -> dict[str, Any]:
    images = {"per_image": {"default": 0.01}}
    return {
        "server": {"hold_wait_s": 0},
        "providers": {"p": {"kind": "simulator"}},
        "models": {
            "m": {"targets": [{"provider": "p", "model": "sim-chat", "price": {"input": 1, "output": 10}}]},
            "e": {"targets": [{"provider": "p", "model": "sim-embedding", "price": {"input": 1, "output": 0}}]},
            "i": {
                "targets": [
                    {
                        "provider": "p",
                        "model": "sim-image",
                        "price": images,
                        "capabilities": {"endpoints": ["images/generations", "images/edits", "images/variations"]},
                    }
                ]
            },
        },
        "teams": {"research": {"users": team or {}, **limits}},
        "keys": [
            {"name": "ci", "key": KEY, "team": "research", "users": key or {}},
            {"name": "web", "key": OTHER, "team": "research"},
        ],
    }


class Client:
    """Asks as one end user or another."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def chat(self, user: str | None, key: str = KEY) -> httpx.Response:
        body = HELLO if user is None else {**HELLO, "user": user}
        return await self.http.post("/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})

    async def embed(self, user: str) -> httpx.Response:
        body = {"model": "e", "input": "hello", "user": user}
        return await self.http.post("/embeddings", json=body, headers={"authorization": f"Bearer {KEY}"})

    async def edit(self, user: str) -> httpx.Response:
        fields = {"model": "i", "prompt": "a cat", "user": user}
        files = {"image": ("a.png", b"\x89PNG\r\n\x1a\n", "image/png")}
        return await self.http.post(
            "/images/edits", data=fields, files=files, headers={"authorization": f"Bearer {KEY}"}
        )


@asynccontextmanager
async def clients(**parts: Any):
    clock = parts.pop("clock", None)
    async with (
        serving(config(**parts), clock=clock) as served,
        httpx.AsyncClient(base_url=served.base_url) as http,
    ):
        yield served, Client(http)


def message(reply: httpx.Response) -> str:
    return reply.json()["error"]["message"]


async def test_one_user_is_limited_and_the_other_is_not():
    async with clients(team={"limits": {"rpm": 1}}) as (_, client):
        assert (await client.chat("alice")).status_code == 200
        refused = await client.chat("alice")

        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert "rpm of user alice of team research" in message(refused)
        assert int(refused.headers["retry-after"]) >= 1
        assert (await client.chat("bob")).status_code == 200


async def test_a_teams_user_is_one_whatever_key_it_comes_by_and_a_keys_user_is_not():
    async with clients(team={"limits": {"rpm": 1}}) as (_, client):
        assert (await client.chat("alice")).status_code == 200
        assert (await client.chat("alice", OTHER)).status_code == 429
    async with clients(key={"limits": {"rpm": 1}}) as (_, client):
        assert (await client.chat("alice")).status_code == 200
        assert (await client.chat("alice", OTHER)).status_code == 200
        assert "rpm of user alice of key ci" in message(await client.chat("alice"))


async def test_calls_that_name_nobody_share_what_one_user_may():
    async with clients(key={"limits": {"rpm": 1}}) as (_, client):
        assert (await client.chat(None)).status_code == 200
        for nobody in (None, ""):
            assert "rpm of user - of key ci" in message(await client.chat(nobody))
        assert (await client.chat("-")).status_code == 200


async def test_each_user_has_a_budget():
    async with clients(key={"budgets": [{"usd": 0.001, "per": "day"}]}) as (served, client):
        served_calls = 0
        while (refused := await client.chat("alice")).status_code == 200:
            served_calls += 1

        assert served_calls > 1
        assert refused.json()["error"]["code"] == "insufficient_quota"
        assert "the $0.001 per day budget of user alice of key ci" in message(refused)
        assert (await client.chat("bob")).status_code == 200
        await served.until(lambda: len(served.outcomes) == served_calls + 2)
        assert sum(outcome.cost_nanousd for outcome in served.outcomes if outcome.user == "alice") <= 1_000_000


@pytest.mark.parametrize("ask", ["embed", "edit"])
async def test_embeddings_and_forms_say_who_their_user_is_too(ask):
    async with clients(key={"limits": {"rpm": 1}}) as (_, client):
        first = await getattr(client, ask)("alice")
        assert first.status_code == 200, first.text

        refused = await client.chat("alice")
        assert "rpm of user alice of key ci" in message(refused)
        assert "user alice" in message(await getattr(client, ask)("alice"))
        assert (await getattr(client, ask)("bob")).status_code == 200


async def test_the_headers_tell_of_the_narrowest_limit_a_users_among_them():
    async with clients(team={"limits": {"rpm": 5}}, limits={"rpm": 100}) as (_, client):
        await client.chat("alice")
        alice, bob = await client.chat("alice"), await client.chat("bob")

        assert alice.headers["x-ratelimit-limit-requests"] == "5"
        assert alice.headers["x-ratelimit-remaining-requests"] == "3"
        assert bob.headers["x-ratelimit-remaining-requests"] == "4"


@pytest.mark.parametrize("user", ["x" * 10_000, "alice\r\nx-evil: 1", "bob of key ci", "ключ" * 30, "\x00", "%0a"])
async def test_a_users_name_may_be_anything(user):
    async with clients(key={"limits": {"rpm": 1}}) as (_, client):
        assert (await client.chat(user)).status_code == 200
        refused = await client.chat(user)

        assert refused.status_code == 429
        assert len(message(refused)) < 250
        assert message(refused).isascii()
        assert message(refused).isprintable()
        assert (await client.chat("bob")).status_code == 200


async def test_the_counters_of_many_users_go_again():
    clock = MovableClock()
    async with clients(key={"limits": {"rpm": 5, "concurrency": 2}}, clock=clock) as (served, _):
        book = served.gateway.app.parts.pipeline._admission.book
        counters = served.gateway.store._counters
        assert isinstance(counters, Counters)
        caller = served.gateway.app.parts.identity.known(KEY.encode())
        biggest = 0
        for number in range(100_000):
            if number % 1_000 == 0:
                clock.advance(10)
            await hold_and_settle(served.gateway.store, book, caller, f"user-{number}", number)
            biggest = max(biggest, len(counters._round))

        # Those of the last minute, twice over at most: the sweep is half a round behind.
        assert biggest < 30_000
        assert len(book._of_call) <= 10_000


async def hold_and_settle(store, book, caller, user, number):
    limits = book.of_call(call(caller=caller, user=user))
    await store.hold([Reservation(f"r{number}", claims(limits, ONE))])
    store.settle(f"r{number}", [limit.amount(ONE) for limit in limits])
