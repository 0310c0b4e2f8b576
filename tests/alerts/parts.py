"""What tests of alerts are made of: events, standings, a post that needs no network, a channel that is told in turn."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Self

from gateway.alerts.channel import Channel, Means
from gateway.alerts.events import BudgetCrossed, TargetChanged
from gateway.alerts.once import Once
from gateway.alerts.post import Reply
from gateway.core.errors import Reason
from gateway.limits.watch import Standing
from gateway.settings.observing import Webhook
from gateway.state.base import Level, Store
from tests.clock import FrozenClock
from tests.waiting import until

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoaXJ0eS10d28tYnl0ZXMtaGVyZSE="
URL = "https://hooks.example.com/T0/s3cr3t-path"
THRESHOLDS = (80, 95, 100)
OK = Reply(200, "")
_places = itertools.count()


def webhook(**said: Any) -> Webhook:
    return Webhook.model_validate({"name": "ops", "url": URL, "secret": SECRET, **said})


def crossed(percent: int = 80, **said: Any) -> BudgetCrossed:
    given = {
        "kind": "team",
        "scope": "research",
        "window": "month",
        "window_id": "2023-11",
        "spent_nanousd": 81 * 10**9,
    }
    given |= {"limit_nanousd": 100 * 10**9, "at": 1_700_000_000.0, "resets_at": 1_701_388_800.0, "percent": percent}
    return BudgetCrossed(**{**given, **said})


def down(target: str = "openai/gpt", at: float = 1_700_000_000.0, **said: Any) -> TargetChanged:
    provider = target.partition("/")[0]
    given = {"target": target, "provider": provider, "is_down": True, "reason": Reason.CONNECT, "at": at}
    return TargetChanged(**{**given, **said})


def standing(spent: int, limit: int = 100, *, held: int = 0, reset_s: float | None = 3_600.0, **said: Any) -> Standing:
    given: dict[str, Any] = {"kind": "team", "scope": "research", "limit": "budget", "window": "month"}
    return Standing(**{**given, **said}, level=Level(limit, spent + held, held, reset_s))


class Noted:
    """A post that notes what it sends. ``replies`` are those of the next tries; then all goes well."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.sent: list[tuple[str, Mapping[str, str], Any]] = []
        self.gate: asyncio.Event | None = None
        """Tries wait for it."""

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Reply:
        self.sent.append((url, headers, json.loads(body)))
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        return self.replies.pop(0) if self.replies else OK

    async def aclose(self) -> None:
        pass

    @property
    def types(self) -> list[str]:
        return [body["type"] for _, _, body in self.sent]

    @property
    def percents(self) -> list[int]:
        return [body["data"]["threshold_percent"] for _, _, body in self.sent]


class Replica:
    """A channel with its task, over a store that it may share with others."""

    def __init__(
        self,
        store: Store,
        clock: FrozenClock,
        post: Any = None,
        *,
        said: Webhook | None = None,
        thresholds: Sequence[int] = THRESHOLDS,
    ) -> None:
        place, count = next(_places), itertools.count()
        self.clock = clock
        self.post = post or Noted()
        self.slept: list[float] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self.once = Once(store, lambda: f"r{place}-{next(count)}")
        means = Means(
            once=self.once,
            post=self.post,
            clock=clock,
            sleep=self._sleep,
            random=Random(1),
            instance="host-1",
            count=lambda name, result: self.counts.update([(name, result)]),
        )
        self.channel = Channel(said or webhook(), thresholds, means)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.channel.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def offer(self, *events: BudgetCrossed) -> None:
        """Offer them, and wait until nothing is left to tell."""
        self.channel.offer(events)
        await self.quiet()

    async def look(self, *down: TargetChanged, working: Sequence[str] = ()) -> None:
        await self.channel.look({each.target: each for each in down}, set(working), self.clock.time())
        await self.quiet()

    async def quiet(self) -> None:
        await until(lambda: not self.channel.waiting and self.channel._telling is None)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)
