"""Bearer tokens of an identity provider as callers: JWT (RFC 7519), verified by PyJWT with the provider's keys."""

from __future__ import annotations

import asyncio
import hashlib
from binascii import a2b_base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import jwt
import msgspec
from jwt import PyJWK
from jwt.exceptions import InvalidAudienceError, InvalidIssuerError, PyJWTError

from gateway.core.clock import Clock
from gateway.core.errors import StoreUnavailable
from gateway.core.names import NAME
from gateway.core.types import Caller
from gateway.directory.records import TeamRecord
from gateway.identity import refused
from gateway.identity.jwks import Jwks, KeysOut
from gateway.identity.standing import alone, in_team
from gateway.identity.teams import Teams
from gateway.settings.access import Oidc
from gateway.settings.ceilings import ceilings

LEEWAY_S = 10.0
"""How far the provider's clock may be off."""
MOST_CACHED = 20_000
MOST_TEAMS = 100
"""How many values of a list claim are looked at."""
_LONGEST_NAME = 64
_FURTHEST = 1e15
"""No moment that anybody means is further from 1970; JSON's numbers are, up to those that no float holds."""
_SLOW = frozenset({"ES384"})
"""370 µs, by OpenSSL 3."""

# The times are checked by our own clock; everything else that PyJWT checks, it checks.
_OPTIONS: Any = {
    "require": ["exp", "iss", "aud"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_sub": False,
    "enforce_minimum_key_length": True,
}


class _Header(msgspec.Struct):
    alg: str
    kid: str | None = None
    crit: Any = msgspec.UNSET
    b64: Any = msgspec.UNSET


class OidcTokens:
    """Tells who calls with a token. One that was verified is remembered by its digest until it expires.

    Nothing that a token's header names is fetched: keys come from the provider that the settings name, or not at all.
    Verifying takes 50 to 180 µs of the event loop, or a thread where it takes longer; it is done once a token.
    """

    def __init__(self, said: Oidc, jwks: Jwks, teams: Teams, clock: Clock) -> None:
        self._said = said
        self._ceilings = ceilings(said.limits, said.budgets)
        self._jwks = jwks
        self._teams = teams
        self._time = clock.time
        self._verified: dict[bytes, _Verified] = {}

    def known(self, token: bytes, digest: bytes) -> Caller | None:  # noqa: ARG002  as Tokens has it
        """The caller of a token that was verified before, else None. Raises InvalidKey for one that has expired."""
        self._teams.refresh()
        known = self._verified.get(digest)
        if known is None or known.versions != (self._jwks.version, self._teams.version):
            return None
        if self._time() >= known.until:
            del self._verified[digest]
            raise refused.invalid("This token has expired.")
        return known.caller

    async def find(self, token: bytes, digest: bytes) -> Caller:
        """Verify ``token``. Raises InvalidKey, and NoTarget where keys or teams that it takes can't be had now."""
        try:
            claims = await self._claims(token)
            until = self._end_of(claims)
            caller = await self._caller(claims)
        except (KeysOut, StoreUnavailable):
            raise refused.untold() from None
        if len(self._verified) >= MOST_CACHED:
            # A tenth at once: the first entry of a dict that was often taken from takes ever longer to find.
            for oldest in list(self._verified)[: MOST_CACHED // 10]:
                del self._verified[oldest]
        self._verified[digest] = _Verified(caller, until, (self._jwks.version, self._teams.version))
        return caller

    async def aclose(self) -> None:
        await self._jwks.aclose()

    def __len__(self) -> int:
        return len(self._verified)

    def __repr__(self) -> str:
        return f"<OidcTokens of {self._said.issuer}>"

    async def _claims(self, token: bytes) -> Mapping[str, Any]:
        """What ``token`` says, its signature, issuer and audience being right."""
        header = _header(token)
        if header is None or header.alg not in self._said.algorithms:
            raise refused.unknown()
        key = self._jwks.key(header.kid, header.alg)
        if key is None:
            await self._jwks.look()
            key = self._jwks.key(header.kid, header.alg)
            if key is None:
                raise refused.unknown()
        if header.alg in _SLOW:
            return await asyncio.to_thread(self._verify, token, key, header.alg)
        return self._verify(token, key, header.alg)

    def _verify(self, token: bytes, key: PyJWK, algorithm: str) -> Mapping[str, Any]:
        said = self._said
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token, key, algorithms=[algorithm], audience=said.audience, issuer=said.issuer, options=_OPTIONS
            )
        except (InvalidAudienceError, InvalidIssuerError):
            raise refused.invalid("This token is of another issuer, or not for this gateway.") from None
        except (PyJWTError, ValueError, TypeError, RecursionError):
            raise refused.unknown() from None
        return claims

    def _end_of(self, claims: Mapping[str, Any]) -> float:
        """When it expires. Raises InvalidKey unless it is valid now."""
        now = self._time()
        end = _moment(claims["exp"]) + LEEWAY_S
        if now >= end:
            raise refused.invalid("This token has expired.")
        if any(now < _moment(claims[name]) - LEEWAY_S for name in ("nbf", "iat") if name in claims):
            raise refused.invalid("This token is not valid yet.")
        return end

    async def _caller(self, claims: Mapping[str, Any]) -> Caller:
        said = self._said
        who = claims.get(said.name_claim)
        if not isinstance(who, str) or not who:
            raise refused.invalid(f"This token does not say who calls: it has no text in {said.name_claim!r}.")
        for name in self._team_names(claims.get(said.team_claim) if said.team_claim else None):
            team = await self._claimed(name)
            if team is not None:
                break
        else:
            team = None
            if said.team is not None and (team := await self._teams.look(said.team)) is None:
                raise refused.invalid("The team of this token's callers does not exist any more.")
        own = alone(caller_name(who), models=said.models, ceilings=self._ceilings)
        return own if team is None else in_team(own, team)

    async def _claimed(self, name: str) -> TeamRecord | None:
        """The team of this name, which a claim says; often enough it is a group that is no team here."""
        try:
            return await self._teams.look(name)
        except StoreUnavailable:
            # While the directory is out, teams are those that are known. A token is verified anew when that changes.
            if not self._teams.can_tell(name):
                raise
            return None

    def _team_names(self, value: object) -> list[str]:
        """The names of teams that a claim names, in its order."""
        values = value[:MOST_TEAMS] if isinstance(value, list) else [value]
        words = [word for word in values if isinstance(word, str)]
        if self._said.teams:
            return [self._said.teams[word] for word in words if word in self._said.teams]
        return [word for word in words if NAME.fullmatch(word)]


class _Verified(msgspec.Struct, frozen=True, gc=False):
    caller: Caller
    until: float
    versions: tuple[int, int]
    """Of the provider's keys and of the teams."""


def caller_name(who: str) -> str:
    """What logs and limits call the caller ``who`` of a token: ``oidc/alice@example.com``.

    No key has such a name, for names of keys hold no slash. What is odd is quoted as in a URL, so that no two callers
    share one and counters' keys keep their form; a long one ends with its hash.
    """
    quoted = quote(who, safe="@+", errors="surrogatepass")
    if len(quoted) > _LONGEST_NAME:
        quoted = f"{quoted[:24]}={hashlib.sha256(who.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
    return f"oidc/{quoted}"


def _header(token: bytes) -> _Header | None:
    """The head of a JWT; None for one that can't be read, or that asks for extensions, of which there are none here."""
    encoded = token.partition(b".")[0]
    try:
        raw = a2b_base64(encoded.translate(_URLSAFE) + b"=" * (-len(encoded) % 4), strict_mode=True)
        header = msgspec.json.decode(raw, type=_Header)
    except (ValueError, RecursionError):
        return None
    # RFC 7515 section 4.1.11: whoever doesn't understand what is critical refuses the token.
    return header if header.crit is msgspec.UNSET and header.b64 is msgspec.UNSET else None


_URLSAFE = bytes.maketrans(b"-_", b"+/")


def _moment(said: object) -> float:
    """A NumericDate (RFC 7519 section 2). Raises InvalidKey for what is none."""
    if isinstance(said, bool) or not isinstance(said, (int, float)) or not -_FURTHEST < said < _FURTHEST:
        raise refused.invalid("This token's times are no numbers.")
    return float(said)
