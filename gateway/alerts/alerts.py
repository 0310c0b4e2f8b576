"""Looks at budgets and targets, and has each webhook told of what it should know."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import tzinfo
from random import Random
from typing import Any

from gateway.alerts.channel import Channel, Means, Result
from gateway.alerts.events import Trial, crossings, outages
from gateway.alerts.keys import CallingKeys
from gateway.alerts.once import Once
from gateway.alerts.post import Post, Reply
from gateway.core.clock import Clock, Sleep
from gateway.core.types import Outcome
from gateway.health.breaker import Breakers
from gateway.limits.book import Book
from gateway.limits.watch import Standing, Watch
from gateway.settings.observing import Alerts as Said
from gateway.state.base import Store
from gateway.state.windows import Calendar

TARGETS_S = 2.0
"""How often targets are looked at. None is put out for less than 4 s, so that none is missed."""
KEYS_S = 30.0
"""How often the budgets of keys that called are, which are not watched."""
_log = logging.getLogger("sluice.alerts")


class Alerts:
    """Lives as long as the process; ``put`` says whom to tell. While that is nobody, nothing runs.

    No call waits for it: budgets are read by ``watch``, breakers are looked at, webhooks have tasks of their own. Its
    one part in a call is to note whose it was. An Observer. Belongs to the event loop.
    """

    def __init__(
        self,
        *,
        store: Store,
        breakers: Breakers,
        watch: Watch,
        clock: Clock,
        sleep: Sleep,
        random: Random,
        new_id: Callable[[], str],
        zone: tzinfo,
        instance: str,
        post: Post,
    ) -> None:
        """``new_id`` makes ids that no other process makes; ``instance`` is the host's name; ``zone`` the
        store's.
        """
        self.counts: Counter[tuple[str, ...]] = Counter()
        """Alerts by webhook and what became of them."""
        self._breakers = breakers
        self._watch = watch
        self._clock = clock
        self._sleep = sleep
        self._new_id = new_id
        self._calendar = Calendar(zone)
        self._post = post
        self._means = Means(
            once=Once(store, new_id),
            post=post,
            clock=clock,
            sleep=sleep,
            random=random,
            instance=instance,
            count=self._count,
        )
        self._keys = CallingKeys(store)
        self._said = Said()
        self._providers: Mapping[str, frozenset[str]] = {}
        self._channels: dict[Channel, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Alerts to {', '.join(channel.said.name for channel in self._channels) or 'nobody'}>"

    def put(self, said: Said, providers: Mapping[str, frozenset[str]], book: Book) -> None:
        """Tell these from now on. ``providers`` has the targets of each; ``book`` is of the configuration in force.

        A webhook that stays as it was goes on; what one was told is known by its name, whatever its address.
        """
        self._providers = providers
        self._keys.book = book
        if said == self._said:
            return
        kept = {channel.said: channel for channel in self._channels if said.at == self._said.at}
        self._said = said
        before, self._channels = self._channels, {}
        for webhook in said.webhooks:
            if webhook.is_off:
                continue
            channel = kept.get(webhook)
            if channel is None:
                channel = Channel(webhook, said.at, self._means)
                self._channels[channel] = self._spawn(channel.run())
            else:
                self._channels[channel] = before.pop(channel)
        for task in before.values():
            self._end(task)
        self._attend()

    def observe(self, outcome: Outcome) -> None:
        if self._channels:
            self._keys.observe(outcome)

    def hear(self, standings: Sequence[Standing]) -> None:
        """How limits stand: a listener of the watch."""
        events = tuple(crossings(standings, self._said.at, self._clock.time(), self._calendar))
        for channel in self._channels:
            channel.offer(events)
        # Whoever is watched is offered again anyway. A key may call no more, and be watched no more.
        for event in events:
            if event.kind == "key" and not all(channel.is_done_with(event) for channel in self._channels):
                self._keys.note(event.scope)

    async def look(self) -> None:
        """Look at the targets."""
        now = self._clock.time()
        reports = self._breakers.reports()
        down = outages(reports, self._providers, now)
        working = reports.keys() - down.keys()
        for channel in tuple(self._channels):
            await channel.look(down, working, now)

    async def look_at_keys(self) -> None:
        """Look at the budgets of keys that called, and are not watched."""
        watched = {each.scope for each in self._watch.standings if each.kind == "key"}
        self.hear(await self._keys.look(watched))

    async def test(self) -> dict[str, Reply]:
        """Send a test to every webhook now, once; what came back, by its name."""
        event = Trial(at=self._clock.time())
        channels = tuple(self._channels)
        replies = await asyncio.gather(*(channel.try_once(event, f"msg_test_{self._new_id()}") for channel in channels))
        return {channel.said.name: reply for channel, reply in zip(channels, replies, strict=True)}

    async def aclose(self) -> None:
        """Stop. What was not told yet is told by another replica, or after the next start."""
        self.put(Said(), {}, Book({}))
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await self._post.aclose()

    def _attend(self) -> None:
        """Listen and look while there is somebody to tell, and only then."""
        if self._channels and self._looking is None:
            self._watch.listeners.append(self.hear)
            self._looking = self._spawn(self._run())
        elif not self._channels and self._looking is not None:
            self._watch.listeners.remove(self.hear)
            self._end(self._looking)
            self._looking = None

    async def _run(self) -> None:
        keys_at = self._clock.monotonic() + KEYS_S
        while True:
            try:
                await self.look()
                if self._clock.monotonic() >= keys_at:
                    keys_at = self._clock.monotonic() + KEYS_S
                    await self.look_at_keys()
            except Exception:  # noqa: BLE001  whatever it is, the next look may go better
                _log.exception("what alerts tell of could not be looked at")
            await self._sleep(TARGETS_S)

    def _count(self, webhook: str, result: Result) -> None:
        self.counts[webhook, result] += 1

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)

    def _end(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
