"""The shared engine of counters on Redis or Valkey (6 or newer): a Remote.

All that one turn of the event loop asks for is one call of a script, which Redis runs as one step: holds are all or
nothing, and settlements count once. The time is the server's own; windows are reckoned for it in one zone, and a script
that finds them stale says what time it is and is asked again.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence
from datetime import UTC, tzinfo
from itertools import chain
from typing import Any

from gateway.core.clock import Clock
from gateway.core.errors import StoreTimedOut, StoreUnavailable
from gateway.core.redis import Client
from gateway.state.base import Claim, Level, Refusal, Reservation
from gateway.state.redis.calls import Call
from gateway.state.redis.durability import warn_if_forgetful
from gateway.state.redis.rows import Rows, tag_of
from gateway.state.redis.scripts import Script, load, packed
from gateway.state.redis.servers import HOME, servers
from gateway.state.redis.spread import Part, by_tag, given_back, joined, parts_of
from gateway.state.redis.turn import Asked, Delivered, Held, Turn
from gateway.state.remote import Delivery

MAX_TURN = 200
"""Reservations and deliveries in one script call, about 5 µs each: other replicas wait for as long as it takes."""
TRIES = 3
"""How often windows are reckoned anew for a time that Redis said."""
REPLICAS = packed(b"sluice:{state}:replicas")
SINCE = packed(b"sluice:{state}:since")

log = logging.getLogger(__name__)


class RedisEngine:
    """Counts in Redis. ``client`` stays its owner's; the engine has connections of its own to the same servers.

    On one server (or behind Sentinels) all reservations are recorded in one place, and a hold is one round trip. In a
    cluster they are recorded with the counters, under a tag for each scope, and a hold is one round trip a tag.

    Every verb answers or fails within ``deadline_s``; only ``start`` takes as long as the client does to connect.
    ``time_script`` defines ``time_ms()`` in place of ``time.lua``: it is for tests.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        zone: tzinfo = UTC,
        *,
        deadline_s: float = 0.05,
        lease_s: float = 15.0,
        hold_lease_s: float = 3_600.0,
        time_script: str | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._deadline_s = deadline_s
        self._lease_ms = int(lease_s * 1_000)
        self._hold_lease_ms = int(hold_lease_s * 1_000)
        self._scripts = load(time_script)
        self._servers = servers(client, deadline_s)
        self._rows = Rows(zone)
        self._offset_s: float | None = None
        """What the server's clock shows beyond our monotonic one."""
        self._turns: dict[str, Turn] = {}
        """What this turn of the loop has asked so far, by tag."""
        self._replica = uuid.uuid4().hex
        self._since = ""
        """When the server's counts began."""

    def __repr__(self) -> str:
        return f"<RedisEngine {self._servers!r}>"

    async def start(self) -> None:
        await self._servers.start()
        # Learns the time; and a script that can't be run is found out now.
        await self.renew([])
        await warn_if_forgetful(self._client)

    async def hold(self, reservations: Sequence[Reservation]) -> tuple[Level, ...] | Refusal:
        if not reservations:
            return ()
        if self._servers.is_one:
            return await self._hold(HOME, reservations)
        parts = parts_of(reservations)
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._hold_parts(parts)
        except TimeoutError:
            raise StoreTimedOut(f"the cluster of Redis did not answer within {self._deadline_s * 1000:g} ms") from None

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        tagged = {HOME: deliveries} if self._servers.is_one else by_tag(deliveries)
        waits: list[asyncio.Future[None]] = []
        for tag, mine in tagged.items():
            for first in range(0, len(mine), MAX_TURN):
                done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._turn(tag).add_delivered(Delivered(mine[first : first + MAX_TURN], tag, self._rows, done))
                waits.append(done)
        await asyncio.gather(*waits)

    async def levels(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        places: dict[str, list[int]] = {}
        for place, claim in enumerate(claims):
            places.setdefault(HOME if self._servers.is_one else tag_of(claim.key), []).append(place)
        found = await asyncio.gather(
            *(self._levels(tag, [claims[place] for place in mine]) for tag, mine in places.items())
        )
        levels = dict(zip(chain(*places.values()), chain(*found), strict=True))
        return tuple(levels[place] for place in range(len(claims)))

    async def renew(self, reservations: Sequence[Reservation]) -> int:
        ids: dict[str, dict[str, None]] = {HOME: {}}
        for reservation in reservations:
            for tag in [HOME] if self._servers.is_one else {tag_of(claim.key) for claim in reservation.claims}:
                ids.setdefault(tag, {})[reservation.id] = None
        waits = []
        for tag, mine in ids.items():
            told = list(mine)
            for first in range(0, max(1, len(told)), MAX_TURN):
                replica = self._replica if tag == HOME and not first else ""
                waits.append(self._renew(tag, told[first : first + MAX_TURN], replica))
        return max(await asyncio.gather(*waits))

    def now_s(self) -> float:
        if self._offset_s is None:
            return self._clock.time()
        return self._clock.monotonic() + self._offset_s

    async def aclose(self) -> None:
        for turn in self._turns.values():
            turn.fail(StoreUnavailable("the engine is closed"))
        self._turns.clear()
        self._servers.close()

    def _hold(self, tag: str, reservations: Sequence[Reservation]) -> asyncio.Future[Held]:
        done: asyncio.Future[Held] = asyncio.get_running_loop().create_future()
        self._turn(tag).add_hold(Asked(reservations, done))
        return done

    async def _hold_parts(self, parts: Sequence[Part]) -> Held:
        """One after the other; what was held is given back if a later one refuses. If one fails, or that does, nobody
        knows what is held: so StoreUnavailable says.
        """
        held: list[tuple[Part, tuple[Level, ...]]] = []
        for part in parts:
            answer = await self._hold(part.tag, part.reservations)
            if isinstance(answer, Refusal):
                await self.deliver(given_back([part for part, _ in held]))
                return answer
            held.append((part, answer))
        return joined(held)

    def _turn(self, tag: str) -> Turn:
        turn = self._turns.get(tag)
        if turn is None:
            if not self._turns:
                asyncio.get_running_loop().call_soon(self._flush)
            turn = self._turns[tag] = Turn()
        elif turn.size >= MAX_TURN:
            self._send(tag, turn)
            turn = self._turns[tag] = Turn()
        return turn

    def _flush(self) -> None:
        turns, self._turns = self._turns, {}
        for tag, turn in turns.items():
            self._send(tag, turn)

    def _send(self, tag: str, turn: Turn, tries: int = TRIES) -> None:
        try:
            self._ask_for(tag, turn, tries)
        except Exception as error:  # noqa: BLE001  whatever it was, nobody may be left without an answer
            turn.fail(ValueError(f"what was asked can't be sent to Redis: {type(error).__name__}"))

    def _ask_for(self, tag: str, turn: Turn, tries: int) -> None:
        rows = self._rows
        rows.at(self.now_s())
        more: list[bytes] = []
        holds = [asked.pack(rows, more) for asked in turn.holds]
        delivered = turn.delivered
        keys = [marker for each in delivered for marker in each.markers]
        keys += map(
            packed, map(str.encode, dict.fromkeys([each.key for asked in turn.holds for each in asked.counters]))
        )
        deliveries = [row for each in delivered for row in each.rows]

        def heard(answer: Any) -> None:
            if isinstance(answer, StoreUnavailable):
                turn.fail(answer)
                return
            now_ms, is_stale, answers = answer
            self._learn_time(now_ms)
            for each in delivered:
                each.answer()
            if not is_stale:
                for asked, figures in zip(turn.holds, answers, strict=True):
                    asked.answer(figures, now_ms / 1_000)
            elif tries > 1:
                self._send(tag, Turn(turn.holds), tries - 1)
            else:
                turn.fail(_unsteady())

        told = (self._lease_ms, self._hold_lease_ms, rows.from_ms, rows.until_ms, deliveries, holds)
        Call(self._servers, self._scripts.hold, tag, keys=keys, told=told, more=more, heard=heard).send()

    async def _levels(self, tag: str, claims: Sequence[Claim]) -> list[Level]:
        rows = self._rows
        for _ in range(TRIES):
            rows.at(self.now_s())
            counters = [rows.of(claim) for claim in claims]
            keys = [packed(key.encode()) for key in dict.fromkeys(counter.key for counter in counters)]
            told = (rows.from_ms, rows.until_ms, [counter.row(0) for counter in counters])
            now_ms, is_stale, figures = await self._ask(self._scripts.levels, tag, keys, told)
            self._learn_time(now_ms)
            if not is_stale:
                each = iter(figures)
                return [counter.level(each, now_ms / 1_000) for counter in counters]
        raise _unsteady()

    async def _renew(self, tag: str, ids: Sequence[str], replica: str) -> int:
        keys = [REPLICAS, SINCE] if tag == HOME else []
        told = (self._lease_ms, self._hold_lease_ms, ids, replica)
        now_ms, living, since = await self._ask(self._scripts.renew, tag, keys, told)
        self._learn_time(now_ms)
        if since and self._since not in {"", since}:
            log.error(
                "Redis has lost all that it counted (a restart without an append-only file, FLUSHALL, or another "
                "server): budgets begin again at nothing, and calls that were running are not charged. See that it "
                "keeps an append-only file, and compare with the reports of spend"
            )
        self._since = since or self._since
        return int(living)

    async def _ask(self, script: Script, tag: str, keys: Sequence[bytes], told: object) -> Any:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def heard(answer: Any) -> None:
            if done.done():
                return
            if isinstance(answer, StoreUnavailable):
                done.set_exception(answer)
            else:
                done.set_result(answer)

        Call(self._servers, script, tag, keys=keys, told=told, heard=heard).send()
        return await done

    def _learn_time(self, now_ms: int) -> None:
        self._offset_s = now_ms / 1_000 - self._clock.monotonic()


def _unsteady() -> StoreUnavailable:
    return StoreUnavailable("the clock of Redis jumps about: see to its time service")
