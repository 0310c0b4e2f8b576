"""Waiting for what signals nobody: another process, a thread, a task that is about to run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PATIENCE_S = 15.0


async def until(condition: Callable[[], object], within_s: float = PATIENCE_S) -> None:
    """Let the loop go on until ``condition()`` holds. Raises TimeoutError where it never does."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  what is waited for signals nobody
            await asyncio.sleep(0.002)
