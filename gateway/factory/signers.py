"""What signs a provider's requests, for the kinds whose proof is more than a fixed header."""

from __future__ import annotations

from gateway.core.clock import Clock
from gateway.core.exchange import Signer
from gateway.settings.provider import Provider as Said


def signer_of(said: Said, clock: Clock) -> Signer | None:
    """None: the dialect's own header says who calls. What a kind needs for it is loaded only where it is used."""
    if said.kind == "bedrock" and not (said.api_key and said.api_key.get_secret_value()):
        return _aws(said, clock)
    if said.kind == "azure" and said.entra:
        return _entra(said, clock)
    if said.kind == "vertex" and not (said.access_token and said.access_token.get_secret_value()):
        return _google(clock)
    return None


def _aws(said: Said, clock: Clock) -> Signer:
    from gateway.signing.aws import AwsSigner

    key, secret, token = (
        given.get_secret_value() if given else ""
        for given in (said.access_key_id, said.secret_access_key, said.session_token)
    )
    return AwsSigner(clock=clock, region=said.region or "", keys=(key, secret, token) if key and secret else None)


def _entra(said: Said, clock: Clock) -> Signer:
    from gateway.signing.bearer import Bearer
    from gateway.signing.entra import EntraTokens

    return Bearer(EntraTokens(said.base_url or ""), clock)


def _google(clock: Clock) -> Signer:
    from gateway.signing.bearer import Bearer
    from gateway.signing.google import GoogleTokens

    return Bearer(GoogleTokens(clock), clock)
