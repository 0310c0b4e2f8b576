"""What may be asked of the log of calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from gateway.core.errors import Conflict, InvalidRequest, StoreUnavailable
from gateway.telemetry.calls.record import Entry

MOST = 500
"""Calls of one page."""
_MOST_NUMBER = (1 << 63) - 1
"""SQLite's largest: the next one could not be asked for."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls: those of which all that is said holds. None says nothing; an empty text: those that have none."""

    since: float | None = None
    """Seconds since the epoch, of a call's arrival; and those at this moment."""
    until: float | None = None
    """Up to this moment, and not those at it."""
    id: str | None = None
    key: str | None = None
    team: str | None = None
    user: str | None = None
    model: str | None = None
    provider: str | None = None
    target: str | None = None
    endpoint: str | None = None
    error: str | None = None
    statuses: tuple[int, int] | None = None
    """The lowest and the highest."""
    stream: bool | None = None
    tag: str | None = None
    has_failed: bool | None = None
    """By an error, which a stream that broke off with a status of 200 has too."""
    min_cost_nanousd: int | None = None
    min_duration_s: float | None = None
    limit: int = 100
    before: int | None = None
    """Only those whose number is below it."""
    after: int | None = None
    """Only those whose number is above it; the oldest of them, if there are more than ``limit``."""


class Page(msgspec.Struct, frozen=True):
    """Some calls, those that ended last first, and their numbers: a later one has a larger one."""

    entries: Sequence[Entry]
    numbers: Sequence[int]
    has_more: bool
    """There are older ones; for a query with ``after``, newer ones."""

    @property
    def next(self) -> str | None:
        """The cursor of the page behind this one. Calls that come in meanwhile move nothing on it."""
        return cursor(self.numbers[-1]) if self.has_more else None


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a client sent and was answered, unsealed. Its repr shows neither."""

    request: bytes
    reply: bytes
    request_size: int
    """Bytes that there were; more than there are here, where it was cut off."""
    reply_size: int

    def __repr__(self) -> str:
        return f"<Content {self.request_size} + {self.reply_size} bytes>"


class SealedOtherwise(Conflict):
    """Content is kept that the secret in force does not open."""


class LogUnreadable(StoreUnavailable):
    """The log's own file: its disk is full, say. What limits and budgets are counted in may be as well as ever."""


class Calls(Protocol):
    """Answers from the log. Every verb raises LogUnreadable where it can't be read."""

    async def page(self, query: Query) -> Page: ...

    async def call(self, id: str, number: int | None = None) -> Entry | None:
        """The call of this id; of several that clients gave the same, the last, or that of ``number``."""
        ...

    async def content(self, id: str, number: int | None = None) -> Content | None:
        """The content of the same; None if it is not kept. Raises SealedOtherwise."""
        ...


def cursor(number: int) -> str:
    return f"{number:x}"


def number(cursor: str, *, param: str = "cursor", what: str = "the 'next' of a page") -> int:
    """Raises InvalidRequest for what is no cursor, saying that ``param`` is not ``what`` it should be."""
    try:
        found = int(cursor, 16)
    except ValueError:
        found = -1
    if not 0 < found < _MOST_NUMBER:
        raise InvalidRequest(f"'{param}' is not {what}", param=param)
    return found


def statuses(text: str) -> tuple[int, int]:
    """``429`` or a class, ``5xx``. Raises InvalidRequest."""
    if len(text) == 3 and text[0] in "12345":
        if text[1:].lower() == "xx":
            return int(text[0]) * 100, int(text[0]) * 100 + 99
        if text.isascii() and text.isdigit():
            return int(text), int(text)
    raise InvalidRequest("'status' is a status like 429, or a class of them like 5xx", param="status")
