"""The words in which somebody is not let in. None repeats a key."""

from __future__ import annotations

from gateway.core.errors import RETRY_SOON, InvalidKey, NoTarget

_HEADERS = (("www-authenticate", "Bearer"),)


def unknown() -> InvalidKey:
    """For no key and for a wrong one: nobody is told how near a guess was."""
    said = "No valid API key was sent. Send it as 'Authorization: Bearer <key>' or as 'api-key: <key>'."
    return InvalidKey(said, headers=_HEADERS)


def invalid(said: str) -> InvalidKey:
    """For whoever has shown that the key is theirs: why it is no longer good."""
    return InvalidKey(said, headers=_HEADERS)


def untold() -> NoTarget:
    """It can't be told now: the directory or the identity provider is out. That makes no key invalid."""
    said = "whether this API key is valid can't be told now; please ask again"
    return NoTarget(said, code="identity_unavailable", headers=RETRY_SOON)


def crowded() -> NoTarget:
    """Too many keys that nobody knows are being tried."""
    said = "too many API keys that nobody knows are being tried, and this one is not known here yet; please ask again"
    return NoTarget(said, code="identity_crowded", headers=RETRY_SOON)
