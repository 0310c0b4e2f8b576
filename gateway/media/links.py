"""Links that end: a name, when it expires, and an HMAC-SHA256 over both that only who has the secret can make."""

from __future__ import annotations

import hmac
import math
from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import parse_qs

from gateway.core.clock import Clock
from gateway.core.errors import Forbidden

MOST_DIGITS = 15
EXPIRES, SIGNATURE = "expires", "signature"


class Links:
    """Signs names and checks what was signed. ``expires_s`` is how long a link holds."""

    def __init__(self, secret: bytes, *, expires_s: float, clock: Clock) -> None:
        self.expires_s = expires_s
        self._secret = secret
        self._time = clock.time

    def query(self, name: str) -> str:
        """The query string of a link to ``name`` that begins to hold now."""
        expires = str(math.ceil(self._time() + self.expires_s))
        return f"{EXPIRES}={expires}&{SIGNATURE}={self._sign(name, expires)}"

    def check(self, name: str, query: str) -> float:
        """How many seconds the link to ``name`` with this ``query`` still holds. Raises Forbidden if it doesn't."""
        try:
            given = parse_qs(query, max_num_fields=8)
        except ValueError:
            given = {}
        (expires, *more), (signature, *others) = given.get(EXPIRES, [""]), given.get(SIGNATURE, [""])
        is_number = expires.isascii() and expires.isdigit() and len(expires) <= MOST_DIGITS
        # All of it is reckoned in any case, so that the time it takes tells nothing.
        is_signed = hmac.compare_digest(self._sign(name, expires).encode(), signature.encode())
        if not (is_signed and is_number) or more or others:
            raise Forbidden("this link was not made here, or was changed", code="invalid_link")
        left_s = int(expires) - self._time()
        if left_s <= 0:
            raise Forbidden("this link has expired", code="link_expired")
        return left_s

    def _sign(self, name: str, expires: str) -> str:
        digest = hmac.new(self._secret, f"{name}\n{expires}".encode(), sha256).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

    def __repr__(self) -> str:
        return f"<Links that hold for {self.expires_s:g} s>"
