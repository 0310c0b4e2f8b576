"""A process with a SQLite store under traffic, to be killed or starved by a test.

    python traffic.py kill DB     holds and settles 10 at a time for ever; tells what it spent and what it holds
    python traffic.py disk DB     spends, is refused the disk, spends on, is given it back; tells what happened

It speaks in lines: a monotonic time in seconds (the same clock in all processes), a word, a number.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import resource
import sys
import time

from gateway.core.clock import SystemClock
from gateway.state.base import Claim, Reservation, Spend
from gateway.state.sqlite import SqliteStore

BUDGET = Spend(10**15, "total")


def say(word: str, number: int) -> None:
    print(f"{time.monotonic():.6f} {word} {number}", flush=True)  # noqa: T201  the test reads it


async def hold(store: SqliteStore, id: str, amount: int) -> None:
    await store.hold([Reservation(id, (Claim("usd", BUDGET, amount),))])


async def spend_until_killed(path: str) -> None:
    store = SqliteStore(path, SystemClock())
    await store.start()
    spent = 0
    for number in itertools.count():
        ids = [f"{number}-{call}" for call in range(10)]
        # Said before: what is held may reach the disk at any time from here on.
        say("may", spent + 100 * len(ids))
        for id in ids:
            await hold(store, id, 100)
        await asyncio.sleep(0.002)
        for id in ids:
            store.settle(id, [7])
        spent += 7 * len(ids)
        say("spent", spent)


async def spend_without_disk(path: str) -> None:
    store = SqliteStore(path, SystemClock(), batch_s=0.01, retry_s=0.02)
    await store.start()
    await hold(store, "before", 10)
    say("written", int(await store.flush()))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    for number in range(1_000):
        await hold(store, f"r{number}", 5)
        store.settle(f"r{number}", [5])
    say("written", int(await store.flush()))
    say("behind", int(store.is_behind))
    say("backlog", store.backlog)
    while store.write_failures < 3:  # noqa: ASYNC110  a store has no event for the disk
        await asyncio.sleep(0.01)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    while store.is_behind:  # noqa: ASYNC110  as above
        await asyncio.sleep(0.01)
    say("backlog", store.backlog)
    await store.aclose()


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
    asyncio.run({"kill": spend_until_killed, "disk": spend_without_disk}[sys.argv[1]](sys.argv[2]))
