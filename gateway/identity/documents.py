"""Reads the public documents of an identity provider: over HTTP, in bounds of time and size."""

from __future__ import annotations

import asyncio

import httpx

from gateway.core.exchange import Origin
from gateway.core.loopback import is_loopback
from gateway.wire.tls import Tls

DEADLINE_S = 5.0
MOST_BYTES = 512 * 1024


async def read_document(url: str) -> bytes:
    """What is at ``url``: https, or http on loopback. Redirects are not followed.

    Raises OSError for whatever goes wrong, in words that hold no more than the URL.
    """
    if not is_safe(url):
        raise OSError(f"{url} is not https")
    try:
        # Loading the system's roots takes some 20 ms, and the first client's modules 50 ms.
        client = await asyncio.to_thread(_client, has_tls=url.startswith("https:"))
        async with asyncio.timeout(DEADLINE_S), client:
            return await _read(client, url)
    except TimeoutError:
        raise OSError(f"{url} did not answer within {DEADLINE_S:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(f"{url} can't be read ({type(error).__name__})") from None


def is_safe(url: str) -> bool:
    """Nobody in between can change what is read there."""
    try:
        origin = Origin.of(url)
    except ValueError:
        return False
    return origin.scheme == "https" or is_loopback(origin.host)


def _client(*, has_tls: bool) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=Tls().context() if has_tls else False, timeout=DEADLINE_S)


async def _read(client: httpx.AsyncClient, url: str) -> bytes:
    async with client.stream("GET", url, headers={"accept": "application/json"}) as response:
        if response.status_code != 200:
            raise OSError(f"{url} answered {response.status_code}")
        read = bytearray()
        async for piece in response.aiter_bytes():
            read += piece
            if len(read) > MOST_BYTES:
                raise OSError(f"{url} is larger than {MOST_BYTES:,} bytes")
        return bytes(read)
