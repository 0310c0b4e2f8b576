"""Who may call: the keys of the configuration, tokens of an identity provider, and the keys of the directory."""

from __future__ import annotations

from gateway.core.ceilings import Ceilings
from gateway.core.clock import Clock
from gateway.core.types import Caller
from gateway.directory.base import Directory
from gateway.directory.records import TeamRecord
from gateway.identity.directory_keys import DirectoryKeys
from gateway.identity.doors import Doors, Tokens
from gateway.identity.keys import KeyRing, KeyRow
from gateway.identity.standing import alone, in_team
from gateway.identity.teams import Teams
from gateway.settings import Settings
from gateway.settings.access import Key, Oidc, Team
from gateway.settings.ceilings import ceilings, of_users


class Callers:
    """What is remembered of those who call; it outlasts each configuration."""

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._clock = clock
        self.teams = Teams(directory, clock)
        self.keys = DirectoryKeys(directory, self.teams, clock)
        self._tokens: tuple[Oidc, Tokens] | None = None

    def identity(self, settings: Settings) -> Doors:
        """Tells who calls, by ``settings``. May be called in a thread."""
        return Doors(_ring(settings, self._clock), self.keys, self._of(settings.oidc), is_open=settings.is_open)

    def keep_to(self, settings: Settings) -> None:
        """Know the teams of ``settings``, which come into force."""
        self.teams.configure({name: team_record(name, team) for name, team in settings.teams.items()})
        # The first call of a key with a team need not wait for them then.
        self.teams.refresh()

    def team_ceilings(self) -> dict[str, Ceilings]:
        """Of every team, by its name."""
        # Where nobody calls, nobody else sees that they are old.
        self.teams.refresh()
        return {team.name: team.ceilings for team in self.teams.all}

    async def aclose(self) -> None:
        await self.keys.aclose()
        await self.teams.aclose()
        if self._tokens is not None:
            await self._tokens[1].aclose()

    def _of(self, said: Oidc | None) -> Tokens | None:
        """The tokens of this provider, verified ones among them where it was asked for before."""
        if said is None:
            return None
        if self._tokens is None or self._tokens[0] != said:
            # Loaded where it is used: cryptography takes 50 ms.
            from gateway.identity.documents import read_document
            from gateway.identity.jwks import Jwks
            from gateway.identity.oidc import OidcTokens

            jwks = Jwks(said.issuer, said.jwks_url, read_document, self._clock)
            self._tokens = said, OidcTokens(said, jwks, self.teams, self._clock)
        return self._tokens[1]


def _ring(settings: Settings, clock: Clock) -> KeyRing:
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
    own = alone(
        key.name,
        team=key.team,
        models=key.models,
        regions=key.regions,
        tags=key.tags,
        ceilings=ceilings(key.limits, key.budgets),
        users=of_users(key.users),
    )
    return own if team is None or key.team is None else in_team(own, team_record(key.team, team))


def team_record(name: str, team: Team) -> TeamRecord:
    """A team of the settings, as those of the directory are."""
    return TeamRecord(
        name=name,
        tags=team.tags,
        ceilings=ceilings(team.limits, team.budgets),
        users=of_users(team.users),
        created_at=0,
        created_by="configuration",
    )
