"""Hands every call to each place where it is written down, through a queue of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from gateway.core.types import Call, Outcome
from gateway.telemetry.batches import Batches
from gateway.telemetry.calls.policy import Policy
from gateway.telemetry.calls.query import Calls

if TYPE_CHECKING:
    # An extra, which few have.
    from gateway.telemetry.calls.otlp import OtlpLogs

SQLITE, JSON_LINES, OTLP = "sqlite", "json_lines", "otlp"
"""How metrics name the places."""
WAITING_BYTES = 128_000_000
"""Of content, that may wait to be written. It is what a disk that is stuck costs of memory."""
STRANGERS_PER_S = 1
"""Requests of those who have no key, that the file gets: at 1,000 a second it would soon hold nothing else."""


class CallLog:
    """An Observer, over ``queues`` by their place's name. ``reader`` answers from the SQLite file, if there is one.

    Content goes to that file alone, and only whose ``policy`` names. Where so much waits already that it might become
    too much for the memory, a call is written without its content, which ``left_out`` counts.

    The file has only so much room, and who is refused for want of a key may ask as often as they like: of those it gets
    ``STRANGERS_PER_S``. The other places get all.
    """

    def __init__(
        self,
        queues: Mapping[str, Batches[Outcome]],
        *,
        reader: Calls | None = None,
        policy: Policy | None = None,
        otlp: OtlpLogs | None = None,
    ) -> None:
        self.queues = queues
        self.reader = reader
        self.left_out = 0
        self._policy = policy
        self._otlp = otlp
        self._file = queues.get(SQLITE)
        self._others = tuple(queue for place, queue in queues.items() if place != SQLITE)
        self._second = 0
        self._strangers = 0
        self._most_waiting = WAITING_BYTES // (2 * policy.max_bytes) if policy is not None else 0

    def observe(self, outcome: Outcome) -> None:
        bare = outcome
        if outcome.payload is not None:
            # A queue must hold no content that its place does not want.
            bare = msgspec.structs.replace(outcome, payload=None)
            if not self._takes(outcome):
                outcome = bare
        if self._file is not None and (outcome.key or self._is_first_stranger(outcome.at)):
            self._file.put(outcome)
        for queue in self._others:
            queue.put(bare)

    def know(self, kinds: Mapping[str, str]) -> None:
        """Of what kind each provider is, by its name, from now on."""
        if self._otlp is not None:
            self._otlp.kinds = kinds

    @property
    def reads_content(self) -> bool:
        return self._policy is not None

    def keeps(self, call: Call) -> int:
        """How many bytes of a call's request, and of its reply, this wants to be told of."""
        policy = self._policy
        return policy.max_bytes if policy is not None and policy.names(call.caller.key, call.caller.team) else 0

    def _takes(self, outcome: Outcome) -> bool:
        if self._file is None or self._policy is None or not self._policy.names(outcome.key, outcome.team):
            return False
        if self._file.backlog < max(1, self._most_waiting):
            return True
        self.left_out += 1
        return False

    def _is_first_stranger(self, at: float) -> bool:
        """One of the first of its second. A request that took long to arrive belongs to none that is over."""
        if int(at) > self._second:
            self._second, self._strangers = int(at), 0
        self._strangers += 1
        return self._strangers <= STRANGERS_PER_S

    def __repr__(self) -> str:
        return f"<CallLog {', '.join(map(repr, self.queues.values())) or 'of nothing'}>"
