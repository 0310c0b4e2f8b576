"""What a client asks of routing for one call."""

from __future__ import annotations

import msgspec


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client asked of routing for this call alone: the ``route`` object of the body and the model's suffix.

    Everything that is None leaves the model's own route as it is; bounds can only be narrowed.
    """

    by: str | None = None
    task: str | None = None
    regions: frozenset[str] | None = None
    only: frozenset[str] | None = None
    ignore: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    max_cost_nanousd: int | None = None
    max_latency_s: float | None = None
    min_quality: float | None = None
    allow_fallbacks: bool | None = None


NO_WISH = Wish()
