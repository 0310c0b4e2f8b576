"""A bearer token that expires: fetched where it is needed, kept, and fetched anew before its end.

RFC 6750; the sources of tokens are ``google`` and ``entra``.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from gateway.core.clock import Clock
from gateway.core.exchange import Header, HttpRequest
from gateway.signing.fetch import Fetch

EARLY_S = 200.0
"""How long before its end a new one is fetched. Google's library does so 225 s before, Entra's 300 s: asked sooner,
they would give the old one again."""
RETRY_AFTER_S = 30.0
"""While a token still holds, a fetch that brought nothing newer is tried again no sooner."""
EXPIRED_WITHIN_S = 10.0
"""One that expires sooner is not used: the request has to get there first."""


class Token(msgspec.Struct, frozen=True):
    value: str
    expires_at: float
    """Epoch seconds."""

    def __repr__(self) -> str:
        return f"<Token to {self.expires_at:.0f}>"


Source = Callable[[], Token]
"""Blocks until it has a token. Raises NoCredential."""


class Bearer:
    """Adds ``authorization: Bearer …``."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._fetch = Fetch(source, self._keep)
        self._header: Header = (b"authorization", b"")
        self._expires_at = 0.0
        self._refresh_at = 0.0

    async def sign(self, request: HttpRequest) -> HttpRequest:
        """``request`` with the token. Raises UpstreamError (AUTH) if none can be had."""
        now = self._clock.time()
        if now >= self._expires_at - EXPIRED_WITHIN_S:
            await self._fetch.wait()
        elif now >= self._refresh_at:
            # It still holds: nobody waits for the next one, and nobody fails for want of it.
            self._refresh_at = now + RETRY_AFTER_S
            self._fetch.begin()
        headers = [(name, value) for name, value in request.headers if name != b"authorization"]
        headers.append(self._header)
        return HttpRequest(request.method, request.origin, request.path, headers, request.body)

    def _keep(self, token: Token) -> None:
        self._header = (b"authorization", b"Bearer " + token.value.encode("ascii"))
        self._expires_at = token.expires_at
        # Where that is no newer than before, not every call asks for a new one.
        soon = min(self._clock.time() + RETRY_AFTER_S, self._expires_at - EXPIRED_WITHIN_S)
        self._refresh_at = max(self._expires_at - EARLY_S, soon)

    def __repr__(self) -> str:
        return f"<Bearer {self._source!r}>"
