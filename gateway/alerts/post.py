"""One try to deliver: a POST, and what came back, in words that hold no address."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from gateway.core.clock import Clock

if TYPE_CHECKING:
    # Takes 0.1 s to load, which a start without webhooks doesn't spend.
    import httpx

_WORD = re.compile(rb"[a-z_]{2,40}")
"""Slack's own errors: ``no_service``, ``channel_is_archived``. Nothing else of a reply is shown."""
_MOST_READ = 64
_AGAIN = frozenset({408, 425, 429})


class Reply(msgspec.Struct, frozen=True):
    """What a try came to."""

    status: int | None
    """None: no answer came."""
    reason: str
    """Empty if it is delivered."""
    retry_after_s: float = 0.0

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def may_pass(self) -> bool:
        """Another try may fare better."""
        return self.status is None or self.status in _AGAIN or self.status >= 500


class Post(Protocol):
    """Sends one request. It never raises for what became of it."""

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Reply: ...

    async def aclose(self) -> None: ...


class HttpPost:
    """Over httpx, which is made when there is something to send. Goes through a proxy that the environment names.

    Follows no redirects: an alert goes to the address that was written down, or nowhere.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._client: httpx.AsyncClient | None = None
        self._making = asyncio.Lock()

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Reply:
        client = await self._made()
        import httpx  # noqa: PLC0415  loaded by now, in a thread

        try:
            async with (
                asyncio.timeout(timeout_s),
                client.stream("POST", url, headers={**headers}, content=body, timeout=timeout_s) as reply,
            ):
                said = b""
                if reply.status_code >= 300:
                    async for part in reply.aiter_raw(_MOST_READ):
                        said = part
                        break
                return Reply(reply.status_code, _why(reply.status_code, said), self._asked_s(reply))
        # Their own words may hold the address.
        except (TimeoutError, httpx.TimeoutException):
            return Reply(None, f"no answer in {timeout_s:g} s")
        except httpx.ConnectError:
            return Reply(None, "no connection: the name is unknown, nobody listens, or TLS failed")
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, OSError) as error:
            return Reply(None, f"the request failed ({type(error).__name__})")

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _made(self) -> httpx.AsyncClient:
        async with self._making:
            if self._client is None:
                self._client = await asyncio.to_thread(_new_client)
            return self._client

    def _asked_s(self, reply: httpx.Response) -> float:
        said = reply.headers.get("retry-after", "")
        try:
            return max(0.0, float(said)) if said.isdigit() else self._until(said)
        except (ValueError, TypeError, OverflowError):
            return 0.0

    def _until(self, date: str) -> float:
        return max(0.0, parsedate_to_datetime(date).timestamp() - self._clock.time()) if date else 0.0


def _new_client() -> httpx.AsyncClient:
    """Blocks: it reads the system's certificates, which takes tens of milliseconds."""
    import httpx  # noqa: PLC0415

    return httpx.AsyncClient(follow_redirects=False)


def _why(status: int, said: bytes) -> str:
    if status < 300:
        return ""
    if status < 400:
        return f"answered {status}: redirects are not followed"
    word = said.strip()
    return f"answered {status}: {word.decode()}" if _WORD.fullmatch(word) else f"answered {status}"
