"""What the rooms that keep something in Redis have in common: its client, scripts, and failures as StoreUnavailable.

Counters go a faster way of their own (``state.redis.link``): their scripts are asked by every call.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import NoPermissionError, NoScriptError

from gateway.core.errors import StoreUnavailable

Client = Redis | RedisCluster
"""A client whose replies are bytes."""

MAY_NOT = (
    "the user of state.url may not do this in Redis: it needs +@all (but for @dangerous) on ~sluice:* and on the "
    "channels &sluice:*"
)


def is_forbidden(error: Exception) -> bool:
    """Whether Redis's access list refused a command, or one within a script."""
    return isinstance(error, NoPermissionError) or "The user executing the script" in str(error)


class Script:
    """Files of Lua in ``folder``, one after another: one step for Redis.

    In a cluster, all its keys share a hash tag. Sent by its digest; whole where a server doesn't know it yet, after a
    restart or a failover, and then once.
    """

    def __init__(self, folder: Path, *names: str) -> None:
        self._text = "".join((folder / f"{name}.lua").read_text("utf-8") for name in names)
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, client: Client, keys: Sequence[str], values: Sequence[str | bytes | int]) -> Any:
        """What it answers. Raises what the client does."""
        try:
            return await client.execute_command("EVALSHA", self._digest, len(keys), *keys, *values)
        except NoScriptError:
            return await client.execute_command("EVAL", self._text, len(keys), *keys, *values)


@asynccontextmanager
async def asking(what: str, deadline_s: float) -> AsyncIterator[None]:
    """Whatever goes wrong in the block, or takes longer, is a StoreUnavailable that says that ``what`` can't be had."""
    try:
        async with asyncio.timeout(deadline_s):
            yield
    except Exception as error:  # noqa: BLE001  redis-py lets through what it meets: of sockets, of TLS, of its own
        if is_forbidden(error):
            raise StoreUnavailable(f"{what} in Redis: {MAY_NOT}") from None
        # Of the error only its name and its code: its words may hold an address, a command and what came with it.
        code = str(error).partition(" ")[0]
        code = f" ({code})" if code.isascii() and code.isalpha() and code.isupper() else ""
        raise StoreUnavailable(
            f"{what} in Redis can't be reached now: {type(error).__name__}{code}. Check that the Redis of state.url "
            "is up, takes writes and can be reached from here."
        ) from None
