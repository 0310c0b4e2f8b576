"""The tables of the log, how a call becomes rows of them, and how a question becomes a condition on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec

from gateway.core.sqlite import Migrations
from gateway.core.types import Outcome
from gateway.telemetry.calls.query import Query
from gateway.telemetry.calls.record import Entry

# Two tables: what is filtered by is narrow, so that a question that few calls answer reads a tenth of the file. Numbers
# are microseconds since the epoch, or one more than the last: they say when a call was written, and no two are the same
# even if the file was begun anew.
MIGRATIONS: Migrations = (
    (
        """
        CREATE TABLE call (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL,
            at REAL NOT NULL,
            key TEXT NOT NULL,
            team TEXT NOT NULL,
            user TEXT NOT NULL,
            model TEXT NOT NULL,
            provider TEXT NOT NULL,
            target TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            error TEXT NOT NULL,
            status INTEGER NOT NULL,
            stream INTEGER NOT NULL,
            tags TEXT NOT NULL,
            cost_nanousd INTEGER NOT NULL,
            duration_s REAL NOT NULL
        )
        """,
        "CREATE INDEX call_by_id ON call (id)",
        "CREATE TABLE entry (number INTEGER PRIMARY KEY, entry BLOB NOT NULL)",
        "CREATE TABLE payload (number INTEGER PRIMARY KEY, sealed BLOB NOT NULL)",
    ),
)

MICROSECONDS = 1_000_000
_COLUMNS = 16
_NAMES = ("id", "key", "team", "user", "model", "provider", "target", "endpoint", "error", "stream")
"""Columns that are asked for as they are."""
_MOST_ROWS = 128
_LONGEST_S = 2 * 86_400.0
"""No call takes longer than ``timeouts.total`` may be, a day, and none waits as long to be written."""
_EARLIEST_S = 3_600.0
"""By which clocks are set back."""

encode = msgspec.json.Encoder().encode
decoded = msgspec.json.Decoder(Entry).decode


def call_row(number: int, entry: Entry | Outcome) -> tuple[Any, ...]:
    """Of the table ``call``. What an entry has not is the empty text there."""
    return (
        number,
        entry.id,
        entry.at,
        entry.key,
        entry.team or "",
        entry.user or "",
        entry.model,
        entry.provider or "",
        entry.target or "",
        entry.endpoint,
        entry.error or "",
        entry.status,
        entry.stream,
        _tags(entry.tags),
        entry.cost_nanousd,
        entry.duration_s,
    )


def insertions(
    first: int, entries: Sequence[Entry | Outcome], encoded: Sequence[bytes]
) -> Iterable[tuple[str, list[Any]]]:
    """Statements that write ``entries``, numbered from ``first``; and their values. ``encoded`` are the same entries.

    Many rows in one: each statement lets go of the interpreter once, and would wait for it again under load.
    """
    done = 0
    while left := len(entries) - done:
        # Powers of two: few different statements, all of which stay prepared.
        end = done + min(_MOST_ROWS, 1 << (left.bit_length() - 1))
        numbers = range(first + done, first + end)
        calls: list[Any] = []
        for number, entry in zip(numbers, entries[done:end], strict=True):
            calls += call_row(number, entry)
        yield _insert("call", _COLUMNS, end - done), calls
        yield _insert("entry", 2, end - done), list(chain.from_iterable(zip(numbers, encoded[done:end], strict=True)))
        done = end


@lru_cache
def _insert(table: str, columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"INSERT INTO {table} VALUES {', '.join([row] * rows)}"  # noqa: S608  constants


@lru_cache(maxsize=1_024)
def _tags(tags: tuple[str, ...]) -> str:
    return encode(tags).decode() if tags else ""


def condition(query: Query) -> tuple[str, list[Any]]:
    """SQL on the table ``call`` that holds for what ``query`` asks for, and its values."""
    conditions: list[tuple[str, Any]] = [*_bounds(query)]
    conditions += [(f"call.{name} = ?", getattr(query, name)) for name in _NAMES]
    conditions.append(("call.cost_nanousd >= ?", query.min_cost_nanousd))
    conditions.append(("call.duration_s >= ?", query.min_duration_s))
    if query.statuses is not None:
        conditions.append(("call.status >= ?", query.statuses[0]))
        conditions.append(("call.status <= ?", query.statuses[1]))
    if query.has_failed is not None:
        conditions.append((f"call.error {'<>' if query.has_failed else '='} ?", ""))
    if query.tag == "":
        conditions.append(("call.tags = ?", ""))
    elif query.tag is not None:
        has_tag = "call.tags <> '' AND EXISTS (SELECT 1 FROM json_each(call.tags) AS tag WHERE tag.value = ?)"
        conditions.append((has_tag, query.tag))
    said = [(sql, value) for sql, value in conditions if value is not None]
    return " AND ".join([sql for sql, _ in said] or ["1"]), [value for _, value in said]


def _bounds(query: Query) -> Iterable[tuple[str, float | int | None]]:
    yield "call.number < ?", query.before
    yield "call.number > ?", query.after
    # Numbers say when a call was written: what they exclude is not even looked at.
    if query.since is not None:
        yield "call.number >= ?", int((query.since - _EARLIEST_S) * MICROSECONDS)
        yield "call.at >= ?", query.since
    if query.until is not None:
        yield "call.number <= ?", int((query.until + _LONGEST_S) * MICROSECONDS)
        yield "call.at < ?", query.until
