"""A bearer token that expires: fetched where it is needed, kept, and fetched anew before its end.

RFC 6750; the sources of tokens are ``google`` and ``entra``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from gateway.core.clock import Clock
from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import Header, HttpRequest

EARLY_S = 200.0
"""How long before its end a new one is fetched. Google's library does so 225 s before, Entra's 300 s: asked sooner,
they would give the old one again."""
RETRY_AFTER_S = 30.0
"""While a token still holds, a fetch that brought nothing newer is tried again no sooner."""
EXPIRED_WITHIN_S = 10.0
"""One that expires sooner is not used: the request has to get there first."""
MOST_WAIT_S = 20.0
"""How long a call waits for a token; the sources have time-outs of their own, but not all at all times."""

_log = logging.getLogger("sluice.signing")


class Token(msgspec.Struct, frozen=True):
    value: str
    expires_at: float
    """Epoch seconds."""

    def __repr__(self) -> str:
        return f"<Token to {self.expires_at:.0f}>"


class NoToken(Exception):
    """No token can be had. Its words are fit for logs and clients: what was tried, no secret."""


Source = Callable[[], Token]
"""Blocks until it has a token, in a thread. Raises NoToken; anything else it raises is told by its type alone."""


class Bearer:
    """Adds ``authorization: Bearer …``. One fetch at a time, whoever waits for it."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._header: Header = (b"authorization", b"")
        self._expires_at = 0.0
        self._refresh_at = 0.0
        self._fetching: asyncio.Task[None] | None = None

    async def sign(self, request: HttpRequest) -> HttpRequest:
        """``request`` with the token. Raises UpstreamError (AUTH) if none can be had."""
        now = self._clock.time()
        if now >= self._refresh_at:
            if now < self._expires_at - EXPIRED_WITHIN_S:
                # It still holds: nobody waits for the next one, and nobody fails for want of it.
                self._fetch()
            else:
                await self._fetched()
        headers = [(name, value) for name, value in request.headers if name != b"authorization"]
        headers.append(self._header)
        return HttpRequest(request.method, request.origin, request.path, headers, request.body)

    async def _fetched(self) -> None:
        task = self._fetch()
        # Others wait for it too: a client that hangs up doesn't end it.
        done, _ = await asyncio.wait({task}, timeout=MOST_WAIT_S)
        if not done:
            raise UpstreamError(Reason.AUTH, "no credential came in time")
        try:
            task.result()
        except NoToken as error:
            raise UpstreamError(Reason.AUTH, str(error)) from None

    def _fetch(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._refresh())
            self._fetching.add_done_callback(self._end_fetch)
        return self._fetching

    async def _refresh(self) -> None:
        try:
            token = await asyncio.to_thread(self._source)
            self._header = (b"authorization", b"Bearer " + token.value.encode("ascii"))
            self._expires_at = token.expires_at
        except NoToken:
            raise
        except Exception as error:  # noqa: BLE001  # the clouds' libraries share no error; their texts may hold secrets
            raise NoToken(f"no credential can be had ({type(error).__name__})") from None
        finally:
            # Where that brought nothing newer, the old one is used on, and not every call asks for a new one.
            soon = min(self._clock.time() + RETRY_AFTER_S, self._expires_at - EXPIRED_WITHIN_S)
            self._refresh_at = max(self._expires_at - EARLY_S, soon)

    def _end_fetch(self, task: asyncio.Task[None]) -> None:
        self._fetching = None
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("no new token, %s: %s", "the old one is used on" if self._holds else "calls fail", error)

    @property
    def _holds(self) -> bool:
        return self._clock.time() < self._expires_at - EXPIRED_WITHIN_S

    def __repr__(self) -> str:
        return f"<Bearer {self._source!r}>"
