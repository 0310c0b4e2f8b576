"""What carries calls to providers, shared by all that go the same way."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from gateway.core.clock import Clock
from gateway.core.exchange import Origin, Transport
from gateway.settings.provider import Provider as Said
from gateway.wire.connector import Connector
from gateway.wire.tls import Tls

MAX_CONNECTIONS = 4_096
"""To one origin; calls beyond it wait for one to come free."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """What a transport is made of: two providers of the same way share one."""

    tls: Tls
    certificates: bytes
    """A digest of the files that ``tls`` names: renewed ones make another way."""
    proxy: str | None = None
    http2: bool = False
    origin: Origin | None = None
    """Where it leads to, for httpx alone; None for the gateway's own connector, which has a pool for each origin."""

    def __repr__(self) -> str:
        return f"<Way to {self.origin or 'anywhere'}>"  # a proxy's URL may hold a password


def way_to(said: Said, base_url: str) -> Way:
    """How the provider is reached. Reads the files of its certificates."""
    tls = Tls(ca_file=said.tls.ca_file, client_cert=said.tls.client_cert, client_key=said.tls.client_key)
    certificates = _digest(tls)
    if said.transport.kind == "native":
        return Way(tls=tls, certificates=certificates)
    proxy = said.transport.proxy.get_secret_value() if said.transport.proxy else None
    origin = Origin.of(base_url)
    return Way(tls=tls, certificates=certificates, proxy=proxy, http2=said.transport.http2, origin=origin)


@asynccontextmanager
async def open_transport(way: Way, clock: Clock) -> AsyncIterator[Transport]:
    """The transport of this way, with every connection closed at the end.

    Raises ConfigError for certificates or a proxy that can't be used.
    """
    # In a thread: to read the system's authorities takes 20 ms.
    transport = await asyncio.to_thread(_made, way, clock)
    try:
        yield transport
    finally:
        await transport.aclose()


@asynccontextmanager
async def pool_to(connector: Connector, origin: Origin) -> AsyncIterator[None]:
    """Nothing to begin with; the connections to ``origin`` are closed at the end."""
    try:
        yield
    finally:
        connector.forget(origin)


def _made(way: Way, clock: Clock) -> Transport:
    if way.origin is None:
        return Connector(clock=clock, tls=way.tls, max_connections_per_origin=MAX_CONNECTIONS)
    from gateway.wire.httpx_transport import HttpxTransport

    return HttpxTransport(clock=clock, proxy=way.proxy, http2=way.http2, tls=way.tls)


def _digest(tls: Tls) -> bytes:
    """Empty where no file is named. One that can't be read is told where it is used."""
    found = hashlib.sha256()
    for path in (tls.ca_file, tls.client_cert, tls.client_key):
        if path is not None and Path(path).is_file():
            found.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return found.digest()
