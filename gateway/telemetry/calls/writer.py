"""Writes calls into the log's file, and their content where it is to be kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.core.clock import Clock
from gateway.core.types import Outcome
from gateway.telemetry.calls.file import LogFile
from gateway.telemetry.calls.policy import Policy
from gateway.telemetry.calls.record import entry, may_be_kept
from gateway.telemetry.calls.retention import Keep, make_room
from gateway.telemetry.calls.schema import MICROSECONDS, encode, insertions

if TYPE_CHECKING:
    from gateway.telemetry.calls.sealed import Sealer

_ROW_BYTES = 500
"""Of a call in the file, beside its entry."""
_PAGE_BYTES = 4_096


class Writer:
    """For one thread. Several processes may write the same file, each with a writer of its own."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        keep: Keep,
        *,
        policy: Policy | None = None,
        sealer: Sealer | None = None,
        busy_s: float = 5.0,
    ) -> None:
        """Content is kept of whom ``policy`` names, if there is a ``sealer``. Others may write for ``busy_s``."""
        self._file = LogFile(path, busy_s=busy_s)
        self._clock = clock
        self._keep = keep
        self._policy = policy
        self._sealer = sealer

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """All of them or none. Raises StoreUnavailable, sqlite3.Error or OSError; the next time it begins anew."""
        sealed = {index: each for index, outcome in enumerate(outcomes) if (each := self._sealed(outcome))}
        entries = [
            outcome if may_be_kept(outcome) else entry(outcome, has_payload=index in sealed)
            for index, outcome in enumerate(outcomes)
        ]
        encoded = [encode(each) for each in entries]
        needed = sum(map(len, encoded)) + _ROW_BYTES * len(entries)
        needed += sum(len(each) + _PAGE_BYTES for each in sealed.values())
        make_room(self._file, self._keep, needed)
        with self._file.connected() as db, db:
            db.execute("BEGIN IMMEDIATE")
            first = max(_last_number(db) + 1, int(self._clock.time() * MICROSECONDS))
            for statement, values in insertions(first, entries, encoded):
                db.execute(statement, values)
            for index, each in sealed.items():
                db.execute("INSERT INTO payload VALUES (?, ?)", (first + index, each))

    def close(self) -> None:
        self._file.close()

    def _sealed(self, outcome: Outcome) -> bytes | None:
        # It may be there for another's sake: traces', who keeps whose content is not asked here.
        payload, policy, sealer = outcome.payload, self._policy, self._sealer
        if payload is None or policy is None or sealer is None or not policy.names(outcome.key, outcome.team):
            return None
        return sealer.seal(outcome.id, payload, policy.max_bytes)


def _last_number(db: sqlite3.Connection) -> int:
    (last,) = db.execute("SELECT coalesce(max(number), 0) FROM call").fetchone()
    return int(last)
