"""Content of calls, encrypted. Loaded where there is a secret only: ``cryptography`` takes a while."""

from __future__ import annotations

import hmac
import os

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.core.payload import Payload
from gateway.telemetry.calls.query import Content, SealedOtherwise

_VERSION = b"\x01"
_KEY_BYTES = 32
_NAME_BYTES = 8
_NONCE_BYTES = 12

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Content).decode


class Sealer:
    """Seals and opens content by AES-256-GCM (NIST SP 800-38D), with a key that HKDF (RFC 5869) makes of ``secret``.

    What is sealed belongs to one call: under another's id it does not open. It names its key, so that after a change of
    the secret it is known for what it is. A nonce is random: one key is good for 2^32 calls.
    """

    def __init__(self, secret: str) -> None:
        self._cipher = AESGCM(_derived(secret, b"sluice payload key", _KEY_BYTES))
        self._name = _derived(secret, b"sluice payload key name", _NAME_BYTES)

    def seal(self, id: str, payload: Payload, max_bytes: int) -> bytes:
        """At most ``max_bytes`` of the request, and of the reply."""
        content = Content(
            request=payload.request[:max_bytes],
            reply=payload.reply[:max_bytes],
            request_size=payload.request_size,
            reply_size=payload.reply_size,
        )
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + self._name + nonce + self._cipher.encrypt(nonce, _encode(content), id.encode())

    def open(self, id: str, sealed: bytes) -> Content:
        """Raises SealedOtherwise."""
        begin = len(_VERSION)
        name, begin = sealed[begin : begin + _NAME_BYTES], begin + _NAME_BYTES
        if sealed[: len(_VERSION)] != _VERSION or not hmac.compare_digest(name, self._name):
            raise SealedOtherwise(
                "What was said in this call was sealed with another calls.capture.secret. Put that one back to read it."
            )
        nonce, rest = sealed[begin : begin + _NONCE_BYTES], sealed[begin + _NONCE_BYTES :]
        try:
            return _decode(self._cipher.decrypt(nonce, rest, id.encode()))
        except (InvalidTag, ValueError):
            raise SealedOtherwise(
                "What was said in this call was changed after it was sealed, and can't be opened."
            ) from None

    def __repr__(self) -> str:
        return "<Sealer>"


def _derived(secret: str, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(secret.encode())
