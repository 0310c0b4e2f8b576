"""The keys that may call."""

from __future__ import annotations

from gateway.core.clock import Clock
from gateway.identity.keys import Identity, KeyRing, KeyRow, OpenAccess
from gateway.settings import Settings


def build_identity(settings: Settings, clock: Clock) -> Identity:
    """Keys as configured; with none at all, open access (settings have seen to it that this means loopback)."""
    if not settings.keys:
        return OpenAccess()
    rows = [
        KeyRow(
            name=key.name,
            sha256=key.digest,
            team=key.team,
            models=key.models,
            regions=key.regions,
            expires_at=key.expires_at(settings.server.timezone),
        )
        for key in settings.keys
    ]
    return KeyRing(rows, clock)
