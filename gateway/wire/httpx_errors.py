"""httpx's errors in our words. Never in its own: those may hold URLs.

Importing this imports httpx.
"""

from __future__ import annotations

import httpx

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import Timeouts
from gateway.wire.dial import refusal
from gateway.wire.upload import BadPayload

_ROWS: tuple[tuple[type[Exception], Reason, str], ...] = (
    (httpx.ConnectTimeout, Reason.CONNECT_TIMEOUT, "no connection within {0.connect:g} s"),
    (httpx.PoolTimeout, Reason.CONNECT_TIMEOUT, "no connection within {0.connect:g} s"),
    (httpx.ReadTimeout, Reason.IDLE_TIMEOUT, "nothing came for {0.idle:g} s"),
    (httpx.WriteTimeout, Reason.IDLE_TIMEOUT, "the request was not taken for {0.idle:g} s"),
    (httpx.NetworkError, Reason.CLOSED, "the connection was closed before the reply was whole"),
    (httpx.RemoteProtocolError, Reason.PROTOCOL, "the provider's reply is not valid HTTP"),
    (httpx.LocalProtocolError, Reason.PROTOCOL, "the request is not valid HTTP"),
    (httpx.UnsupportedProtocol, Reason.PROTOCOL, "the URL is neither http nor https"),
    (BadPayload, Reason.CLOSED, "the request's body has not the length it promised"),
)


def translated(error: Exception, timeouts: Timeouts) -> UpstreamError:
    """The UpstreamError that stands for ``error``, which came from httpx or from below it."""
    if isinstance(error, UpstreamError):
        return error
    special = _connecting(error) or _closed(error)
    if special is not None:
        return special
    for known, reason, words in _ROWS:
        if isinstance(error, known):
            return UpstreamError(reason, words.format(timeouts))
    return UpstreamError(Reason.CLOSED, f"the exchange failed ({type(error).__name__})")


def _connecting(error: Exception) -> UpstreamError | None:
    if isinstance(error, httpx.ProxyError):
        status = str(error)[:3]
        words = f"the proxy refused with status {status}" if status.isdigit() else "the proxy refused"
        return UpstreamError(Reason.CONNECT, words)
    if not isinstance(error, httpx.ConnectError):
        return None
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError):
            return refusal(below)
        below = below.__cause__ or below.__context__
    return UpstreamError(Reason.CONNECT, "no connection could be made")


def _closed(error: Exception) -> UpstreamError | None:
    # h11 and h2 have one error for bytes that make no sense and for their lack.
    words = str(error)
    if not isinstance(error, httpx.RemoteProtocolError):
        return None
    if "disconnected" in words or "ConnectionTerminated" in words:
        return UpstreamError(Reason.CLOSED, "the connection was closed before a reply came")
    if "closed connection" in words:
        return UpstreamError(Reason.CLOSED, "the connection was closed before the reply was whole")
    return None
