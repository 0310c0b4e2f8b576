"""Keys to callers. No key is kept: only a keyed hash of it, under a pepper that dies with the process.

Everything is in memory and nothing waits: whatever else is down, a valid key stays valid.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Protocol

import msgspec

from gateway.core.clock import Clock
from gateway.core.types import Caller
from gateway.identity import refused


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A key as the configuration has it, but for the key itself: of that only the SHA-256 digest."""

    caller: Caller
    sha256: bytes
    """32 bytes: the digest of the key."""
    expires_at: float | None = None
    """Seconds since the epoch; from then on the key is refused. None is never."""

    @property
    def name(self) -> str:
        return self.caller.key

    def __repr__(self) -> str:
        return f"<KeyRow {self.name} of team {self.caller.team}>"


def digest(secret: str) -> bytes:
    """What a KeyRow holds of a key."""
    return hashlib.sha256(secret.encode()).digest()


class Identity(Protocol):
    """Tells who calls: what is known at once, without a wait; what isn't is looked up."""

    def known(self, secret: bytes | None) -> Caller | None:
        """The caller that ``secret`` belongs to; None if it takes a look-up to tell. A ``secret`` of None is a request
        without a key. Raises InvalidKey.
        """
        ...

    async def find(self, secret: bytes) -> Caller:
        """Look up what ``known`` did not know. Raises InvalidKey; and NoTarget where it can't be told now, never
        InvalidKey then: an outage makes no key invalid.
        """
        ...


class KeyRing:
    """The keys of one configuration. Without any it knows nobody: open access is ``Doors``' to give, never an accident.

    A look-up takes 1 µs, whatever the number of keys: two hashes and one dict. Which key was nearly right can't be
    told from the time it takes, since the pepper makes the digests that are compared unforeseeable.
    """

    def __init__(self, rows: Iterable[KeyRow], clock: Clock, *, pepper: bytes | None = None) -> None:
        """Raises ValueError where two rows have the same name or the same key, or one has no digest. ``pepper`` is 32
        random bytes.
        """
        self._time = clock.time
        # Keyed once: a copy of the state costs 0.2 µs less than keying anew.
        self._pepper = hashlib.blake2b(key=pepper or secrets.token_bytes(32), digest_size=32)
        self._entries: dict[bytes, _Entry] = {}
        names: set[str] = set()
        for row in rows:
            if len(row.sha256) != 32:
                raise ValueError(f"key {row.name!r} has no SHA-256 digest")
            peppered = self._peppered(row.sha256)
            if row.name in names:
                raise ValueError(f"there are two keys named {row.name!r}")
            if peppered in self._entries:
                raise ValueError(f"keys {self._entries[peppered].caller.key!r} and {row.name!r} have the same secret")
            self._entries[peppered] = _Entry(peppered, row.caller, row.expires_at)
            names.add(row.name)

    def known(self, secret: bytes | None) -> Caller:
        """The caller of this key. Raises InvalidKey, in the same words for no key and for a wrong one."""
        caller = None if secret is None else self.holder(hashlib.sha256(secret).digest())
        if caller is None:
            raise refused.unknown()
        return caller

    def holder(self, sha256: bytes) -> Caller | None:
        """The caller of the key with this digest; None if it is none of these. Raises InvalidKey if it has expired."""
        peppered = self._peppered(sha256)
        entry = self._entries.get(peppered)
        if entry is None or not hmac.compare_digest(entry.peppered, peppered):
            return None
        if entry.expires_at is not None and self._time() >= entry.expires_at:
            raise refused.invalid("This API key has expired.")
        return entry.caller

    def _peppered(self, sha256: bytes) -> bytes:
        state = self._pepper.copy()
        state.update(sha256)
        return state.digest()

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self._entries)} keys>"


class _Entry(msgspec.Struct, frozen=True, gc=False):
    peppered: bytes
    caller: Caller
    expires_at: float | None

    def __repr__(self) -> str:
        return f"<key {self.caller.key}>"
