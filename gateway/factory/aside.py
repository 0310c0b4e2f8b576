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

    Python's own 5 ms would be added to each step of each call. And the collector would look at all that is being made,
    several times: for 1,000 models one such look stops everything for 30 ms. Afterwards what is there is frozen, as it
    is after the start. It goes when nobody refers to it any more, since neither configurations nor connections make
    cycles: ``tests/faults/test_reload.py`` holds that.
    """
    turn_s, collects = sys.getswitchinterval(), gc.isenabled()
    sys.setswitchinterval(TURN_S)
    gc.disable()
    try:
        yield
    finally:
        sys.setswitchinterval(turn_s)
        if collects:
            gc.freeze()
            gc.enable()
