"""Providers that can be asked: an account, its dialect, and the transport that carries it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.core.clock import Clock
from gateway.core.exchange import Transport
from gateway.core.kinds import KINDS
from gateway.factory.signers import signer_of
from gateway.providers import registry
from gateway.providers.base import Account
from gateway.providers.gemini.address import vertex_origin
from gateway.resilience.attempt import Provider
from gateway.settings import Settings
from gateway.settings.provider import Provider as Said
from gateway.wire.connector import Connector

_BESIDE: dict[str, Any] = {"price": None, "limits": None, "budgets": (), "timeouts": None, "options": {}}
"""What a provider's settings say of it that its account is not made of."""


class Upstreams:
    """The providers of one configuration.

    One whose account and transport are those of ``before``, an earlier configuration's, is taken over from it: what its
    signer has fetched still holds.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        base_urls: Mapping[str, str],
        transports: Mapping[str, Transport],
        before: Upstreams | None = None,
    ) -> None:
        """``base_urls`` are those of all providers, ``transports`` those of all that are on."""
        self.base_urls = base_urls
        """Where each provider's API is, those that are off among them; empty where nobody says."""
        self.off = off(settings)
        self.transports = transports
        self._accounts = {name: said.model_copy(update=_BESIDE) for name, said in settings.providers.items()}
        self.taken_over = frozenset(name for name in transports if before is not None and self._is_in(before, name))
        """Those that went on as they were."""
        self.providers: dict[str, Provider] = {
            name: before.providers[name]
            if before is not None and name in self.taken_over
            else self._provider(name, said, clock)
            for name, said in settings.providers.items()
            if name not in self.off
        }

    @property
    def connectors(self) -> tuple[Connector, ...]:
        return tuple(each for each in dict.fromkeys(self.transports.values()) if isinstance(each, Connector))

    def _is_in(self, before: Upstreams, name: str) -> bool:
        return (
            before.transports.get(name) is self.transports[name]
            and before.base_urls[name] == self.base_urls[name]
            and before._accounts[name] == self._accounts[name]
        )

    def _provider(self, name: str, said: Said, clock: Clock) -> Provider:
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
        dialect = registry.dialect(account, clock)
        return Provider(name, dialect, self.transports[name], signer_of(said, clock))


def off(settings: Settings) -> frozenset[str]:
    """The providers that can't be asked."""
    return frozenset(name for name, said in settings.providers.items() if said.is_off)


def base_url(said: Said, address: str = "") -> str:
    """Where the provider's API is; ``address`` is that of one that is simulated here."""
    kind = KINDS[said.kind]
    given = said.base_url or address or kind.base_url.replace("{region}", said.region or "")
    if not given and said.kind == "vertex":
        given = vertex_origin(said.location or "global")
    ending = next((each for each in kind.adds if given.endswith(each)), "")
    return given.removesuffix(ending)


def _api_key(said: Said) -> str:
    """The credential that a header carries as it is; none where a signer is to show another."""
    given = None if said.entra else said.api_key or said.access_token
    return given.get_secret_value() if given else ""
