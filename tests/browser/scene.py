"""A gateway with something of everything to see in the console, and clients that call it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from gateway.settings import check
from tests.client import CHAT, Answer, Client, chat
from tests.serving import Serving, serving, yaml_of

ADMIN_KEY = "admin-0123456789abcdef"
VIEWER_KEY = "viewer-0123456789abcd"
WEB_KEY = "sk-web-0123456789"
BATCH_KEY = "sk-batch-0123456789"
POOR_KEY = "sk-poor-0123456789"
IMAGES = "/v1/images/generations"
PER_IMAGE = {"low/1024x1024": 0.011, "medium/1024x1024": 0.042, "high/1024x1536": 0.25, "default": 0.042}


def _target(provider: str, model: str, input_usd: float, output_usd: float, quality: int) -> dict[str, Any]:
    price = {"input": input_usd, "output": output_usd}
    return {"provider": provider, "model": model, "price": price, "quality": {"default": quality}}


CONFIG: Mapping[str, Any] = {
    "server": {"admin_key": ADMIN_KEY},
    "admins": [{"name": "vera", "key": VIEWER_KEY}],
    "providers": {
        "aurora": {
            "kind": "simulator",
            "region": "eu",
            "options": {"ttft_ms": 60, "tokens_per_s": 400, "jitter": 0.5, "output_tokens": 60},
        },
        "boreal": {
            "kind": "simulator",
            "region": "us",
            "options": {"ttft_ms": 25, "tokens_per_s": 900, "jitter": 0.4, "output_tokens": 60},
            "budgets": [{"usd": 40, "per": "day"}],
        },
        "cirrus": {"kind": "simulator", "region": "eu", "options": {"ttft_ms": 15, "status": 503}},
        "studio": {"kind": "simulator", "options": {"image_ms": 80, "jitter": 0.5}, "limits": {"rpm": 600}},
        "elsewhere": {"kind": "openai", "api_key": ""},
    },
    "models": {
        "assistant": {
            "targets": [_target("aurora", "sim-chat", 2.5, 10, 82), _target("boreal", "sim-chat", 1.1, 4.4, 71)],
            "route": "ordered",
            "fallbacks": ["small"],
        },
        "small": {
            "targets": [_target("boreal", "sim-small", 0.25, 2, 55), "elsewhere/gpt-5-mini"],
            "limits": {"rpm": 3_000},
        },
        # Its first provider fails, so that each call needs another.
        "steady": {
            "targets": [_target("cirrus", "sim-steady", 0.5, 2, 60), _target("boreal", "sim-steady", 0.6, 2.4, 60)],
            "route": "ordered",
        },
        # Nobody can serve it: the configuration's one problem.
        "planned": {"targets": ["elsewhere/gpt-5"]},
        "illustrator": {
            "targets": [{"provider": "studio", "model": "sim-image", "price": {"per_image": PER_IMAGE}}],
            "limits": {"images_per_minute": 600},
        },
    },
    "teams": {
        "product": {"budgets": [{"usd": 8, "per": "month"}], "limits": {"rpm": 1_200, "concurrency": 64}},
        "research": {"budgets": [{"usd": 250, "per": "month"}]},
    },
    "keys": [
        {"name": "web", "key": WEB_KEY, "team": "product", "budgets": [{"usd": 5, "per": "day"}]},
        {"name": "batch", "key": BATCH_KEY, "team": "research", "limits": {"rpm": 2_000, "tpm": 900_000}},
        {"name": "trial", "key": POOR_KEY, "budgets": [{"usd": 0.01, "per": "day"}], "expires": "2099-12-31"},
    ],
}


@asynccontextmanager
async def scene(folder: Path, config: Mapping[str, Any] = CONFIG) -> AsyncIterator[Serving]:
    """The gateway, served from a file in ``folder``, with what ``sluice check`` says of it."""
    file = folder / "sluice.yaml"
    file.write_text(yaml_of(config))
    _, problems = check(file, {})
    # As whoever starts it in its folder sees it.
    named = [msgspec.structs.replace(problem, file=file.name) for problem in problems]
    async with serving(config, file=file, problems=named) as served:
        yield served


async def calls(url: str, number: int, *, clients: int = 4, seed: int = 1) -> int:
    """Make so many calls of every kind. Gives how many of them got a status of 500 and above: none is expected."""
    dice = random.Random(seed)
    todo = [_call(dice) for _ in range(number)]
    failed = 0

    async def client() -> None:
        nonlocal failed
        while todo:
            key, path, body = todo.pop()
            failed += (await ask(url, path, body, key)).status >= 500

    await asyncio.gather(*(client() for _ in range(clients)))
    return failed


async def ask(url: str, path: str, body: Mapping[str, Any], key: str = WEB_KEY) -> Answer:
    async with Client(url, key) as one:
        return await one.ask(path, body)


def _call(dice: random.Random) -> tuple[str, str, dict[str, Any]]:
    kind = dice.random()
    if kind < 0.05:
        quality, size = dice.choice([key.split("/") for key in PER_IMAGE if "/" in key])
        return BATCH_KEY, IMAGES, {"model": "illustrator", "prompt": "a cat", "quality": quality, "size": size}
    if kind < 0.08:
        return POOR_KEY, CHAT, chat("hello", "small")
    key = dice.choice([WEB_KEY, BATCH_KEY])
    model = dice.choices(["assistant", "small", "steady"], [5, 4, 1])[0]
    words = " ".join(["word"] * dice.randint(4, 60))
    return key, CHAT, chat(words, model, stream=dice.random() < 0.6)
