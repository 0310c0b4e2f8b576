"""How often somebody may be wrong about an admin key."""

from __future__ import annotations

from gateway.core.clock import Clock
from gateway.identity.guesses import Allowance

PER_S = 5
MOST_ADDRESSES = 1_024


class Guesses:
    """``PER_S`` wrong keys a second for each address, in this process. At most ``MOST_ADDRESSES`` are remembered.

    By address, so that one who guesses does not keep the others out. Behind a proxy all have one address and share it:
    what a client claims in ``x-forwarded-for`` is not heeded, or each guess would claim another.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of: dict[str, Allowance] = {}

    def of(self, address: str) -> Allowance:
        """Take one before a key is looked at, and give it back if the key is right."""
        allowance = self._of.pop(address, None) or Allowance(PER_S, self._clock)
        if len(self._of) >= MOST_ADDRESSES:
            del self._of[next(iter(self._of))]
        self._of[address] = allowance
        return allowance
