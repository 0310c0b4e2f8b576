"""Says in the log when Redis would forget budgets: by a restart, or to make room."""

from __future__ import annotations

import logging
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import RedisError

from gateway.core.redis import Client

log = logging.getLogger(__name__)


async def warn_if_forgetful(client: Client) -> None:
    """Look once. Managed services hide their settings, and have their own durability: they are not warned about."""
    try:
        persistence = await _ask(client, "INFO", "persistence")
        if not int(persistence.get("aof_enabled", 1)) and await _is_open(client):
            log.warning(
                "Redis keeps no append-only file: a restart of it forgets what was spent. Set appendonly yes and "
                "appendfsync everysec"
            )
        memory = await _ask(client, "INFO", "memory")
        policy = memory.get("maxmemory_policy", "noeviction")
        if int(memory.get("maxmemory", 0)) and policy != "noeviction":
            log.warning("Redis may drop counters to make room (maxmemory-policy %s): set noeviction", policy)
    except (RedisError, OSError, ValueError):
        log.debug("Redis does not tell whether it keeps its data", exc_info=True)


async def _is_open(client: Client) -> bool:
    try:
        await _ask(client, "CONFIG GET", "appendonly")
    except RedisError:
        return False
    return True


async def _ask(client: Client, *command: str) -> dict[str, Any]:
    if isinstance(client, RedisCluster):
        node = client.get_primaries()[0]
        found = await client.execute_command(*command, target_nodes=node)
    else:
        found = await client.execute_command(*command)  # type: ignore[no-untyped-call]
    return dict(found)
