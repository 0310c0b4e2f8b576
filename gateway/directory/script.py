"""The Lua scripts of this folder's ``scripts``, each atomic in Redis."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import NoScriptError

Client = Redis | RedisCluster
"""A client whose replies are bytes. In a cluster, all keys of a script share a hash tag."""


class Script:
    """Sent by its digest; whole where a server doesn't know it yet, after a restart or a failover, and then once."""

    def __init__(self, name: str) -> None:
        folder = files(__package__) / "scripts"
        self._text = "".join((folder / f"{part}.lua").read_text("utf-8") for part in ("append", name))
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, client: Client, keys: Sequence[str], values: Sequence[str | bytes]) -> Any:
        try:
            return await client.execute_command("EVALSHA", self._digest, len(keys), *keys, *values)
        except NoScriptError:
            return await client.execute_command("EVAL", self._text, len(keys), *keys, *values)
