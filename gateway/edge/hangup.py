"""Ends the work for a request when its client hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from gateway.edge.asgi import Receive


async def until_hangup(receive: Receive, work: Coroutine[Any, Any, None], *, longest_s: float) -> bool:
    """Run ``work`` in this task; cancel it at once if the client hangs up. True if it ran to its end.

    A client that takes no bytes and does not go has hung up after ``longest_s``: nothing else could keep the work for
    so long, and what it holds of limits and budgets is wanted by others.

    The work stays in the task that the server runs and only the watching gets one of its own (10 µs a request): its
    exits then run where the server waits for them.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task(loop)
    assert task is not None
    watch = _Watch(receive, task)
    watcher = loop.create_task(watch.run())
    timer = loop.call_later(longest_s, watch.give_up)
    try:
        await work
    except asyncio.CancelledError:
        # Of two cancellations at once, ours and the server's, the server's counts.
        if watch.has_cancelled and task.uncancel() == 0:
            return False
        raise
    finally:
        timer.cancel()
        watcher.cancel()
    return True


class _Watch:
    def __init__(self, receive: Receive, task: asyncio.Task[Any]) -> None:
        self._receive = receive
        self._task = task
        self.has_cancelled = False

    async def run(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.give_up()

    def give_up(self) -> None:
        # Once: a second cancellation would look like the server's own.
        if not self.has_cancelled:
            self.has_cancelled = True
            self._task.cancel("the client hung up")
