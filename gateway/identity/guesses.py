"""What keeps guesses at keys from being a burden: a bound on their rate, and a memory of those that were wrong."""

from __future__ import annotations

import msgspec

from gateway.core.clock import Clock


class Allowance:
    """At most ``rate_s`` a second and as many at once: a bucket that starts full and refills evenly."""

    def __init__(self, rate_s: float, clock: Clock) -> None:
        self._rate_s = rate_s
        self._monotonic = clock.monotonic
        self._left = rate_s
        self._at = clock.monotonic()

    def take(self) -> bool:
        """Take one; False if there is none left now."""
        now = self._monotonic()
        self._left = min(self._rate_s, self._left + (now - self._at) * self._rate_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def give_back(self) -> None:
        """What was taken was for nothing."""
        self._left += 1


class WrongGuesses:
    """Keys that were looked up in vain, for ``hold_s``: the same guess costs no second look.

    At most ``most`` are known; the oldest goes first. Kept are ids that no key has, and of ids that there are, id and
    digest together, with the version of the record that they were compared with.
    """

    def __init__(self, clock: Clock, *, most: int = 50_000, hold_s: float = 30.0) -> None:
        self._monotonic = clock.monotonic
        self._most = most
        self._hold_s = hold_s
        self._wrong: dict[bytes, _Wrong] = {}

    def add(self, id: bytes, digest: bytes = b"", version: int = 0) -> None:
        """Remember the id, or with ``digest`` this secret of it while the record has ``version``."""
        guess = id + digest
        self._wrong.pop(guess, None)
        if len(self._wrong) >= self._most:
            self._drop_oldest()
        self._wrong[guess] = _Wrong(self._monotonic() + self._hold_s, version)

    def has(self, id: bytes, digest: bytes = b"", version: int = 0) -> bool:
        wrong = self._wrong.get(id + digest)
        return wrong is not None and wrong.version == version and self._monotonic() < wrong.until

    def forget(self, id: bytes) -> None:
        """There may be a key of this id now. Secrets of ids that there are go by the version of their record."""
        self._wrong.pop(id, None)

    def forget_all(self) -> None:
        self._wrong.clear()

    def _drop_oldest(self) -> None:
        # A tenth at once: the first entry of a dict that was often taken from takes ever longer to find.
        for guess in list(self._wrong)[: self._most // 10 + 1]:
            del self._wrong[guess]

    def __len__(self) -> int:
        return len(self._wrong)


class _Wrong(msgspec.Struct, frozen=True, gc=False):
    until: float
    version: int
