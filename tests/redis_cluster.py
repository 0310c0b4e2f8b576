"""A real cluster of redis-servers for tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import redis

from tests.redis_server import START_S, RedisServer, free_port

SLOTS = 16_384


class ClusterOfServers:
    """``masters`` nodes with the slots shared out evenly, and as many replicas, which follow the first master."""

    def __init__(self, masters: int = 3, *, replicas: int = 0) -> None:
        self._stack = ExitStack()
        self.nodes = [self._stack.enter_context(self._node()) for _ in range(masters + replicas)]
        each = -(-SLOTS // masters)
        first = self.nodes[0]
        for number, node in enumerate(self.nodes):
            with node.client() as told:
                if number < masters:
                    told.execute_command("CLUSTER", "ADDSLOTSRANGE", number * each, min(SLOTS, (number + 1) * each) - 1)
                told.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
                if node is not first:
                    told.execute_command("CLUSTER", "MEET", "127.0.0.1", first.port, first.options["--cluster-port"])
        self.until(lambda: all(len(self.known_to(node)) == len(self.nodes) for node in self.nodes))
        with first.client() as told:
            leader = told.execute_command("CLUSTER", "MYID").decode()
        for node in self.nodes[masters:]:
            with node.client() as told:
                told.execute_command("CLUSTER", "REPLICATE", leader)
        self.until(lambda: all(self.is_well(node) for node in self.nodes))

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def until(self, condition: Callable[[], bool]) -> None:
        give_up = time.monotonic() + START_S
        while not condition():
            assert time.monotonic() < give_up, "the cluster did not come to be as it should"
            time.sleep(0.02)

    def known_to(self, node: RedisServer) -> list[str]:
        """The lines of CLUSTER NODES, where handshakes are over."""
        with node.client() as look:
            found = look.execute_command("CLUSTER NODES")
        return [address for address, told in found.items() if "handshake" not in told["flags"]]

    def is_well(self, node: RedisServer) -> bool:
        with node.client() as look:
            try:
                info = look.info("replication")
                is_joined = info["role"] == "master" or info["master_link_status"] == "up"
                return is_joined and look.execute_command("CLUSTER INFO")["cluster_state"] == "ok"
            except redis.RedisError:
                return False

    def take_over(self, replica: RedisServer) -> None:
        """Make a replica the master. The others may not vote for it at first: they don't know yet what it is."""
        with replica.client() as told:

            def is_master() -> bool:
                if told.info("replication")["role"] == "master":
                    return True
                told.execute_command("CLUSTER", "FAILOVER")
                time.sleep(0.5)
                return False

            self.until(is_master)

    def flush(self) -> None:
        for node in self.nodes:
            with node.client() as told:
                if told.info("replication")["role"] == "master":
                    told.flushall()

    def stop(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @staticmethod
    def _node() -> RedisServer:
        options = {
            "--cluster-enabled": "yes",
            "--cluster-node-timeout": "2000",
            "--cluster-port": str(free_port()),
            "--repl-diskless-sync-delay": "0",
        }
        return RedisServer(*(word for option in options.items() for word in option))
