"""An outage of the directory: begun by a look-up that failed, ended by one that did not."""

from __future__ import annotations

import logging

from gateway.core.clock import Clock
from gateway.core.errors import StoreUnavailable

RETRY_S = 1.0
"""How often a directory that is out is asked whether it is back."""

_log = logging.getLogger("sluice.identity")


class Outage:
    """While it is on, one look-up asks each ``RETRY_S``, and all others wait for what comes of it."""

    __slots__ = ("_ask_again_at", "_monotonic", "is_on")

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._ask_again_at = float("-inf")
        self.is_on = False

    @property
    def may_be_asked(self) -> bool:
        return not self.is_on or self._monotonic() >= self._ask_again_at

    def check(self) -> None:
        """Raises StoreUnavailable where the directory may not be asked now."""
        if not self.may_be_asked:
            raise StoreUnavailable("the directory did not answer just now")

    def ask(self) -> None:
        """Whoever calls this asks now. Raises as ``check`` does."""
        self.check()
        self._ask_again_at = self._monotonic() + RETRY_S

    def begin(self) -> None:
        """Somebody asked in vain."""
        if not self.is_on:
            _log.warning("the directory of keys can't be reached: those that are known here stay good meanwhile")
        self.is_on = True
        self._ask_again_at = self._monotonic() + RETRY_S

    def end(self) -> None:
        """Somebody was answered."""
        self.is_on = False
