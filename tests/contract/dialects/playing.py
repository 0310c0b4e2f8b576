"""Plays an exchange of another dialect through a whole gateway, which is asked in OpenAI's format."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from gateway.catalog.catalog import Catalog, Entry
from gateway.core.money import Price
from gateway.core.types import Outcome
from tests.contract.dialects.reading import Exchange
from tests.contract.replay import PIECE, PUBLIC
from tests.serving import serving
from tests.upstream import Loop, Received, ScriptedUpstream, Send, chunk, read_request

TOKEN_PRICE = {"input": 0.3, "cached_input": 0.03, "cache_write": 0.4, "output": 1.5}
"""Of models that no list has: USD a million tokens."""
IMAGE_PRICE = {"per_image": {"default": 0.04}}
PREFIXES = {"openrouter": "/api/v1"}
"""What a base URL holds beside the origin, where a provider's own SDK takes more than that."""


class Played(msgspec.Struct, frozen=True):
    """What came of it: what the client got, what the provider was asked, and the gateway's own record."""

    asked: dict[str, Any]
    path: str
    """The client's, under the gateway's origin."""
    status: int
    headers: httpx.Headers
    body: bytes
    received: list[Received]
    outcome: Outcome
    price: Price | None
    """The target's, at the time of the call."""

    @property
    def is_stream(self) -> bool:
        return self.headers["content-type"].startswith("text/event-stream")


class CatalogOf:
    """The catalog. It knows no abilities of a model that refused, lest the gateway refuse in its stead."""

    def __init__(self, exchange: Exchange) -> None:
        self._catalog = Catalog.load()
        url = urlsplit(exchange.given["request"]["url"])
        self._origin = f"{url.scheme}://{url.netloc}{PREFIXES.get(exchange.provider, '')}"
        self._is_blind = not exchange.answers

    def entry(self, kind: str, model: str, base_url: str | None = None) -> Entry:
        entry = self._catalog.entry(kind, model, self._origin)
        return Entry(entry.price) if self._is_blind else entry


async def play(exchange: Exchange, **changes: Any) -> Played:
    """Ask what was asked, in OpenAI's words. ``changes`` are laid over the request: ``stream=True``."""
    module, given = exchange.module, exchange.given
    path = module.ENDPOINT(given)
    asked = {**module.asked(given), **changes, "model": PUBLIC}
    if asked.get("stream") and path.endswith("/chat/completions"):
        asked["stream_options"] = {"include_usage": True}
    catalog = CatalogOf(exchange)
    async with (
        ScriptedUpstream([Loop([read_request, Send(response(exchange), piece=PIECE)])]) as upstream,
        serving(_config(exchange, catalog, upstream), catalog=catalog) as served,
        httpx.AsyncClient(base_url=served.url, verify=False) as client,
    ):
        reply = await client.post(path, json=asked, timeout=10)
        await served.until(lambda: served.outcomes)
        (outcome,) = served.outcomes
        (target,) = served.gateway.app.parts.models[PUBLIC].targets
        price = target.price.at(outcome.at) if target.price else None
        return Played(asked, path, reply.status_code, reply.headers, reply.content, upstream.requests, outcome, price)


def response(exchange: Exchange) -> bytes:
    """The recorded reply as HTTP: streams chunked, whole replies with their length."""
    body = exchange.body
    headers = exchange.given["response"]["headers"].items()
    lines = [f"HTTP/1.1 {exchange.status} Word"]
    lines += [f"{name}: {value}" for name, value in headers if name.lower() != "content-length"]
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n"
    if not exchange.stream or not exchange.answers:
        return head + b"content-length: %d\r\n\r\n" % len(body) + body
    pieces = [chunk(body[start : start + PIECE]) for start in range(0, len(body), PIECE)]
    return head + b"transfer-encoding: chunked\r\n\r\n" + b"".join(pieces) + b"0\r\n\r\n"


def _config(exchange: Exchange, catalog: CatalogOf, upstream: ScriptedUpstream) -> dict[str, Any]:
    module, given = exchange.module, exchange.given
    kind, model = module.KIND(given), module.MODEL(given)
    target: dict[str, Any] = {"provider": "recorded", "model": model}
    if catalog.entry(kind, model).price is None:
        target["price"] = IMAGE_PRICE if "/images/" in module.ENDPOINT(given) else TOKEN_PRICE
    base_url = upstream.url + PREFIXES.get(exchange.provider, "")
    return {
        "server": {"attempts": 1},
        "state": {"url": "memory://"},
        "providers": {"recorded": {"kind": kind, "base_url": base_url, **module.PROVIDER(given)}},
        "models": {PUBLIC: {"targets": [target]}},
    }


def sent(played: Played) -> dict[str, Any]:
    """The one request that the provider got."""
    (received,) = played.received
    return json.loads(received.body)
