"""From a URL to a client of Redis (or Valkey): one server, those behind Sentinels, or a cluster.

    redis://[user:password@]host[:6379][/db]                          rediss:// is the same over TLS
    redis+cluster://[user:password@]host[:6379][,host2[:port]]        rediss+cluster://
    redis+sentinel://[user:password@]host[:26379][,host2]/name[/db]   rediss+sentinel://

User and password are those of the Redis servers, percent-encoded where need be; Sentinels with credentials of their own
take them as ``?sentinel_username=…&sentinel_password=…``. Other options of redis-py go into the query as well
(``ssl_ca_certs``, ``client_name``): https://redis.readthedocs.io/en/stable/connections.html
"""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from gateway.core.errors import ConfigError, Problem
from gateway.core.redis import Client

REDIS_PORT = 6379
SENTINEL_PORT = 26379

Address = tuple[str, int]


class SentinelRedis(Redis):
    """A client of the master that Sentinels name. redis-py would leave the connections to these open."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001  redis-py's own
        await super().aclose(close_connection_pool)
        for sentinel in self.connection_pool.sentinel_manager.sentinels:  # type: ignore[attr-defined]
            await sentinel.aclose()


def connect(url: str, *, timeout_s: float = 2.0, max_connections: int = 100) -> Client:
    """A client of what ``url`` names. It connects when it is first used; whoever opened it closes it.

    Nothing is tried twice behind the caller's back (a cluster's client follows one move of a slot), and no answer is
    waited for longer than ``timeout_s``. Sockets send at once (asyncio sets TCP_NODELAY) and keep themselves alive.
    Raises ConfigError, whose message never repeats the URL.
    """
    try:
        kind, addresses, path, options = _read(url)
    except ValueError:
        # redis-py and urllib quote what they could not read, and that may be a password.
        raise _wrong("can't be read", "percent-encode what is special in the password, and check the ports") from None
    options = {
        **options,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "socket_keepalive": True,
        "max_connections": max_connections,
        "protocol": 2,
    }
    try:
        return _client(kind, addresses, path, options)
    except TypeError:
        # redis-py quotes what it does not know, with what came before it.
        raise _wrong("has an option that redis-py does not know", "look at what stands behind its ?") from None


def _client(kind: str, addresses: list[Address], path: list[str], options: dict[str, Any]) -> Client:
    """Raises ConfigError, and TypeError for an option that there is not."""
    if kind == "cluster":
        if path:
            raise _wrong("names a database, and a cluster has but one", "write redis+cluster://host:6379")
        options.pop("db", None)
        nodes = [ClusterNode(host, port) for host, port in addresses]
        return RedisCluster(startup_nodes=nodes, retry=Retry(NoBackoff(), 1), **options)
    options["retry"] = Retry(NoBackoff(), 0)
    if kind == "sentinel":
        return _behind_sentinels(addresses, path, options)
    host, port = addresses[0]
    return Redis(host=host, port=port, db=_database(path), **options)


def _read(url: str) -> tuple[str, list[Address], list[str], dict[str, Any]]:
    """Its kind, where to connect, the parts of its path, and what redis-py makes of all else. Raises ValueError."""
    scheme, _, rest = url.partition("://")
    base, _, kind = scheme.partition("+")
    if base not in {"redis", "rediss"} or kind not in {"", "cluster", "sentinel"}:
        raise _wrong("is no URL of Redis", "write redis://, rediss://, redis+cluster:// or redis+sentinel://")
    rest, _, query = rest.partition("?")
    place, _, path = rest.partition("/")
    credentials, at, hosts = place.rpartition("@")
    addresses = [_address(host, SENTINEL_PORT if kind == "sentinel" else REDIS_PORT) for host in hosts.split(",")]
    if not kind and len(addresses) > 1:
        raise _wrong("names several hosts", "write redis+cluster:// or redis+sentinel:// where there are several")
    # redis-py reads credentials and options; the host is ours.
    options = dict(parse_url(f"{base}://{credentials}{at}host" + (f"?{query}" if query else "")))
    options.pop("host", None)
    if options.pop("connection_class", None) is SSLConnection:
        options["ssl"] = True
    return kind, addresses, [part for part in path.split("/") if part], options


def _address(host: str, port: int) -> Address:
    name, colon, digits = host.rpartition(":")
    if not colon or "]" in digits:  # an IPv6 address without a port ends in a bracket
        name, digits = host, str(port)
    name = name.strip("[]")
    if not name or not 0 < int(digits) < 65_536:
        raise ValueError
    return name, int(digits)


def _database(path: list[str]) -> int:
    if not path:
        return 0
    if len(path) > 1 or not path[0].isdecimal():
        raise _wrong("has a path that is no number of a database", "write redis://host:6379/0")
    return int(path[0])


def _behind_sentinels(addresses: list[Address], path: list[str], options: dict[str, Any]) -> Redis:
    if not path:
        raise _wrong("names no service", "write redis+sentinel://host:26379,host2:26379/mymaster")
    own = {name.removeprefix("sentinel_"): options.pop(name) for name in list(options) if name.startswith("sentinel_")}
    shared = {name: options[name] for name in options if name.startswith(("socket_", "ssl", "protocol", "retry"))}
    sentinel = Sentinel(addresses, sentinel_kwargs={**shared, **own}, **options)  # type: ignore[no-untyped-call]
    client: Redis = sentinel.master_for(path[0], redis_class=SentinelRedis, db=_database(path[1:]))
    return client


def _wrong(what: str, fix: str) -> ConfigError:
    return ConfigError([Problem("configuration", None, "state.url", what, fix)])
