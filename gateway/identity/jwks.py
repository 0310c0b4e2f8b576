"""The public keys of an identity provider (JWK Set, RFC 7517), fetched from where it says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from gateway.core.clock import Clock

DISCOVERY = "/.well-known/openid-configuration"
FRESH_S = 600.0
"""How old the keys get in use before they are fetched again: a key that was taken out is good no longer then."""
UNKNOWN_S = 30.0
"""How often keys are fetched at most for the sake of tokens whose key isn't among them."""
RETRY_S = 5.0
"""The same, while the provider can't be reached."""
MOST_KEYS = 64
MOST_RSA_BITS = 4_096
"""Verifying with it takes 180 µs, and more with a larger one. The smallest is what PyJWT takes: 2,048 bits."""

Read = Callable[[str], Awaitable[bytes]]
"""Gets the document at a URL. Raises OSError, in words fit for a log."""

_log = logging.getLogger("sluice.identity")


class KeysOut(Exception):
    """The keys can't be had now."""


class _Set(msgspec.Struct):
    keys: list[dict[str, Any]]


class _Configuration(msgspec.Struct):
    """What is used of OpenID Connect Discovery 1.0 section 3."""

    issuer: str
    jwks_uri: str


class Jwks:
    """Keys by id. What was fetched once stays while the provider is out."""

    def __init__(self, issuer: str, url: str, read: Read, clock: Clock) -> None:
        """``url`` is where the keys are; empty: where the issuer's discovery document says."""
        self.version = 0
        """Another number after a key was taken out."""
        self._issuer = issuer
        self._url = url
        self._read = read
        self._monotonic = clock.monotonic
        self._found: tuple[dict[str, Any], ...] = ()
        self._keys: dict[tuple[str | None, str], PyJWK | None] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._is_out = False
        self._fetching: asyncio.Task[None] | None = None

    def key(self, id: str | None, algorithm: str) -> PyJWK | None:
        """The key of this id, for verifying by ``algorithm``. Without an id, the only one there is for it."""
        if self._monotonic() >= self._fetched_at + FRESH_S and self._may_try():
            self._begin()
        wanted = id, algorithm
        if wanted not in self._keys:
            keys = [key for said in self._found if (key := _usable(said, id, algorithm)) is not None]
            if not keys:
                return None  # not remembered: whoever makes ids up fills no memory
            self._keys[wanted] = keys[0] if len(keys) == 1 else None
        return self._keys[wanted]

    async def look(self) -> None:
        """Fetch the keys, if they may have changed since they were. Raises KeysOut."""
        if self._fetching is None and not self._may_try():
            if self._is_out:
                raise KeysOut
            return
        # Others wait for it too: one that goes away doesn't end it.
        await asyncio.shield(self._begin())

    async def aclose(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _may_try(self) -> bool:
        return self._monotonic() >= self._tried_at + (RETRY_S if self._is_out else UNKNOWN_S)

    def _begin(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._tried_at = self._monotonic()
            self._fetching = asyncio.get_running_loop().create_task(self._fetch())
            self._fetching.add_done_callback(self._end)
        return self._fetching

    async def _fetch(self) -> None:
        try:
            found = await self._documents()
        except (OSError, msgspec.DecodeError, RecursionError) as error:
            self._is_out = True
            _log.warning("the keys of %s can't be fetched, those known stay good: %s", self._issuer, error)
            raise KeysOut from None
        self._is_out = False
        self._fetched_at = self._monotonic()
        if not all(key in found for key in self._found):
            self.version += 1
        if found != self._found:
            self._found = found
            self._keys = {}

    async def _documents(self) -> tuple[dict[str, Any], ...]:
        url = self._url
        if not url:
            said = msgspec.json.decode(await self._read(self._issuer.rstrip("/") + DISCOVERY), type=_Configuration)
            if said.issuer != self._issuer:
                # OpenID Connect Discovery 1.0 section 4.3: they must be identical.
                raise OSError("its discovery document is of another issuer; set oidc.issuer to what it says")
            url = said.jwks_uri
        keys = msgspec.json.decode(await self._read(url), type=_Set).keys[:MOST_KEYS]
        found = tuple(key for key in keys if key.get("use", "sig") == "sig" and key.get("kty") in ("RSA", "EC", "OKP"))
        if not found:
            raise OSError("there is no key for signatures at its jwks_uri")
        return found

    def _end(self, task: asyncio.Task[None]) -> None:
        self._fetching = None
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, KeysOut):
            _log.error("the keys of %s could not be read", self._issuer, exc_info=error)


def _usable(said: dict[str, Any], id: str | None, algorithm: str) -> PyJWK | None:
    """``said`` as a key, if it has this id and is for ``algorithm``."""
    if (id is not None and said.get("kid") != id) or said.get("alg", algorithm) != algorithm:
        return None
    try:
        key = PyJWK(said, algorithm=algorithm)
    except (PyJWTError, ValueError, TypeError):
        return None
    return key if getattr(key.key, "key_size", 0) <= MOST_RSA_BITS else None
