"""Which server a key is kept on: one for all, or as the slots of a cluster say."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from redis.asyncio import Redis, RedisCluster
from redis.crc import key_slot

from gateway.core.errors import StoreUnavailable
from gateway.core.redis import Client
from gateway.state.redis.failures import code_of, unconnected
from gateway.state.redis.link import Link

HOME = "state"
"""The tag of all reservations where one server has them all."""


class Servers(Protocol):
    is_one: bool
    """All keys are on one server: all reservations are recorded under HOME."""

    def link(self, tag: str) -> Link:
        """To the server that has the keys of ``tag``. Raises StoreUnavailable where none is known to."""
        ...

    def misses(self, link: Link, error: Exception) -> bool:
        """Learn from an error of ``link``. True where the same command may be sent again at once, because
        it was not carried out, and another server is known by now.
        """
        ...

    async def start(self) -> None: ...
    def close(self) -> None: ...


def servers(client: Client, deadline_s: float) -> Servers:
    return Cluster(client, deadline_s) if isinstance(client, RedisCluster) else OneServer(client, deadline_s)


class OneServer:
    """Or the one that Sentinels name."""

    is_one = True

    def __init__(self, client: Redis, deadline_s: float) -> None:
        self._link = Link(client.connection_pool.make_connection, deadline_s)

    def link(self, tag: str) -> Link:  # noqa: ARG002  one for all
        return self._link

    def misses(self, link: Link, error: Exception) -> bool:
        if code_of(error) in {"READONLY", "MASTERDOWN"}:
            link.drop()
        return False

    async def start(self) -> None:
        await self._link.connected()

    def close(self) -> None:
        self._link.close()


class Cluster:
    """redis-py knows its nodes and slots. A link for each node that is used."""

    is_one = False

    def __init__(self, client: RedisCluster, deadline_s: float) -> None:
        self._client = client
        self._deadline_s = deadline_s
        self._links: dict[str, Link] = {}
        self._moved: dict[int, str] = {}
        """What nodes said of single slots, since redis-py last asked for all."""
        self._asking: asyncio.Task[None] | None = None

    def link(self, tag: str) -> Link:
        slot = key_slot(f"sluice:{{{tag}}}".encode())
        name = self._moved.get(slot)
        if name is None:
            try:
                name = self._client.nodes_manager.get_node_from_slot(slot).name
            except Exception as error:
                self._ask()
                raise StoreUnavailable("no node of the cluster is known to have our keys") from error
        return self._link_to(name)

    def misses(self, link: Link, error: Exception) -> bool:
        code = code_of(error)
        if code in {"MOVED", "CLUSTERDOWN", "READONLY", "MASTERDOWN"} or isinstance(error, StoreUnavailable):
            self._ask()
        if code != "MOVED":
            return False
        _, slot, address = str(error).split(" ")[:3]
        host, _, port = address.rpartition(":")
        # Without a host, it means the one that said so.
        self._moved[int(slot)] = f"{host or self._host_of(link)}:{port}"
        return True

    async def start(self) -> None:
        try:
            await self._client.initialize()
        except Exception as error:  # noqa: BLE001  redis-py has many kinds
            raise unconnected(error) from None
        await asyncio.gather(*(self._link_to(node.name).connected() for node in self._client.get_primaries()))

    def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        for link in self._links.values():
            link.close()
        self._links.clear()

    def _link_to(self, name: str) -> Link:
        link = self._links.get(name)
        if link is None:
            host, _, port = name.rpartition(":")
            node = self._client.nodes_manager.get_node(node_name=name)
            if node is None:  # named by MOVED, and not yet known
                any_node = self._client.get_nodes()[0]
                options: dict[str, Any] = {**any_node.connection_kwargs, "host": host, "port": int(port)}
                make = any_node.connection_class
            else:
                options, make = node.connection_kwargs, node.connection_class
            link = self._links[name] = Link(lambda: make(**options), self._deadline_s)
        return link

    def _host_of(self, link: Link) -> str:
        return next(name for name, each in self._links.items() if each is link).rpartition(":")[0]

    def _ask(self) -> None:
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_nodes())

    async def _ask_nodes(self) -> None:
        try:
            await self._client.nodes_manager.initialize()
            self._moved.clear()
            known = {node.name for node in self._client.get_nodes()}
            for name in [name for name in self._links if name not in known]:
                self._links.pop(name).close()
        except Exception:  # noqa: BLE001, S110  whoever needs the nodes asks again
            pass
        finally:
            self._asking = None
