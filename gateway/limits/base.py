"""What every limit is: a rule on one measure of what a call consumes, for one scope.

Limits are pure. A limit knows what it counts and not where; the store counts and does not know what.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

import msgspec

from gateway.state.base import Claim, Rule


class Consumption(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a call may use at worst, or has used in truth. The same measure serves the claim and its settlement."""

    requests: int = 1
    tokens: int = 0
    """Input and output tokens together."""
    images: int = 0
    cost_nanousd: int = 0


class Limit(Protocol):
    """A ceiling for one scope, such as ``key ci``; ``name`` is how messages, headers and metrics call it."""

    measure: ClassVar[str]
    """``requests``, ``tokens``, ``images``, ``concurrency`` or ``budget``."""

    @property
    def scope(self) -> str:
        """``key ci``."""
        ...

    @property
    def rule(self) -> Rule:
        """How the store is to count it."""
        ...

    @property
    def name(self) -> str:
        """``rpm of key ci``."""
        ...

    def amount(self, consumption: Consumption) -> int:
        """How much of this limit ``consumption`` takes."""
        ...

    def claim(self, worst: Consumption) -> Claim:
        """What to hold for a call that takes ``worst``."""
        ...
