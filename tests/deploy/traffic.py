"""A gateway with something of everything to show on dashboards, and clients that count what they get.

Two workers over a real Redis; providers that answer, fail, are gone, have limits, or have no price; chats whole and
streamed, images, embeddings, wrong keys, used-up limits and budgets.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.server import running
from tests.client import CHAT, Answer, Client, chat
from tests.processes import program

IMAGES = "/v1/images/generations"
EMBEDDINGS = "/v1/embeddings"
CLIENTS = 12

BEHAVIOURS: Mapping[str, Behaviour] = {
    "swift": Behaviour(ttft_ms=20, tokens_per_s=400, image_ms=120, jitter=0.5, output_tokens=24, cached_tokens=4),
    "flaky": Behaviour(ttft_ms=60, tokens_per_s=200, jitter=0.5, output_tokens=24, error_rate=0.2, error_status=503),
    "gone": Behaviour(close=True),
    "mystery": Behaviour(ttft_ms=30, tokens_per_s=300, output_tokens=16),
}
PRICES: Mapping[str, Any] = {
    "swift": {"input": 60, "cached_input": 6, "output": 240},
    "flaky": {"input": 10, "output": 40},
    "gone": {"input": 5, "output": 20},
}
PER_IMAGE = {"low/1024x1024": 0.005, "medium/1024x1024": 0.011, "high/1024x1536": 0.06, "default": 0.05}
MODELS: Mapping[str, Any] = {
    "chat": {
        "targets": [{"provider": name, "model": "sim-chat", "price": PRICES[name]} for name in ("flaky", "swift")],
        "route": "ordered",
    },
    "fast": {
        "targets": [{"provider": name, "model": "sim-chat", "price": PRICES[name]} for name in ("gone", "swift")],
        "route": "ordered",
    },
    "doomed": {"targets": [{"provider": "gone", "model": "sim-doomed", "price": PRICES["gone"]}]},
    "mystery": {"targets": [{"provider": "mystery", "model": "sim-chat"}]},
    "drawing": {"targets": [{"provider": "swift", "model": "sim-image", "price": {"per_image": PER_IMAGE}}]},
    "vectors": {"targets": [{"provider": "swift", "model": "sim-embedding", "price": {"input": 0.02, "output": 0}}]},
}
PRICED = [name for name in MODELS if name != "mystery"]
KEYS: tuple[Mapping[str, Any], ...] = (
    {
        "name": "web",
        "key": "sk-web-0123456789",
        "team": "product",
        "models": PRICED,
        "budgets": [{"usd": 100, "per": "day"}],
    },
    {"name": "batch", "key": "sk-batch-0123456789", "team": "research", "models": PRICED, "limits": {"rpm": 30_000}},
    {"name": "loner", "key": "sk-loner-0123456789"},
    {"name": "slow", "key": "sk-slow-0123456789", "limits": {"rpm": 3}},
    {
        "name": "poor",
        "key": "sk-poor-0123456789",
        "team": "research",
        "models": PRICED,
        "budgets": [{"usd": 0.02, "per": "month"}],
    },
)
TEAMS: Mapping[str, Any] = {
    "product": {"budgets": [{"usd": 60, "per": "day"}], "limits": {"rpm": 60_000}},
    "research": {"budgets": [{"usd": 20, "per": "hour"}]},
}


class Counts:
    """What clients saw with their own eyes."""

    def __init__(self) -> None:
        self.calls = 0
        self.failed = 0
        """5xx, and streams that ended with an error."""
        self.refused = 0
        self.tokens = 0
        self.images = 0
        self.cost_usd = 0.0
        self.statuses: Counter[int] = Counter()

    def take(self, answer: Answer) -> None:
        self.calls += 1
        self.statuses[answer.status] += 1
        self.refused += 400 <= answer.status < 500
        if answer.headers["content-type"].startswith("text/event-stream"):
            self._take_stream([json.loads(data) for data in answer.events if data != b"[DONE]"])
            return
        self.failed += answer.status >= 500
        self.images += len(answer.json.get("data", ())) if "created" in answer.json else 0
        self.tokens += (answer.json.get("usage") or {}).get("total_tokens", 0)
        self.cost_usd += float(answer.headers.get("x-sluice-cost-usd", 0))

    def _take_stream(self, events: list[dict[str, Any]]) -> None:
        self.failed += "error" in events[-1]
        for event in events:
            self.tokens += (event.get("usage") or {}).get("total_tokens", 0)
            self.cost_usd += (event.get("sluice") or {}).get("cost_usd") or 0


class Traffic:
    """A gateway under way, and its clients."""

    def __init__(self, url: str, simulators: Mapping[str, Simulator]) -> None:
        self.url = url
        self.simulators = simulators
        self.counts = Counts()

    async def run(self, seconds: float) -> None:
        """As many clients as there are places ask, each one call after another. Each kind of call is made at least once
        by each of them.
        """
        end = asyncio.get_running_loop().time() + seconds
        await asyncio.gather(*(self._client(random.Random(number), end) for number in range(CLIENTS)))

    async def _client(self, dice: random.Random, end: float) -> None:
        kinds = list(CALLS)
        weights = [weight for weight, _, _ in kinds]
        todo = dice.sample(kinds, len(kinds))
        while todo or asyncio.get_running_loop().time() < end:
            _, key, call = todo.pop() if todo else dice.choices(kinds, weights)[0]
            async with Client(self.url, key) as client:
                self.counts.take(await call(client, dice))
            await asyncio.sleep(dice.uniform(0, 0.1))


def _chat(model: str, **fields: Any) -> Callable[[Client, random.Random], Awaitable[Answer]]:
    return lambda client, dice: client.ask(CHAT, chat(" ".join(["word"] * dice.randint(2, 12)), model, **fields))


def _draw(client: Client, dice: random.Random) -> Awaitable[Answer]:
    quality, size = dice.choice([("low", "1024x1024"), ("medium", "1024x1024"), ("high", "1024x1536")])
    body = {"model": "drawing", "prompt": "a cat", "quality": quality, "size": size, "n": dice.choice([1, 1, 2])}
    return client.ask(IMAGES, body)


def _embed(client: Client, _dice: random.Random) -> Awaitable[Answer]:
    return client.ask(EMBEDDINGS, {"model": "vectors", "input": "some words"})


STREAMED: Mapping[str, Any] = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": 32}
CALLS: tuple[tuple[int, str, Callable[[Client, random.Random], Awaitable[Answer]]], ...] = (
    (30, "sk-web-0123456789", _chat("chat", **STREAMED)),
    (20, "sk-batch-0123456789", _chat("chat", max_tokens=32)),
    (15, "sk-web-0123456789", _chat("fast", **STREAMED)),
    (10, "sk-web-0123456789", _draw),
    (8, "sk-batch-0123456789", _embed),
    (4, "sk-loner-0123456789", _chat("mystery", max_tokens=32)),
    (3, "sk-web-0123456789", _chat("doomed", max_tokens=32)),
    (1, "sk-loner-0123456789", _chat("mystery", **STREAMED, sim="cut=3")),
    (2, "sk-slow-0123456789", _chat("fast", max_tokens=32)),
    (2, "sk-poor-0123456789", _chat("fast", max_tokens=64)),
    (1, "sk-wrong-0123456789", _chat("chat", max_tokens=32)),
    (1, "sk-loner-0123456789", _chat("no-such-model", max_tokens=32)),
)
"""How often, by which key, and what."""


@asynccontextmanager
async def traffic(folder: Path, redis_url: str) -> AsyncIterator[Traffic]:
    async with AsyncExitStack() as stack:
        simulators = {name: Simulator(behaviour) for name, behaviour in BEHAVIOURS.items()}
        urls = {name: await stack.enter_async_context(running(each)) for name, each in simulators.items()}
        config = folder / "sluice.yaml"
        config.write_text(yaml.safe_dump(settings(urls, redis_url, folder)))
        serve = ("serve", "--config", str(config), "--workers", "2", "--port", "0")
        served = await stack.enter_async_context(program("gateway", *serve, environ={"TMPDIR": str(folder)}))
        yield Traffic(served.url, simulators)


def settings(urls: Mapping[str, str], redis_url: str, folder: Path) -> dict[str, Any]:
    limits = {"swift": {"rpm": 6_000, "concurrency": 40}, "flaky": {"rpm": 3_000}}
    return {
        "server": {"log": {"level": "warning"}},
        "state": {"url": redis_url, "journal": str(folder / "journal.db")},
        "providers": {
            name: {"kind": "simulator", "base_url": url, "limits": limits.get(name, {})} for name, url in urls.items()
        },
        "models": dict(MODELS),
        "keys": list(KEYS),
        "teams": dict(TEAMS),
        # No budget here: what nobody knows the price of is not served under one.
        "global": {"limits": {"concurrency": 500}},
    }
