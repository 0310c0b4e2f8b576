"""Every way in that one configuration has: its keys, an identity provider's tokens, the directory's keys."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Protocol

from gateway.core.types import Caller
from gateway.identity import refused
from gateway.identity.directory_keys import DirectoryKeys
from gateway.identity.keys import KeyRing
from gateway.identity.secret import PREFIX, is_ours

_TOKEN = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""A signed JWT in its compact form (RFC 7515 section 7.1). An unsigned one ends with its second dot: it is none."""
_PREFIX = PREFIX.encode()
_ANYONE = Caller(key="anonymous")


class Tokens(Protocol):
    """Tells who calls with a token of an identity provider, whose SHA-256 is ``digest``."""

    def known(self, token: bytes, digest: bytes) -> Caller | None:
        """None if it takes work to tell. Raises InvalidKey."""
        ...

    async def find(self, token: bytes, digest: bytes) -> Caller:
        """Raises InvalidKey, and NoTarget where it can't be told now."""
        ...

    async def aclose(self) -> None: ...


class Doors:
    """The Identity of a whole gateway. A secret is tried at the door that its form says, and at no other.

    The configuration's keys may have any form, and so go first. With ``is_open``, whoever else comes is anonymous; but
    a key of our own form is looked up, for one that was revoked is not to be as good as none.
    """

    def __init__(self, ring: KeyRing, keys: DirectoryKeys, tokens: Tokens | None, *, is_open: bool) -> None:
        self._ring = ring
        self._keys = keys
        self._tokens = tokens
        self._is_open = is_open

    def known(self, secret: bytes | None) -> Caller | None:
        if secret is None:
            return self._anyone()
        digest = sha256(secret).digest()
        caller = self._ring.holder(digest) if self._ring else None
        if caller is not None:
            return caller
        if secret.startswith(_PREFIX) and not (self._is_open and not is_ours(secret)):
            return self._keys.known(secret, digest)
        if self._tokens is not None and _TOKEN.fullmatch(secret):
            return self._tokens.known(secret, digest)
        return self._anyone()

    async def find(self, secret: bytes) -> Caller:
        digest = sha256(secret).digest()
        if secret.startswith(_PREFIX) or self._tokens is None:
            return await self._keys.find(secret, digest)
        return await self._tokens.find(secret, digest)

    def _anyone(self) -> Caller:
        if not self._is_open:
            raise refused.unknown()
        return _ANYONE

    def __repr__(self) -> str:
        tokens, is_open = ", tokens" if self._tokens else "", ", open" if self._is_open else ""
        return f"<Doors: {self._ring!r}, {self._keys!r}{tokens}{is_open}>"
