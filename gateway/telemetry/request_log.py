"""One structured line a call. No prompts, no replies, no keys: the Outcome holds none.

The names of the JSON fields are a contract with whoever reads the logs; ``docs/observability.md`` lists them.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Literal

import msgspec

from gateway.core.money import usd
from gateway.core.types import Attempt, Outcome
from gateway.core.usage import TOKEN_KINDS, Usage
from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.redaction import redact
from gateway.telemetry.text import clock_time, encodable, iso_time, printable

LogFormat = Literal["json", "pretty"]

USAGE_FIELDS = (*TOKEN_KINDS, "images")

_MAX_NAME = 256
_encode = msgspec.json.Encoder().encode


class RequestLog:
    """Writes each Outcome as one line. An Observer; the encoding is left to the writer's thread.

    At ``level`` warning only the calls that failed by us or a provider are written; above it, none.
    """

    def __init__(self, writer: LogWriter, format: LogFormat = "json", *, level: str = "info") -> None:
        self._put = writer.put
        self._line = json_line if format == "json" else pretty_line
        least = logging.getLevelNamesMapping()[level.upper()]
        self._levels = frozenset(name for name in ("info", "warning") if getattr(logging, name.upper()) >= least)

    def observe(self, outcome: Outcome) -> None:
        if level_of(outcome) in self._levels:
            self._put(self._line, outcome)


class _AttemptLine(msgspec.Struct, gc=False):
    target: str
    status: int | None
    error: str | None
    started_after_s: float
    duration_s: float
    ttft_s: float | None


class _Line(msgspec.Struct, gc=False):
    """The fields of a line, in their order. Encoded from here it takes half of what a dict of them would."""

    time: str
    level: str
    event: str
    id: str
    endpoint: str
    model: str
    key: str
    team: str | None
    user: str | None
    tags: list[str]
    stream: bool
    status: int
    error: str | None
    provider: str | None
    target: str | None
    attempts: list[_AttemptLine]
    usage: Usage | dict[str, int]
    usage_official: bool
    cost_usd: str
    cost_nanousd: int
    priced: bool
    held_nanousd: int
    hold_after_s: float | None
    hold_s: float
    image_quality: str | None
    image_size: str | None
    finish: str | None
    duration_s: float
    ttft_s: float | None
    overhead_s: float
    trace_id: str | None


def json_line(outcome: Outcome) -> bytes:
    """The call as one JSON object and a line end. Durations are seconds; ``time`` is the call's arrival, UTC."""
    line = _Line(
        iso_time(outcome.at),
        level_of(outcome),
        "call",
        outcome.id,
        outcome.endpoint,
        model_of(outcome),
        outcome.key,
        outcome.team,
        foreign(outcome.user),
        [_cleaned(tag) for tag in outcome.tags],
        outcome.stream,
        outcome.status,
        foreign(outcome.error),
        outcome.provider,
        outcome.target,
        [_attempt(attempt) for attempt in outcome.attempts],
        _usage(outcome.usage),
        outcome.is_usage_official,
        usd(outcome.cost_nanousd),
        outcome.cost_nanousd,
        outcome.is_priced,
        outcome.held_nanousd,
        _rounded(outcome.hold_after_s),
        _micros(outcome.hold_s),
        foreign(outcome.image_quality),
        foreign(outcome.image_size),
        foreign(outcome.finish),
        _micros(outcome.duration_s),
        _rounded(outcome.ttft_s),
        _micros(outcome.overhead_s),
        trace_id_of(outcome),
    )
    return _encode(line) + b"\n"


def trace_id_of(outcome: Outcome) -> str | None:
    """Of a traced call, as W3C writes it."""
    return None if outcome.trace is None else f"{outcome.trace.trace_id:032x}"


def _usage(usage: Usage) -> Usage | dict[str, int]:
    """Its counts, without those that are 0."""
    if not usage.image_line and usage.cost_nanousd is None:
        return usage
    counts = {name: count for name in USAGE_FIELDS if (count := getattr(usage, name))}
    if usage.requests > 1:
        counts["requests"] = usage.requests
    return counts


def _attempt(attempt: Attempt) -> _AttemptLine:
    return _AttemptLine(
        attempt.target,
        attempt.status,
        attempt.error,
        _micros(attempt.started_after_s),
        _micros(attempt.duration_s),
        _rounded(attempt.ttft_s),
    )


def pretty_line(outcome: Outcome) -> bytes:
    """The call as a line for a person at a terminal."""
    words = [
        clock_time(outcome.at),
        str(outcome.status),
        outcome.endpoint.value,
        printable(model_of(outcome)),
        f"-> {outcome.target or outcome.provider or 'nobody'}",
        f"{outcome.duration_s:.3f}s",
    ]
    if outcome.stream and outcome.ttft_s is not None:
        words.append(f"ttft {outcome.ttft_s:.3f}s")
    words.append(f"overhead {outcome.overhead_s * 1000:.2f}ms")
    words.extend(_consumed(outcome.usage))
    words.append(f"${usd(outcome.cost_nanousd)}" if outcome.is_priced else "no price")
    words.append(f"key={outcome.key}")
    if failed := [f"{attempt.target}:{attempt.error}" for attempt in outcome.attempts if attempt.error]:
        words.append(f"failed={','.join(failed)}")
    if outcome.error:
        words.append(f"error={printable(_cleaned(outcome.error[:_MAX_NAME]))}")
    words.append(printable(outcome.id))
    return (" ".join(words) + "\n").encode()


def _consumed(usage: Usage) -> list[str]:
    words = []
    if usage.total:
        words.append(f"{usage.total_input}+{usage.total_output} tokens")
    if usage.images:
        words.append(f"{usage.images} images")
    return words


def level_of(outcome: Outcome) -> str:
    """``warning`` for a call that failed by us or a provider, else ``info``."""
    # A stream that broke midway has a status of 200, and an error all the same.
    is_ours = outcome.status >= 500 or (outcome.status < 400 and outcome.error is not None)
    return "warning" if is_ours else "info"


def _micros(seconds: float) -> float:
    """To the microsecond. ``round`` is as good and takes twice as long."""
    return int(seconds * 1e6 + 0.5) / 1e6


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else _micros(seconds)


def model_of(outcome: Outcome) -> str:
    """What the call asked for, fit to be shown."""
    # A call that went well named a configured model; only a failed one may name anything.
    return outcome.model if outcome.error is None else _cleaned(outcome.model[:_MAX_NAME])


def foreign(text: str | None) -> str | None:
    """What a client or a provider may have filled with anything: bounded, and rid of what looks like a key."""
    return None if text is None else _cleaned(text[:_MAX_NAME])


# The same few users, finishes and errors come again and again; looking for keys in one takes 5 µs.
@lru_cache(maxsize=2_048)
def _cleaned(text: str) -> str:
    return redact(encodable(text))
