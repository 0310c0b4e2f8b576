"""Behind a real Sentinel: the master is found, and found again when another takes over."""

from __future__ import annotations

import asyncio

from gateway.core.errors import StoreUnavailable
from tests.redis_server import START_S, RedisServer
from tests.state.redis.asking import USD, figures, is_taken, reservation, settlement


async def test_after_a_failover_the_new_master_is_asked(make_engine):
    with (
        RedisServer("--repl-diskless-sync-delay", "0") as master,
        RedisServer("--replicaof", "127.0.0.1", str(master.port)) as replica,
        RedisServer("--sentinel") as sentinel,
    ):
        with sentinel.client() as told:
            told.execute_command("SENTINEL", "MONITOR", "mine", "127.0.0.1", master.port, 1)
            told.execute_command("SENTINEL", "SET", "mine", "down-after-milliseconds", 300, "failover-timeout", 2_000)
        engine = await make_engine(f"redis+sentinel://127.0.0.1:{sentinel.port}/mine")
        held = reservation(("key:a:usd", USD, 40))
        assert is_taken(await engine.hold([held]))
        async with asyncio.timeout(START_S):
            await asyncio.to_thread(_replicated, master, replica, sentinel)
        master.kill()

        async with asyncio.timeout(60):
            while True:
                try:
                    await engine.deliver([settlement(held, 25)])
                    break
                except StoreUnavailable:
                    await asyncio.sleep(0.05)
        assert await figures(engine, "key:a:usd") == (25, 0)
        with replica.client() as look:
            assert look.info("replication")["role"] == "master"


def _replicated(master: RedisServer, replica: RedisServer, sentinel: RedisServer) -> None:
    """Wait until the replica has all, and the sentinel knows of it."""
    with master.client() as told, sentinel.client() as knows, replica.client() as look:
        while look.info("replication")["master_link_status"] != "up" or not told.wait(1, 100):
            pass
        while not knows.execute_command("SENTINEL", "REPLICAS", "mine"):
            pass
