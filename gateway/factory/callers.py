"""The keys that may call."""

from __future__ import annotations

from gateway.core.clock import Clock
from gateway.core.types import Caller
from gateway.identity.keys import Identity, KeyRing, KeyRow, OpenAccess
from gateway.settings import Settings
from gateway.settings.access import Key, Team
from gateway.settings.ceilings import ceilings, of_users


def build_identity(settings: Settings, clock: Clock) -> Identity:
    """Keys as configured; with none at all, open access (settings have seen to it that this means loopback)."""
    if not settings.keys:
        return OpenAccess()
    rows = [
        KeyRow(
            caller=caller_of(key, settings.teams.get(key.team) if key.team else None),
            sha256=key.digest,
            expires_at=key.expires_at(settings.server.timezone),
        )
        for key in settings.keys
    ]
    return KeyRing(rows, clock)


def caller_of(key: Key, team: Team | None) -> Caller:
    """Who calls with this key of the settings."""
    scopes = [(f"key {key.name}", ceilings(key.limits, key.budgets))]
    per_user = [(f"key {key.name}", of_users(key.users))]
    tags = key.tags
    if team is not None:
        scopes.insert(0, (f"team {key.team}", ceilings(team.limits, team.budgets)))
        per_user.insert(0, (f"team {key.team}", of_users(team.users)))
        tags = tuple(dict.fromkeys([*team.tags, *key.tags]))
    return Caller(
        key=key.name,
        team=key.team,
        models=key.models,
        regions=key.regions,
        tags=tags,
        scopes=tuple(scope for scope in scopes if scope[1]),
        per_user=tuple(scope for scope in per_user if scope[1]),
    )
