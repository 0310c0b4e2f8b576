"""``redis://`` and its kin: counts in an engine that several replicas share, and goes on alone while that is out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, tzinfo
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from gateway.core.clock import Clock, Sleep
from gateway.core.errors import StoreUnavailable, StoreUnfit
from gateway.state.base import Claim, Level, Refusal, Reservation, Spend, Status
from gateway.state.outbox import Outbox
from gateway.state.outbox_journal import OutboxJournal
from gateway.state.outbox_writer import OutboxWriter
from gateway.state.reach import Reach, as_unavailable
from gateway.state.remote import Remote, Settlement, Withdrawal
from gateway.state.shares import Shares
from gateway.state.standby import LARGEST, EngineClock, Standby

log = logging.getLogger(__name__)

FIRST_PROBE_S = 0.25
LAST_PROBE_S = 2.0
CLOSE_S = 3.0
MAX_WITHDRAWN = 10_000


class SharedStore:
    """A Store over a ``Remote``.

    While the engine answers, a hold is one question to it, and settlements follow by themselves. When it doesn't, the
    ``on_outage`` of each claim decides (``Standby``), and all that the engine must hear of waits in the outbox, on the
    disk: settlements of what it holds, withdrawals of holds whose answer was lost, charges for what was let in without
    it. Each counts once, after any crash. Once it is back and has all of them, calls go to it again.

    How far a Spend under ``local`` can be overspent: by the sum of the shares, at most limit // replicas for each that
    is cut off (``Shares`` says why). ``open`` has no bound, ``closed`` never overspends. A Rate and Slots begin their
    shares anew, beside what the engine has counted. A SIGKILL during an outage loses at most the last 100 ms
    (``OutboxWriter``), and calls that ran then are charged at their worst case.
    """

    def __init__(
        self,
        remote: Remote,
        path: Path | str,
        clock: Clock,
        zone: tzinfo = UTC,
        *,
        replicas: int = 2,
        renew_s: float = 5.0,
        capacity: int = 100_000,
        sleep: Sleep = asyncio.sleep,
        random: Random | None = None,
    ) -> None:
        self._remote = remote
        self._path = Path(path)
        self._sleep = sleep
        self._renew_s = renew_s
        self._random = random or Random()  # noqa: S311  spreads load, guards no secret
        self._clock = EngineClock(clock, remote.now_s)
        self._reach = Reach(clock)
        self._shares = Shares(zone, replicas)
        self._writer = OutboxWriter(OutboxJournal(self._path), sleep=sleep)
        self._writer.on_write = self._add_known
        self._outbox = Outbox(
            remote,
            self._reach,
            self._writer,
            sleep=sleep,
            capacity=capacity,
            failed=self._failed,
            charged=self._shares.deliver,
        )
        self._standby = Standby(self._clock, zone, self._shares, self._outbox)
        self._open: dict[str, Reservation] = {}
        """What the engine holds for us, by the id that the caller knows."""
        self._withdrawn: dict[str, int] = {}
        """How often each of the last was: a call may ask again, under the id of a hold that is withdrawn for good."""
        self._why = ""
        """What the engine, or the way to it, said last."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_open = False

    def __repr__(self) -> str:
        return f"<SharedStore {self._remote!r} {self._reach!r} {self._outbox!r}>"

    async def start(self) -> None:
        """Starts without the engine too; what it can't serve then, it refuses. Raises StoreUnavailable for a journal
        that can't be written, and for an engine that answers and will never serve (StoreUnfit).
        """
        found = await self._writer.open(self._clock.time())
        self._is_open = True
        self._shares.restore(found)
        self._outbox.restore(found.waiting)
        try:
            await self._connect()
        except StoreUnfit:
            self._is_open = False
            await self._stop()
            await self._writer.aclose()
            await self._remote.aclose()
            raise
        except StoreUnavailable as error:
            log.warning("starting without the shared store")
            self._begin_outage(error)
        self._spawn(self._outbox.run())
        self._spawn(self._writer.run())
        self._spawn(self._renew())

    async def hold(self, reservations: Sequence[Reservation]) -> tuple[Level, ...] | Refusal:
        if self._reach.is_out:
            return self._standby.hold(reservations, self._why)
        if self._outbox.is_full and _may_owe(reservations):
            raise StoreUnavailable(self._outbox.fullness)
        asked = self._renamed(reservations) if self._withdrawn else reservations
        seen_failures, seen_charges = self._reach.failures, self._shares.deliveries
        try:
            answer = await self._remote.hold(asked)
            if answer.__class__ is Refusal and self._outbox.owes(answer.claim.key):
                # What stands in the way may be given back already, and on its way.
                await self._outbox.flush()
                answer = await self._remote.hold(asked)
        except StoreUnavailable as error:
            self._withdraw(reservations, asked)
            self._failed(error, seen_failures)
            return self._standby.hold(reservations, str(error))
        except BaseException:
            # An id that is held already is a mistake, and no reason to give back what its call runs on.
            if not any(each.id in self._open for each in reservations):
                self._withdraw(reservations, asked)
            raise
        self._reach.answered()
        if answer.__class__ is Refusal:
            return answer
        place, now_s = 0, self._clock.time()
        for reservation, ours in zip(reservations, asked, strict=True):
            self._open[reservation.id] = ours
            after = place + len(ours.claims)
            self._shares.remember(ours.claims, answer[place:after], now_s, seen_charges)  # type: ignore[index]  # levels
            place = after
        return answer

    def settle(self, reservation_id: str, amounts: Sequence[int]) -> None:
        held = self._open.get(reservation_id)
        if held is None:
            self._standby.settle(reservation_id, amounts)
            return
        if len(amounts) != len(held.claims):
            raise ValueError(f"{len(held.claims)} claims were held, {len(amounts)} amounts can't settle them")
        del self._open[reservation_id]
        self._outbox.add(Settlement(held.id, held.claims, tuple(amounts)))

    async def levels(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        """As Store.levels, own settlements among it; during an outage, as far as it is known here."""
        if not self._reach.is_out:
            seen = self._reach.failures
            with suppress(StoreUnavailable):
                await self._outbox.flush()
            try:
                return await self._remote.levels(claims)
            except StoreUnavailable as error:
                self._failed(error, seen)
        return self._standby.levels(claims)

    @property
    def status(self) -> Status:
        return Status(
            is_reachable=not self._reach.is_out,
            backlog=self._outbox.backlog,
            is_durable=self._writer.is_durable,
            outages=self._reach.outages,
            failures=self._reach.failures,
        )

    async def aclose(self) -> None:
        """Deliver everything, then close. What the engine does not take within 3 s stays in the journal."""
        if not self._is_open:
            return
        self._is_open = False
        await self._stop()
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                if self._reach.is_out:
                    await self._remote.start()
                await self._outbox.flush()
        await self._keep_rest()
        await self._writer.aclose()
        await self._remote.aclose()

    async def _keep_rest(self) -> None:
        self._outbox.keep()
        is_written = await self._writer.write()
        count = self._outbox.backlog
        if count and is_written:
            log.warning("%d settlements wait in %s; the next start delivers them", count, self._path)
        elif count:
            log.error("%s takes no writes, nor does the shared store: %d settlements are lost", self._path, count)

    async def _connect(self) -> int:
        """Make the engine ready, deliver what waits, ask what it counted; how much was delivered."""
        await self._remote.start()
        delivered = await self._outbox.flush()
        self._shares.learn_replicas(await self._remote.renew(tuple(self._open.values())))
        if claims := self._shares.uncounted(self._clock.time()):
            seen = self._shares.deliveries
            self._shares.remember(claims, await self._remote.levels(claims), self._clock.time(), seen)
        return delivered

    async def _probe(self) -> None:
        pause_s = FIRST_PROBE_S
        while self._reach.is_out:
            await self._sleep(pause_s * self._random.uniform(0.8, 1.2))
            pause_s = min(pause_s * 2, LAST_PROBE_S)
            try:
                delivered = await self._connect()
            except Exception as error:  # noqa: BLE001  whatever it was, it must be tried again
                self._why = str(as_unavailable(error))
            else:
                self._reach.end(delivered)
                self._outbox.resume()

    async def _renew(self) -> None:
        while True:
            await self._sleep(self._renew_s)
            self._writer.call()
            if not self._reach.is_out:
                await self._renew_now()

    async def _renew_now(self) -> None:
        seen = self._reach.failures
        try:
            self._shares.learn_replicas(await self._remote.renew(tuple(self._open.values())))
            self._reach.answered()
        except Exception as error:  # noqa: BLE001  whatever it was, leases must be renewed
            self._failed(as_unavailable(error), seen)

    def _failed(self, error: StoreUnavailable, seen: int) -> None:
        self._why = str(error)
        if self._reach.is_failure(error, seen):
            self._begin_outage(error)

    def _begin_outage(self, error: StoreUnavailable) -> None:
        if self._reach.is_out or not self._is_open:
            return
        self._why = str(error)
        self._reach.begin(error)
        self._outbox.keep()
        self._spawn(self._probe())

    def _withdraw(self, reservations: Sequence[Reservation], asked: Sequence[Reservation]) -> None:
        for reservation, ours in zip(reservations, asked, strict=True):
            if len(self._withdrawn) >= MAX_WITHDRAWN:
                del self._withdrawn[next(iter(self._withdrawn))]
            self._withdrawn[reservation.id] = self._withdrawn.get(reservation.id, 0) + 1
            # What is too large to be written down was never taken.
            if all(claim.amount <= LARGEST for claim in ours.claims):
                self._outbox.add(Withdrawal(ours.id, ours.claims))

    def _renamed(self, reservations: Sequence[Reservation]) -> Sequence[Reservation]:
        return [
            msgspec.structs.replace(each, id=f"{each.id}-{times}") if (times := self._withdrawn.get(each.id)) else each
            for each in reservations
        ]

    def _add_known(self) -> None:
        self._writer.replicas = self._shares.replicas
        self._writer.know(self._shares.changes(self._clock.time()))

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _may_owe(reservations: Sequence[Reservation]) -> bool:
    return any(isinstance(claim.rule, Spend) for reservation in reservations for claim in reservation.claims)
