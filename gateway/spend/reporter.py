"""From outcomes to sums: what each call added, handed over once a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, tzinfo

from gateway.core.errors import StoreUnavailable
from gateway.core.types import Outcome
from gateway.spend.base import Amounts, Cell, Spending
from gateway.spend.days import Days

_log = logging.getLogger("sluice.spend")

OTHER = "other"
"""Stands for every name past a bound, as in metrics."""
MAX_CELLS = 20_000
"""Distinct cells that wait for the store. Past it, what is new is summed under ``other``."""
MAX_TAG_SETS = 1_000
"""Different sets of tags that one key's calls may have in a day. Clients write them: they must not fill a store."""
LAST_TRIES = 3
CLOSE_S = 5.0
"""The longest that a close waits for a store that is slow."""


class Reporter:
    """An observer: sums what calls cost, and hands the sums to a Spending as batches.

    A call counts if it reached a provider: one that was refused before has cost nothing. Its day is that of its
    arrival. Nothing waits for the store. A batch that it did not take is given again, as it is and under its own id,
    until it takes it, while later calls come together in the next one: each call counts once. What was not handed over
    when the process is killed is missing from reports (not from budgets, which have a journal).
    """

    def __init__(
        self,
        spending: Spending,
        new_id: Callable[[], str],
        zone: tzinfo = UTC,
        *,
        every_s: float = 1.0,
        max_cells: int = MAX_CELLS,
        max_tag_sets: int = MAX_TAG_SETS,
        close_s: float = CLOSE_S,
    ) -> None:
        """``new_id`` makes ids that no other process makes."""
        self._spending = spending
        self._new_id = new_id
        self._day = Days(zone).day
        self._every_s = every_s
        self._max_cells = max_cells
        self._max_tag_sets = max_tag_sets
        self._close_s = close_s
        self._sums: dict[Cell, Amounts] = {}
        self._batch: tuple[str, dict[Cell, Amounts]] | None = None
        self._tag_sets: dict[tuple[str, str], set[tuple[str, ...]]] = {}
        self._is_failing = False
        self._closing = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Reporter {self.backlog} cells for {self._spending!r}>"

    @property
    def backlog(self) -> int:
        """Cells that the store has not taken yet."""
        return len(self._sums) + (len(self._batch[1]) if self._batch else 0)

    def start(self) -> None:
        """Hand over from now on."""
        self._task = asyncio.create_task(self._run())

    def observe(self, outcome: Outcome) -> None:
        attempts, cost = outcome.attempts, outcome.cost_nanousd
        if not attempts and not cost:
            return
        tags = outcome.tags
        cell = Cell(
            self._day(outcome.at),
            outcome.key,
            outcome.team or "",
            outcome.model,
            # Who served it; where none did, who may bill it nevertheless.
            outcome.provider or (attempts[-1].provider if attempts else ""),
            tags if len(tags) < 2 else tuple(sorted(set(tags))),
        )
        sums = self._sums.get(cell) or self._add(cell)
        usage = outcome.usage
        sums.cost_nanousd += cost
        sums.requests += 1
        sums.input_tokens += usage.total_input
        sums.output_tokens += usage.total_output
        sums.images += usage.images

    async def flush(self) -> bool:
        """Hand over what has come so far; False where the store did not take it."""
        async with self._one_at_a_time:
            if self._batch is not None and not await self._is_taken():
                return False
            if not self._sums:
                return True
            self._batch = self._new_id(), self._sums
            self._sums = {}
            return await self._is_taken()

    async def aclose(self) -> None:
        """Hand over the rest. What the store has not taken after three tries, or 5 s, is told in the log."""
        self._closing.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._close_s):
                if self._task is not None:
                    await self._task
                for _ in range(LAST_TRIES):
                    if await self.flush():
                        return
        lost = Amounts()
        for sums in ((self._batch[1] if self._batch else {}), self._sums):
            for amounts in sums.values():
                lost.add(amounts)
        _log.error(
            "reports of spend may lack %d calls of %d nano-dollars: %r took no more. Budgets lack none.",
            lost.requests,
            lost.cost_nanousd,
            self._spending,
        )

    async def _run(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._closing.wait()
            await self.flush()

    async def _is_taken(self) -> bool:
        assert self._batch is not None, "there is one to hand over"
        try:
            await self._spending.add(*self._batch)
        except StoreUnavailable as error:
            self._tell(error)
            return False
        except Exception as error:  # noqa: BLE001  whatever it was, sums must not be forgotten, nor reporting end
            self._tell(error)
            return False
        self._batch = None
        if self._is_failing:
            self._is_failing = False
            _log.warning("sums of spend are handed over again; nothing was lost")
        return True

    def _tell(self, error: Exception) -> None:
        if not self._is_failing:
            self._is_failing = True
            fault = None if isinstance(error, StoreUnavailable) else error
            _log.warning("sums of spend wait, and are tried again each %g s: %s", self._every_s, error, exc_info=fault)

    def _add(self, cell: Cell) -> Amounts:
        if cell.tags and not self._is_known(cell):
            cell = Cell(cell.day, cell.key, cell.team, cell.model, cell.provider, (OTHER,))
        if cell not in self._sums and len(self._sums) >= self._max_cells:
            cell = Cell(cell.day, OTHER, OTHER, OTHER, OTHER, (OTHER,))
        return self._sums.setdefault(cell, Amounts())

    def _is_known(self, cell: Cell) -> bool:
        """Its tags are among the first sets of its key's day."""
        key = cell.day, cell.key
        known = self._tag_sets.get(key)
        if known is None:
            # A new day: the day before is asked for a few more times, at most, and then begins anew.
            if len(self._tag_sets) >= self._max_cells:
                self._tag_sets.clear()
            known = self._tag_sets[key] = set()
        if cell.tags not in known and len(known) >= self._max_tag_sets:
            return False
        known.add(cell.tags)
        return True
