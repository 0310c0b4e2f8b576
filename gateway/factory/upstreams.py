"""Providers that can be asked: an account, its dialect, and the transport that carries it."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.clock import Clock
from gateway.core.exchange import Transport
from gateway.core.kinds import KINDS
from gateway.factory.signers import signer_of
from gateway.providers import registry
from gateway.providers.base import Account
from gateway.resilience.attempt import Provider
from gateway.settings import Settings
from gateway.settings.provider import Provider as Said
from gateway.wire.connector import Connector
from gateway.wire.tls import Tls

MAX_CONNECTIONS = 4_096
"""To one origin; calls beyond it wait for one to come free."""


class Upstreams:
    """The providers of one configuration. Those with the same TLS settings share one connector and its pool."""

    def __init__(self, settings: Settings, clock: Clock, addresses: Mapping[str, str]) -> None:
        """``addresses`` are base URLs by provider, for those whose settings name none (the simulated ones).

        Raises ConfigError for certificates that can't be read.
        """
        self._clock = clock
        self._transports: dict[tuple[object, ...], Transport] = {}
        self.off = frozenset(name for name, said in settings.providers.items() if said.is_off)
        self.base_urls = {name: _base_url(said, addresses.get(name, "")) for name, said in settings.providers.items()}
        """Where each provider's API is, those that are off among them; empty where nobody says."""
        self.providers = {
            name: self._provider(name, said) for name, said in settings.providers.items() if name not in self.off
        }

    @property
    def connectors(self) -> tuple[Connector, ...]:
        return tuple(each for each in self._transports.values() if isinstance(each, Connector))

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()

    def _provider(self, name: str, said: Said) -> Provider:
        account = Account(
            name=name,
            kind=said.kind,
            base_url=self.base_urls[name],
            api_key=_api_key(said),
            headers={key: value.get_secret_value() for key, value in said.headers.items()},
            region=said.region,
            api_version=said.api_version,
            project=said.project,
            location=said.location,
        )
        dialect = registry.dialect(account, self._clock)
        return Provider(name, dialect, self._transport(said), signer_of(said, self._clock))

    def _transport(self, said: Said) -> Transport:
        tls = Tls(ca_file=said.tls.ca_file, client_cert=said.tls.client_cert, client_key=said.tls.client_key)
        proxy = said.transport.proxy.get_secret_value() if said.transport.proxy else None
        key = (said.transport.kind, proxy, said.transport.http2, tls)
        if key not in self._transports:
            self._transports[key] = self._new_transport(said, tls, proxy)
        return self._transports[key]

    def _new_transport(self, said: Said, tls: Tls, proxy: str | None) -> Transport:
        if said.transport.kind == "native":
            return Connector(clock=self._clock, tls=tls, max_connections_per_origin=MAX_CONNECTIONS)
        from gateway.wire.httpx_transport import HttpxTransport

        return HttpxTransport(clock=self._clock, proxy=proxy, http2=said.transport.http2, tls=tls)


def _api_key(said: Said) -> str:
    """The credential that a header carries as it is; none where a signer is to show another."""
    given = None if said.entra else said.api_key or said.access_token
    return given.get_secret_value() if given else ""


def _base_url(said: Said, address: str) -> str:
    kind = KINDS[said.kind]
    given = said.base_url or address or kind.base_url.replace("{region}", said.region or "")
    ending = next((each for each in kind.adds if given.endswith(each)), "")
    return given.removesuffix(ending)
