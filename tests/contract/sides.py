"""The two sides that every client check runs against: the simulated provider itself, and Sluice in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import httpx
import openai

from gateway.core.types import Outcome
from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.server import running
from tests.serving import Serving, serving

NO_TLS = False
"""Reading the system's roots for each client would take longer than the tests."""
KEY = "sk-shared-by-both-sides"
SIDES = ("direct", "gateway")
MODELS = ("gpt-5-mini", "gpt-image-1", "dall-e-2", "text-embedding-3-small")
TOKEN_PRICE = {"input": 1, "cached_input": 0.5, "output": 2, "image_input": 3, "image_output": 4}
PRICES = {"dall-e-2": {"per_image": 0.02}}


def gateway_config(base_url: str, **more: Any) -> dict[str, Any]:
    """A gateway in front of one provider at ``base_url``, which has the models under their own names."""
    config: dict[str, Any] = {
        # One attempt: an error of the provider is the client's at once, as it is without a gateway.
        "server": {"attempts": 1, "max_body_mb": 8},
        "state": {"url": "memory://"},
        "providers": {"sim": {"kind": "openai", "base_url": base_url, "api_key": KEY}},
        "models": {
            model: {"targets": [{"provider": "sim", "model": model, "price": PRICES.get(model, TOKEN_PRICE)}]}
            for model in MODELS
        },
        "keys": [{"name": "tests", "key": KEY}],
    }
    return {**config, **more}


class Side:
    """A base URL that speaks OpenAI's format, and the simulator that answers in the end."""

    def __init__(
        self, name: str, base_url: str, simulator: Simulator, simulator_url: str, serving: Serving | None = None
    ) -> None:
        self.name = name
        self.base_url = base_url
        self.simulator = simulator
        self.simulator_url = simulator_url
        self.serving = serving

    @property
    def is_gateway(self) -> bool:
        return self.serving is not None

    @property
    def outcomes(self) -> list[Outcome]:
        """The gateway's record of every call; only behind ``is_gateway``."""
        assert self.serving is not None
        return self.serving.outcomes

    def client(self, **options: Any) -> openai.AsyncOpenAI:
        """The official SDK, pointed here."""
        http = openai.DefaultAsyncHttpxClient(verify=NO_TLS)
        return openai.AsyncOpenAI(
            **{"base_url": self.base_url, "api_key": KEY, "max_retries": 0, "http_client": http, **options}
        )

    def blocking_client(self, **options: Any) -> openai.OpenAI:
        http = openai.DefaultHttpxClient(verify=NO_TLS)
        return openai.OpenAI(
            **{"base_url": self.base_url, "api_key": KEY, "max_retries": 0, "http_client": http, **options}
        )

    def plain(self) -> httpx.AsyncClient:
        """Plain HTTP; paths as ``/v1/models``."""
        return httpx.AsyncClient(
            base_url=self.base_url.removesuffix("/v1"), headers={"authorization": f"Bearer {KEY}"}, verify=NO_TLS
        )

    def __repr__(self) -> str:
        return f"<Side {self.name}>"


@asynccontextmanager
async def side(name: str, behaviour: Behaviour | None = None, **config: Any) -> AsyncIterator[Side]:
    """Serve one side on free ports. ``config`` is laid over the gateway's."""
    simulator = Simulator(behaviour or Behaviour(), api_key=KEY, models=MODELS, random=Random(7))
    async with running(simulator) as base_url:
        if name == "direct":
            yield Side(name, base_url, simulator, base_url)
            return
        async with serving(gateway_config(base_url, **config)) as served:
            yield Side(name, served.base_url, simulator, base_url, served)
