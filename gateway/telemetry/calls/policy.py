"""Whose content is kept."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

_CALLERS_KEPT = 4_096


class Policy:
    """Whose content is kept: that of keys and teams that match these globs. Nobody's, if there are none."""

    def __init__(self, keys: Sequence[str], teams: Sequence[str], max_bytes: int) -> None:
        self.max_bytes = max_bytes
        """Of a request, and of a reply."""
        self.is_empty = not keys and not teams

        # Asked for each call, by the same few callers; globs of 100 keys would take 50 µs.
        @lru_cache(maxsize=_CALLERS_KEPT)
        def names(key: str, team: str | None) -> bool:
            return any(fnmatchcase(key, glob) for glob in keys) or (
                team is not None and any(fnmatchcase(team, glob) for glob in teams)
            )

        self.names = names
