"""Of the attempts of one call, what each was: for metrics, spans and logs alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from gateway.core.types import Attempt

Kind = Literal["first", "retry", "failover"]
"""Of an attempt: ``retry`` goes to a target that the call has tried before, ``failover`` to one that it has not."""

_ONE: Sequence[Kind] = ("first",)


def kinds(attempts: Sequence[Attempt]) -> Sequence[Kind]:
    """Of each attempt of one call, what kind it is."""
    if len(attempts) == 1:
        return _ONE
    tried: set[str] = set()
    found: list[Kind] = []
    for attempt in attempts:
        found.append("first" if not tried else "retry" if attempt.target in tried else "failover")
        tried.add(attempt.target)
    return found
