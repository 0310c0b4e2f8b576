"""Long work of pure Python in a thread, beside an event loop that must not notice."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

TURN_S = 0.0005
"""How long a thread may keep the interpreter while the loop wants it."""


@contextmanager
def giving_way() -> Iterator[None]:
    """While the block runs, threads make way for the loop at once, and the collector waits. One block at a time: both
    belong to the process.

    Python's own 5 ms would be added to each step of each call. And halfway the collector would look at all that is not
    done yet, several times: for 1,000 models one such look stops everything for 30 ms.
    """
    turn_s, collects = sys.getswitchinterval(), gc.isenabled()
    sys.setswitchinterval(TURN_S)
    gc.disable()
    try:
        yield
    finally:
        sys.setswitchinterval(turn_s)
        if collects:
            gc.enable()
