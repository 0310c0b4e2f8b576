"""Which names a misspelt one may have meant."""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Callable, Iterable
from itertools import pairwise

LONGEST = 100
"""Characters of a client's name that are looked at."""
SHORTLIST = 24


class NearNames:
    """Finds near misses among ``names``.

    ``difflib`` alone takes 13 ms for a thousand names, on the event loop, for every call of a client that has its model
    wrong. So pairs of letters, counted beforehand, make a shortlist first: 1 ms.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._pairs = {name: _pairs(name) for name in names}

    def near(self, asked: str, is_allowed: Callable[[str], bool], most: int = 3) -> list[str]:
        """Up to ``most`` allowed names, the nearest first; none if nothing is like it."""
        asked = asked[:LONGEST]
        wanted = _pairs(asked)
        # Pairs in common, less half of those that only the name has: or the longest names would always win.
        scored = (
            (len(wanted & pairs) - 0.5 * len(pairs), name) for name, pairs in self._pairs.items() if is_allowed(name)
        )
        shortlist = [name for _, name in heapq.nlargest(SHORTLIST, scored)]
        return difflib.get_close_matches(asked, shortlist, n=most)


def _pairs(name: str) -> frozenset[str]:
    return frozenset(map("".join, pairwise(name)))
