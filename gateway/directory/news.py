"""Who wants to hear of changes, and what a change of keys is called."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from gateway.directory.base import Listener
from gateway.directory.records import Change, KeyRecord

log = logging.getLogger(__name__)

EVERYTHING = Change("everything")


def news_of(records: Sequence[KeyRecord]) -> Change:
    """What is told of a change of ``records``: of more than one, that it may have been any."""
    return Change("key", records[0].id) if len(records) == 1 else EVERYTHING


class Listeners:
    """Tells all of them. One that throws is logged, and keeps no other from hearing."""

    def __init__(self) -> None:
        self._all: list[Listener] = []

    def add(self, listener: Listener) -> None:
        self._all.append(listener)

    def tell(self, change: Change | None) -> None:
        """None is no news."""
        if change is None:
            return
        for listener in self._all:
            try:
                listener(change)
            except Exception:
                log.exception("a listener failed at the news of %s", change)
