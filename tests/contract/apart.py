"""A gateway in a thread and loop of its own, for clients that block: hypothesis, schemathesis, raw sockets."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.contract.sides import Side, side

STARTS_WITHIN_S = 10


class Faults(logging.Handler):
    """What the gateway or its loop call a fault of their own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(logging.Formatter().format(record))


class Apart:
    """A served gateway as seen from another thread."""

    def __init__(self, served: Side, faults: Faults) -> None:
        self.url = served.base_url.removesuffix("/v1")
        self.host, _, port = self.url.removeprefix("http://").partition(":")
        self.port = int(port)
        self.faults = faults.seen
        self._served = served

    @property
    def upstream_requests(self) -> int:
        """How many requests have reached the provider."""
        return self._served.simulator.stats.requests


@contextmanager
def gateway_apart(**config: Any) -> Iterator[Apart]:
    """Serve the gateway's side while the block runs; ``config`` is laid over its own."""
    faults = Faults()
    ready = threading.Event()
    found: list[Any] = []

    async def serve() -> None:
        stop = asyncio.Event()
        async with side("gateway", **config) as served:
            found.extend((asyncio.get_running_loop(), stop, served))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="gateway")
    for name in ("sluice", "asyncio", "uvicorn.error"):
        logging.getLogger(name).addHandler(faults)
    thread.start()
    try:
        assert ready.wait(STARTS_WITHIN_S), "the gateway did not start"
        yield Apart(found[2], faults)
    finally:
        if found:
            found[0].call_soon_threadsafe(found[1].set)
        thread.join()
        for name in ("sluice", "asyncio", "uvicorn.error"):
            logging.getLogger(name).removeHandler(faults)
