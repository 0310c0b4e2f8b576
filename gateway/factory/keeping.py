"""How much of a call's content is kept for those who want it."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.types import Call
from gateway.pipeline.pipeline import Keeps


def widest(wanted: Sequence[Keeps]) -> Keeps | None:
    """As much as whoever of ``wanted`` wants most; None if there is nobody, so that no call is asked."""
    if len(wanted) < 2:
        return wanted[0] if wanted else None

    def keeps(call: Call) -> int:
        return max(each(call) for each in wanted)

    return keeps
