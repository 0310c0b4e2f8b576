"""Text and times as every line and label may have them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x09}


def encodable(text: str) -> str:
    """``text`` as UTF-8 can hold it: half a surrogate pair becomes a question mark."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def iso_time(at: float) -> str:
    """Seconds since the epoch as RFC 3339, UTC, in milliseconds."""
    second, millisecond = divmod(int(at * 1000), 1000)
    return f"{_second(second)}.{millisecond:03}Z"


def clock_time(at: float) -> str:
    """Seconds since the epoch as the time of day, UTC, in milliseconds."""
    return iso_time(at)[11:-1]


# Hundreds of lines share a second.
@lru_cache(maxsize=16)
def _second(since_epoch: int) -> str:
    return datetime.fromtimestamp(since_epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def printable(text: str) -> str:
    """``text`` on one line, without what a terminal would obey."""
    return text.translate(_CONTROLS)
