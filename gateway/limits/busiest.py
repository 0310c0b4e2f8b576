"""Who called and spent most lately, without keeping everybody."""

from __future__ import annotations

from heapq import nlargest
from operator import itemgetter

_CALL_NANOUSD = 1_000_000
"""What one call counts for beside its cost: a tenth of a cent, so that whoever has no price counts too."""
_NOTHING = 1.0
"""Of less use than this a name is forgotten."""


class Busiest:
    """Names with their use, which fades: that of ``half_life_s`` ago counts half.

    Keeps between ``most`` and twice as many names. When there are more, the lower half goes: whoever is among the busy
    comes back with the next call, and a name that comes once goes again (lossy counting, Manku and Motwani 2002).
    """

    def __init__(self, most: int, *, half_life_s: float = 600.0) -> None:
        self._most = most
        self._half_life_s = half_life_s
        self._uses: dict[str, float] = {}

    def add(self, name: str, cost_nanousd: int) -> None:
        """``name`` made one call, which cost so much. Takes a fraction of a microsecond."""
        uses = self._uses
        uses[name] = uses.get(name, 0.0) + _CALL_NANOUSD + cost_nanousd
        if len(uses) > 2 * self._most:
            self._uses = dict(nlargest(self._most, uses.items(), key=itemgetter(1)))

    def fade(self, seconds: float) -> None:
        """So much time has passed."""
        share = 0.5 ** (seconds / self._half_life_s)
        self._uses = {name: use * share for name, use in self._uses.items() if use * share >= _NOTHING}

    def names(self) -> list[str]:
        """The busiest first."""
        return [name for name, _ in sorted(self._uses.items(), key=itemgetter(1), reverse=True)]

    def __repr__(self) -> str:
        return f"<Busiest {len(self._uses)} names>"
