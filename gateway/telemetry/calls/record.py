"""What a reader of the log sees of a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.money import usd
from gateway.core.types import Attempt, Outcome
from gateway.core.usage import NOTHING, TOKEN_KINDS, Usage
from gateway.telemetry.attempts import kinds
from gateway.telemetry.request_log import foreign, level_of, model_of, trace_id_of
from gateway.telemetry.text import iso_time


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The Outcome as it is kept: as JSON, so that a field with a default can be added without a migration.

    Holds no content, and nothing that looks like a key. Names and units are the Outcome's.
    """

    id: str
    number: str = ""
    """What the log calls it, in hex: clients choose ids, and may give several calls one. Not written, but read."""
    at: float
    level: str = "info"
    endpoint: str
    model: str
    key: str
    team: str | None = None
    user: str | None = None
    tags: tuple[str, ...] = ()
    stream: bool = False
    status: int
    error: str | None = None
    target: str | None = None
    provider: str | None = None
    attempts: tuple[Attempt, ...] = ()
    usage: Usage = NOTHING
    is_usage_official: bool = False
    cost_nanousd: int = 0
    is_priced: bool = True
    held_nanousd: int = 0
    hold_after_s: float | None = None
    hold_s: float = 0.0
    image_quality: str = ""
    image_size: str = ""
    finish: str | None = None
    duration_s: float
    ttft_s: float | None = None
    overhead_s: float
    trace_id: str | None = None
    """Hex."""
    has_payload: bool = False
    """Its content is kept, sealed."""


def entry(outcome: Outcome, *, has_payload: bool = False) -> Entry:
    """What is kept of ``outcome``."""
    return Entry(
        id=outcome.id,
        at=outcome.at,
        level=level_of(outcome),
        endpoint=outcome.endpoint,
        model=model_of(outcome),
        key=outcome.key,
        team=outcome.team,
        user=foreign(outcome.user),
        tags=outcome.tags,
        stream=outcome.stream,
        status=outcome.status,
        error=foreign(outcome.error),
        target=outcome.target,
        provider=outcome.provider,
        attempts=outcome.attempts,
        usage=outcome.usage,
        is_usage_official=outcome.is_usage_official,
        cost_nanousd=outcome.cost_nanousd,
        is_priced=outcome.is_priced,
        held_nanousd=outcome.held_nanousd,
        hold_after_s=outcome.hold_after_s,
        hold_s=outcome.hold_s,
        image_quality=foreign(outcome.image_quality) or "",
        image_size=foreign(outcome.image_size) or "",
        finish=foreign(outcome.finish),
        duration_s=outcome.duration_s,
        ttft_s=outcome.ttft_s,
        overhead_s=outcome.overhead_s,
        trace_id=trace_id_of(outcome),
        has_payload=has_payload,
    )


def may_be_kept(outcome: Outcome) -> bool:
    """Whether ``outcome``, written as it is, is read as the Entry of it: it says nothing that has to be put in other
    words. To make an Entry takes longer than to write one.
    """
    if outcome.error is not None or outcome.trace is not None or outcome.payload is not None:
        return False
    said = (outcome.user, outcome.finish, outcome.image_quality, outcome.image_size)
    return level_of(outcome) == "info" and all(not text or foreign(text) == text for text in said)


def shown(entry: Entry) -> dict[str, Any]:
    """``entry`` as the control plane and ``sluice calls --json`` say it. Durations are seconds, amounts exact USD."""
    return {
        "id": entry.id,
        "number": entry.number,
        "at": iso_time(entry.at),
        "level": entry.level,
        "endpoint": entry.endpoint,
        "model": entry.model,
        "key": entry.key,
        "team": entry.team,
        "user": entry.user,
        "tags": entry.tags,
        "stream": entry.stream,
        "status": entry.status,
        "error": entry.error,
        "provider": entry.provider,
        "target": entry.target,
        "attempts": _attempts(entry.attempts),
        "usage": _usage(entry.usage),
        "usage_official": entry.is_usage_official,
        "cost_usd": usd(entry.cost_nanousd),
        "priced": entry.is_priced,
        "held_usd": usd(entry.held_nanousd),
        "hold_after_s": _rounded(entry.hold_after_s),
        "hold_s": round(entry.hold_s, 6),
        "image_quality": entry.image_quality or None,
        "image_size": entry.image_size or None,
        "finish": entry.finish,
        "duration_s": round(entry.duration_s, 6),
        "ttft_s": _rounded(entry.ttft_s),
        "overhead_s": round(entry.overhead_s, 6),
        "trace_id": entry.trace_id,
        "has_payload": entry.has_payload,
    }


def _attempts(attempts: Sequence[Attempt]) -> list[dict[str, Any]]:
    return [
        {
            "target": attempt.target,
            "provider": attempt.provider,
            "model": attempt.model,
            "kind": kind,
            "status": attempt.status,
            "error": attempt.error,
            "started_after_s": round(attempt.started_after_s, 6),
            "duration_s": round(attempt.duration_s, 6),
            "ttft_s": _rounded(attempt.ttft_s),
        }
        for attempt, kind in zip(attempts, kinds(attempts), strict=True)
    ]


def _usage(usage: Usage) -> dict[str, int]:
    counts = {kind: getattr(usage, kind) for kind in TOKEN_KINDS}
    return {
        **counts,
        "images": usage.images,
        "requests": usage.requests,
        "total_input": usage.total_input,
        "total_output": usage.total_output,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
