"""How late the event loop is: what every call waits for its turn."""

from __future__ import annotations

from collections.abc import Callable

from gateway.core.clock import Clock, Sleep

EVERY_S = 0.25


async def watch_lag(tell: Callable[[float], None], clock: Clock, sleep: Sleep, every_s: float = EVERY_S) -> None:
    """Sleep again and again, and ``tell`` by how many seconds each sleep was too long; until cancelled.

    Timers of uvloop tick in milliseconds: at rest it tells up to one.
    """
    while True:
        began_at = clock.monotonic()
        await sleep(every_s)
        tell(max(0.0, clock.monotonic() - began_at - every_s))
