"""Who is signed in to the console, said by a cookie that every worker and replica can read and none has to keep.

A session is the admin's key, sealed (AES-256-GCM) with the moment at which it ends, under a key derived from the digest
of that admin key. Whoever opens it compares the key inside with the digest in force. So

* nothing is kept: a restart, another worker and another replica with the same admins know the session;
* another key for an admin, or none, ends that admin's sessions and no others;
* a digest alone makes no session. Configurations may hold ``key_sha256``, which is no secret; a signature made with a
  key derived from it could be forged by whoever reads the file (decision 34).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.core.clock import Clock

LONGEST_S = 12 * 3_600
"""A session ends so long after it began, used or not."""
MAX_KEY_BYTES = 2_048
"""A longer key makes a cookie that browsers drop: they take 4,096 bytes."""
_PURPOSE = b"sluice console session 1"
_NONCE_BYTES = 12
_END_BYTES = 8


class Sessions:
    """Sessions of the admins whose keys have these SHA-256 digests, by name."""

    def __init__(self, digests: Mapping[str, bytes], clock: Clock) -> None:
        self._digests = dict(digests)
        self._time = clock.time

    def begin(self, name: str, key: bytes) -> str:
        """A token for the admin ``name``, who has shown ``key``: letters, digits, ``-``, ``_`` and a dot.

        Raises ValueError for a key over ``MAX_KEY_BYTES``.
        """
        if len(key) > MAX_KEY_BYTES:
            raise ValueError(f"the key has over {MAX_KEY_BYTES} bytes")
        ends_at = int(self._time()) + LONGEST_S
        nonce = secrets.token_bytes(_NONCE_BYTES)
        who = name.encode()
        sealed = _cipher(self._digests[name]).encrypt(nonce, ends_at.to_bytes(_END_BYTES, "big") + key, who)
        return f"{_text(who)}.{_text(nonce + sealed)}"

    def whose(self, token: str) -> str | None:
        """The admin's name; None for a token that has ended, was changed, or is of a key that is in force no more."""
        try:
            who, sealed = (_bytes(part) for part in token.split("."))
            name = who.decode()
            digest = self._digests[name]
            opened = _cipher(digest).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], who)
        except (ValueError, KeyError, binascii.Error, InvalidTag):
            return None
        ends_at, key = int.from_bytes(opened[:_END_BYTES], "big"), opened[_END_BYTES:]
        is_theirs = hmac.compare_digest(hashlib.sha256(key).digest(), digest)
        return name if is_theirs and self._time() < ends_at else None

    def __repr__(self) -> str:
        return f"<Sessions of {len(self._digests)} admins>"


def _cipher(digest: bytes) -> AESGCM:
    return AESGCM(hmac.digest(digest, _PURPOSE, "sha256"))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
