"""What goes wrong with Redis, as StoreUnavailable: in words that hold no URL and no password, and say what to do."""

from __future__ import annotations

import os
import ssl

from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from gateway.core.errors import StoreTimedOut, StoreUnavailable, StoreUnfit
from gateway.core.redis import MAY_NOT, is_forbidden

UNFIT = {
    "NOAUTH": "Redis wants a password: put it into state.url, redis://:password@host:6379",
    "WRONGPASS": "Redis refuses the password or the user of state.url",
    "NOPERM": MAY_NOT,
    "WRONGTYPE": "Redis has something else under a name of ours, sluice:…: give Sluice a database of its own",
}
"""What only a change by hand mends, by the first word of Redis's answer."""

PASSING = {
    "LOADING": "Redis is loading its data",
    "BUSY": "Redis is busy with somebody's script",
    "READONLY": "this Redis is a replica and takes no writes",
    "MASTERDOWN": "Redis has lost its master",
    "CLUSTERDOWN": "the cluster of Redis is down",
    "TRYAGAIN": "the cluster of Redis is moving our keys",
    "ASK": "the cluster of Redis is moving our keys",
    "MOVED": "the cluster of Redis has moved our keys",
    "OOM": "Redis is out of memory: raise its maxmemory",
    "MISCONF": "Redis can't write to its disk",
    "NOREPLICAS": "Redis has too few replicas to take writes",
}


def code_of(error: Exception) -> str:
    """The first word of what Redis answered: ``NOSCRIPT``."""
    return str(error).partition(" ")[0]


def refused(error: Exception) -> StoreUnavailable:
    """Of an error that Redis answered with."""
    code = "NOPERM" if is_forbidden(error) else code_of(error)
    if code in UNFIT:
        return StoreUnfit(UNFIT[code])
    return StoreUnavailable(PASSING.get(code) or f"Redis answered with an error: {str(error)[:200]}")


def unconnected(error: BaseException) -> StoreUnavailable:
    """Of what redis-py raised when it connected, or asked something at the start."""
    if isinstance(error, StoreUnavailable):
        return error
    if isinstance(error, AuthenticationError | AuthorizationError | NoPermissionError):
        return StoreUnfit(UNFIT["WRONGPASS"])
    if isinstance(error, RedisTimeoutError | TimeoutError):
        return StoreTimedOut("Redis does not answer")
    if isinstance(error, ResponseError):
        # Its own words: a database that there is not, a command that is not allowed.
        return StoreUnfit(f"Redis refuses us: {str(error)[:200]}")
    reason = error if isinstance(error, OSError) else error.__context__
    if isinstance(reason, ssl.SSLError):
        return StoreUnavailable(f"Redis can't be reached over TLS: {_of_tls(reason)}")
    number = reason.errno if isinstance(reason, OSError) else None
    return StoreUnavailable(f"Redis can't be reached: {os.strerror(number) if number else type(error).__name__}")


def _of_tls(error: ssl.SSLError) -> str:
    # Its errno is OpenSSL's, which the system would take for one of its own.
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.verify_message}. Name its authority in state.url: ?ssl_ca_certs=/path/to/ca.pem"
    return f"{error.reason or 'no handshake'}. Check that state.url names the port for TLS"
