"""One structured line a call. No prompts, no replies, no keys: the Outcome holds none.

The names of the JSON fields are a contract with whoever reads the logs; ``docs/observability.md`` lists them.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any, Literal

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


def json_line(outcome: Outcome) -> bytes:
    """The call as one JSON object and a line end. Durations are seconds; ``time`` is the call's arrival, UTC."""
    usage = outcome.usage
    return (
        _encode(
            {
                "time": iso_time(outcome.at),
                "level": level_of(outcome),
                "event": "call",
                "id": outcome.id,
                "endpoint": outcome.endpoint,
                "model": model_of(outcome),
                "key": outcome.key,
                "team": outcome.team,
                "user": foreign(outcome.user),
                "tags": [_cleaned(tag) for tag in outcome.tags],
                "stream": outcome.stream,
                "status": outcome.status,
                "error": foreign(outcome.error),
                "provider": outcome.provider,
                "target": outcome.target,
                "attempts": [_attempt(attempt) for attempt in outcome.attempts],
                "usage": _usage(usage),
                "usage_official": outcome.is_usage_official,
                "cost_usd": usd(outcome.cost_nanousd),
                "cost_nanousd": outcome.cost_nanousd,
                "priced": outcome.is_priced,
                "held_nanousd": outcome.held_nanousd,
                "hold_after_s": _rounded(outcome.hold_after_s),
                "hold_s": round(outcome.hold_s, 6),
                "image_quality": foreign(outcome.image_quality),
                "image_size": foreign(outcome.image_size),
                "finish": foreign(outcome.finish),
                "duration_s": round(outcome.duration_s, 6),
                "ttft_s": _rounded(outcome.ttft_s),
                "overhead_s": round(outcome.overhead_s, 6),
                "trace_id": trace_id_of(outcome),
            }
        )
        + b"\n"
    )


def trace_id_of(outcome: Outcome) -> str | None:
    """Of a traced call, as W3C writes it."""
    return None if outcome.trace is None else f"{outcome.trace.trace_id:032x}"


def _usage(usage: Usage) -> dict[str, int]:
    counts = {name: count for name in USAGE_FIELDS if (count := getattr(usage, name))}
    if usage.requests > 1:
        counts["requests"] = usage.requests
    return counts


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "target": attempt.target,
        "status": attempt.status,
        "error": attempt.error,
        "started_after_s": round(attempt.started_after_s, 6),
        "duration_s": round(attempt.duration_s, 6),
        "ttft_s": _rounded(attempt.ttft_s),
    }


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


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


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
