"""One webhook: what it is yet to be told, and the task that tells it, one thing after the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from random import Random
from typing import Literal

import msgspec

from gateway.alerts import message
from gateway.alerts.events import BudgetCrossed, Event, TargetChanged
from gateway.alerts.once import FLAPS_S, Answer, Once, Taken
from gateway.alerts.post import Post, Reply
from gateway.alerts.signature import signed
from gateway.core.clock import Clock, Sleep
from gateway.settings.observing import Webhook

MOST_WAITING = 1_000
MOST_TOLD = 20_000
"""Budgets of which is remembered what was told; of others the store is asked again, and knows."""
GIVES_UP_S = 600.0
"""How old an alert may grow. Each is tried once at least."""
FIRST_PAUSE_S = 1.0
LAST_PAUSE_S = 60.0
ASKS_AGAIN_S = 10.0
"""After a subject could not be told now."""

Result = Literal["sent", "failed"]
_log = logging.getLogger("sluice.alerts")


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What channels share."""

    once: Once
    post: Post
    clock: Clock
    sleep: Sleep
    random: Random
    instance: str
    """Who tells: the host's name."""
    count: Callable[[str, Result], None]
    """Is told of each alert's end: the webhook's name, and what became of it."""


class Channel:
    """Tells one webhook of budgets and targets.

    What is so is offered to it again and again, round by round; it remembers what was told, here or elsewhere, and
    tells the rest. So nothing is lost where it could not tell: the next round offers it again. Of one subject only the
    newest waits.

    While the store is out of reach, budgets wait; that a target is down is told all the same, by each replica, and by
    the same ones that it works again.
    """

    def __init__(self, said: Webhook, thresholds: Sequence[int], means: Means) -> None:
        self.said = said
        self._thresholds = thresholds
        self._url = said.url.get_secret_value()
        self._key = said.key
        self._means = means
        self._now = means.clock.monotonic
        self._waiting: dict[str, Event] = {}
        self._telling: Event | None = None
        self._told: dict[str, BudgetCrossed] = {}
        self._down: dict[str, bool] = {}
        """Targets of which was told last that they are down; True: by this replica alone, without the store."""
        self._seen: set[str] = set()
        """Targets of which the store was asked what was told before."""
        self._alone_at: dict[str, float] = {}
        self._not_before: dict[str, float] = {}
        self._wake = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Channel {self.said.name}, {len(self._waiting)} waiting>"

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def offer(self, events: Iterable[BudgetCrossed]) -> None:
        """How budgets stand; each that has crossed a threshold."""
        if "budget" not in self.said.on:
            return
        for event in events:
            waiting = self._waiting.get(event.subject)
            if isinstance(waiting, BudgetCrossed) and waiting.is_higher(event):
                continue
            known = (self._told.get(event.subject), self._telling)
            if not any(isinstance(told, BudgetCrossed) and told.covers(event) for told in known):
                self._put(event.subject, event)

    def is_done_with(self, event: BudgetCrossed) -> bool:
        """It needs not be offered again: it was told, here or by another, or this webhook is not for it."""
        told = self._told.get(event.subject)
        return "budget" not in self.said.on or (told is not None and told.covers(event))

    async def look(self, down: Mapping[str, TargetChanged], working: AbstractSet[str], at: float) -> None:
        """How targets are: those that are down, and those that are known to work."""
        if "target" not in self.said.on:
            return
        self._not_before = {subject: until for subject, until in self._not_before.items() if until > self._now()}
        self._drop_past(down)
        await self._recall(down.keys() | working)
        for target, event in down.items():
            if target not in self._down and not self._is_telling(target, is_down=True):
                self._put(event.subject, event)
        for target in self._down.keys() & working:
            if not self._is_telling(target, is_down=False):
                provider = target.partition("/")[0]
                event = TargetChanged(target=target, provider=provider, is_down=False, at=at)
                self._put(event.subject, event)

    async def run(self) -> None:
        """Tell, until cancelled. What is being told then is given back."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                subject = self._next()
                event = self._telling = self._waiting.pop(subject)
                try:
                    await self._tell(subject, event)
                except Exception:  # noqa: BLE001  whatever it was, the others must be told
                    _log.exception("alert to %s: this should not happen", self.said.name)
                    self._not_before[subject] = self._now() + ASKS_AGAIN_S
                finally:
                    self._telling = None

    async def try_once(self, event: Event, id: str) -> Reply:
        """Send it now, whatever waits, and say what came back."""
        return await self._post(id, self._body(event))

    def _put(self, subject: str, event: Event) -> None:
        if self._not_before.get(subject, 0.0) > self._now():
            return
        # What finds no room is offered again. Targets always find some: the configuration bounds them.
        if isinstance(event, TargetChanged) or subject in self._waiting or len(self._waiting) < MOST_WAITING:
            self._waiting[subject] = event
            self._wake.set()

    def _next(self) -> str:
        """Targets first: somebody may be woken for them, and a thousand budgets may wait for a slow receiver."""
        targets = (subject for subject, event in self._waiting.items() if isinstance(event, TargetChanged))
        return next(targets, None) or next(iter(self._waiting))

    def _is_telling(self, target: str, *, is_down: bool) -> bool:
        now = self._telling
        return isinstance(now, TargetChanged) and now.target == target and now.is_down == is_down

    def _drop_past(self, down: Mapping[str, TargetChanged]) -> None:
        """Forget what waits and is so no more."""
        for subject, event in tuple(self._waiting.items()):
            if isinstance(event, TargetChanged) and event.is_down != (event.target in down):
                del self._waiting[subject]

    async def _recall(self, targets: AbstractSet[str]) -> None:
        """Learn what was told of these before this process began."""
        new = targets - self._seen
        if not new:
            return
        told = await self._means.once.told_down(self.said.name, new)
        if told is not None:
            self._seen |= new
            self._down |= dict.fromkeys(told - self._down.keys(), False)

    async def _tell(self, subject: str, event: Event) -> None:
        taken = await self._take(event)
        if taken is Answer.TOLD:
            self._note(event)
        elif isinstance(taken, Answer):
            self._not_before[subject] = self._now() + ASKS_AGAIN_S
        else:
            try:
                result = await self._deliver(taken.id, event)
            except BaseException:
                taken.give_back()
                raise
            taken.keep()
            self._note(event, is_alone=taken.is_alone)
            self._means.count(self.said.name, result)

    async def _take(self, event: Event) -> Taken | Answer:
        once, name = self._means.once, self.said.name
        if isinstance(event, BudgetCrossed):
            return await once.budget(name, event, self._thresholds)
        assert isinstance(event, TargetChanged), "trials are sent at once"
        if not event.is_down:
            return once.alone() if self._down.get(event.target) else await once.up(name, event.target)
        taken = await once.down(name, event.target)
        if taken is not Answer.OUT or self._now() < self._alone_at.get(event.target, 0.0):
            return taken
        self._alone_at[event.target] = self._now() + FLAPS_S
        return once.alone()

    def _note(self, event: Event, *, is_alone: bool = False) -> None:
        if isinstance(event, BudgetCrossed):
            self._told.pop(event.subject, None)
            if len(self._told) >= MOST_TOLD:
                del self._told[next(iter(self._told))]
            self._told[event.subject] = event
        elif isinstance(event, TargetChanged) and event.is_down:
            self._down[event.target] = is_alone
        elif isinstance(event, TargetChanged):
            self._down.pop(event.target, None)

    async def _deliver(self, id: str, event: Event) -> Result:
        """Try until it is delivered, can't be, or is too old."""
        means, body, name = self._means, self._body(event), self.said.name
        # Not by the clock on the wall, which may be set while this tries.
        age_s = max(0.0, means.clock.time() - event.at)
        until = self._now() + GIVES_UP_S - age_s
        pause_s = FIRST_PAUSE_S
        while True:
            reply = await self._post(id, body)
            if reply.is_delivered:
                _log.info("alert to %s: %s", name, message.sentence(event))
                return "sent"
            wait_s = max(pause_s * means.random.uniform(0.5, 1.0), reply.retry_after_s)
            if not reply.may_pass or self._now() + wait_s > until:
                _log.error("alert to %s is lost, it %s: %s", name, reply.reason, message.sentence(event))
                return "failed"
            await means.sleep(wait_s)
            pause_s = min(2 * pause_s, LAST_PAUSE_S)

    def _body(self, event: Event) -> bytes:
        write = message.slack if self.said.format == "slack" else message.webhook
        return write(event, self._means.instance)

    async def _post(self, id: str, body: bytes) -> Reply:
        headers = {"content-type": "application/json", "user-agent": "Sluice"}
        if self._key is not None:
            headers |= signed(self._key, id, int(self._means.clock.time()), body)
        return await self._means.post(self._url, headers, body, self.said.timeout)
