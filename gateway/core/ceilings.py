"""How much somebody may use, as plain figures: what a configuration or a directory says, before the store counts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Window = Literal["hour", "day", "week", "month", "total"]

Outage = Literal["open", "closed", "local"]
"""What a limit means while the shared store can't answer: nobody is counted, nobody passes, or each replica counts its
own share."""

Measure = Literal["rpm", "tpm", "images_per_minute", "concurrency"]


class Allowance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Money in a window of the calendar."""

    nanousd: int
    per: Window
    on_outage: Outage | None = None
    """None: as the gateway does by default."""


class Ceilings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What one scope may use. What is None is not limited."""

    rpm: int | None = None
    tpm: int | None = None
    images_per_minute: int | None = None
    concurrency: int | None = None
    budgets: tuple[Allowance, ...] = ()
    on_outage: Mapping[Measure, Outage] = {}
    """By measure; what is left out does as the gateway does by default."""

    def __bool__(self) -> bool:
        """Something is limited."""
        return bool(self.budgets) or any(
            limit is not None for limit in (self.rpm, self.tpm, self.images_per_minute, self.concurrency)
        )


NO_CEILINGS = Ceilings()
