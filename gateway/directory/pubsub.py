"""How a replica hears by Redis of what others change. https://redis.io/docs/latest/develop/pubsub/

Messages of pub/sub reach whoever is connected, and nobody else: so changes are numbered. A number that was left out, a
new connection, or a counter that went on while no message came: each means that changes may have been missed.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec

from gateway.core.clock import Clock, Sleep
from gateway.core.errors import StoreUnavailable
from gateway.core.redis import MAY_NOT, Client, is_forbidden
from gateway.directory.news import EVERYTHING, Listeners
from gateway.directory.records import Change

log = logging.getLogger(__name__)

ANSWER_S = 1.0
TICK_S = 0.25
"""How often it is looked whether there is something to do besides listening."""
COMPARE_S = 8.0
"""How often the counter is compared. What it says must have come as messages by the next time."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0


class Subscription:
    """Tells listeners of changes, for as long as ``run`` runs; it never raises. A lost message costs
    2 * COMPARE_S + LONGEST_PAUSE_S at most.
    """

    def __init__(
        self,
        client: Client,
        channel: str,
        *,
        version: Callable[[], Awaitable[int]],
        listeners: Listeners,
        clock: Clock,
        sleep: Sleep,
    ) -> None:
        self._client = client
        self._channel = channel
        self._version = version
        self._listeners = listeners
        self._monotonic = clock.monotonic
        self._sleep = sleep
        self._seen = -1
        """The last change that was told, or was part of an ``everything``."""
        self._due = 0
        """The number that the counter had when it was last compared."""
        self._compare_at = 0.0
        self._pause_s = FIRST_PAUSE_S
        self.is_listening = False
        self.told_until = -math.inf
        """As Directory.told_until."""

    def __repr__(self) -> str:
        return f"<Subscription {'' if self.is_listening else 'not '}listening, change {self._seen}>"

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001  whatever it was, there is nobody to raise it to
                self._tell_failure(error)
            await self._sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    async def _listen(self) -> None:
        # Also where nothing can be subscribed to: then changes are seen at each attempt.
        await self._look()
        pubsub: Any = self._client.pubsub()
        try:
            async with asyncio.timeout(ANSWER_S):
                await pubsub.subscribe(self._channel)
                while (message := await pubsub.get_message(timeout=ANSWER_S)) is None:
                    pass
            while True:
                if message is not None:
                    await self._heard(message)
                if self._monotonic() >= self._compare_at:
                    await self._compare()
                message = await pubsub.get_message(timeout=TICK_S)
        finally:
            self.is_listening = False
            with suppress(Exception):
                async with asyncio.timeout(ANSWER_S):
                    await pubsub.aclose()

    async def _look(self) -> None:
        version = await self._version()
        if version != self._seen:
            self._seen = version
            self._listeners.tell(EVERYTHING)

    async def _heard(self, message: dict[str, Any]) -> None:
        if message["type"] == "message":
            number, change = _read(message["data"])
            self._listeners.tell(change if number == self._seen + 1 else EVERYTHING)
            self._seen = number
        elif message["type"] == "subscribe":
            # The first connection, or a new one: redis-py may have made it by itself.
            self._seen = self._due = await self._version()
            self._compare_at = self._monotonic() + COMPARE_S
            self._listeners.tell(EVERYTHING)
            self._tell_success()

    async def _compare(self) -> None:
        now = self._monotonic()
        self._compare_at = now + COMPARE_S
        version = await self._version()
        if not self._due <= self._seen <= version:
            raise Deaf
        self._due = version
        if self._seen == version:
            self.told_until = now

    def _tell_success(self) -> None:
        if not self.is_listening and self._pause_s > FIRST_PAUSE_S:
            log.info("changes of keys are heard again")
        self.is_listening = True
        self._pause_s = FIRST_PAUSE_S

    def _tell_failure(self, error: Exception) -> None:
        if self._pause_s == FIRST_PAUSE_S:
            reason = str(error) if isinstance(error, StoreUnavailable | Deaf) else type(error).__name__
            if is_forbidden(error):
                reason = MAY_NOT
            log.warning("changes of keys are heard late until Redis sends them again: %s", reason)


class Deaf(Exception):
    """Changes were counted whose messages never came, though the connection seems to be well."""

    def __str__(self) -> str:
        return "messages were lost"


def _read(data: bytes) -> tuple[int, Change | None]:
    number, kind, name = data.decode().split(" ", 2)
    return int(number), msgspec.convert({"kind": kind, "name": name}, Change) if kind else None
