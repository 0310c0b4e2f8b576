"""Plays an exchange through a whole gateway: a client that asks it, a provider that gives the recorded reply."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec

from gateway.catalog.catalog import Catalog, Entry
from gateway.core.money import Price
from gateway.core.types import Outcome
from tests.contract.exchanges import Exchange
from tests.serving import serving
from tests.upstream import Loop, Received, ScriptedUpstream, Send, chunk, read_request

PUBLIC = "a-public-name"
SECRET = "sk-upstream-secret"
PIECE = 1_453
"""Bytes of a TCP write and of a chunk: no event's length, so that events come in pieces and several at once."""
OWN_PRICE = {"input": 0.3, "cached_input": 0.03, "output": 1.5}
"""Of models that no list has: USD a million tokens."""


class Replay(msgspec.Struct, frozen=True):
    """What came of it: what the client got, what the provider was asked, and the gateway's own record."""

    status: int
    headers: httpx.Headers
    body: bytes
    received: list[Received]
    outcome: Outcome
    price: Price | None
    """The target's, at the time of the call."""


class ListedCatalog:
    """The catalog, for whom the provider is where it was recorded and not on a loopback port.

    It knows no abilities of a model that refused, lest the gateway refuse in its stead.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._catalog = Catalog.load()
        self._base_url = exchange.url.removesuffix(exchange.endpoint)
        self._is_blind = exchange.is_error

    def entry(self, kind: str, model: str, base_url: str | None = None) -> Entry:
        entry = self._catalog.entry(kind, model, self._base_url)
        return Entry(entry.price) if self._is_blind else entry


async def replay(exchange: Exchange, *, wants_usage: bool = False, spare: bytes | None = None) -> Replay:
    """Ask for what was asked for, under the model's public name.

    ``spare`` is the reply of a second target with all the context in the world, which is tried after the first.
    """
    catalog = ListedCatalog(exchange)
    async with (
        ScriptedUpstream([Loop([read_request, Send(response(exchange), piece=PIECE)])]) as upstream,
        ScriptedUpstream([Loop([read_request, Send(spare or b"")])]) as second,
        serving(_config(exchange, catalog, upstream, second if spare else None), catalog=catalog) as served,
        httpx.AsyncClient(base_url=served.url, verify=False) as client,
    ):
        content, content_type = _request(exchange, wants_usage=wants_usage)
        reply = await client.post(
            f"/v1{exchange.endpoint}", content=content, headers={"content-type": content_type}, timeout=10
        )
        await served.until(lambda: served.outcomes)
        (outcome,) = served.outcomes
        (target, *_) = served.gateway.app.parts.models[_public(exchange)].targets
        price = target.price.at(outcome.at) if target.price else None
        return Replay(reply.status_code, reply.headers, reply.content, upstream.requests, outcome, price)


def response(exchange: Exchange) -> bytes:
    """The recorded reply as HTTP: streams chunked, whole replies with their length."""
    lines = [f"HTTP/1.1 {exchange.status} Word"]
    lines += [f"{name}: {value}" for name, value in exchange.headers.items() if name != "content-length"]
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n"
    if not exchange.stream or exchange.is_error:
        return head + b"content-length: %d\r\n\r\n" % len(exchange.body) + exchange.body
    pieces = [chunk(exchange.body[start : start + PIECE]) for start in range(0, len(exchange.body), PIECE)]
    return head + b"transfer-encoding: chunked\r\n\r\n" + b"".join(pieces) + b"0\r\n\r\n"


def _public(exchange: Exchange) -> str:
    """A form that names no model asks for the endpoint's default."""
    return PUBLIC if exchange.asked is not None else exchange.model


def _config(
    exchange: Exchange, catalog: ListedCatalog, upstream: ScriptedUpstream, second: ScriptedUpstream | None
) -> dict[str, Any]:
    kind = exchange.provider_kind
    target: dict[str, Any] = {"provider": "recorded", "model": exchange.model}
    if catalog.entry(kind, exchange.model).price is None:
        target["price"] = OWN_PRICE
    providers = {"recorded": {"kind": kind, "base_url": upstream.url + exchange.prefix, "api_key": SECRET}}
    if exchange.api_version:
        providers["recorded"]["api_version"] = exchange.api_version
    targets = [target]
    if second is not None:
        providers["spare"] = {"kind": "openai", "base_url": f"{second.url}/v1", "api_key": SECRET}
        capabilities = {"context_tokens": 100_000_000}
        targets.append({"provider": "spare", "model": "spare", "price": "free", "capabilities": capabilities})
    return {
        "server": {"attempts": 2 if second else 1},
        "state": {"url": "memory://"},
        "providers": providers,
        "models": {_public(exchange): {"targets": targets}},
    }


def _request(exchange: Exchange, *, wants_usage: bool) -> tuple[bytes, str]:
    if exchange.asked is None:
        return exchange.form, exchange.content_type
    body = {**exchange.asked, "model": PUBLIC}
    body.pop("stream_options", None)
    if wants_usage:
        body["stream_options"] = {"include_usage": True}
    return json.dumps(body).encode(), "application/json"
