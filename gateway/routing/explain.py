"""A decision told to people and programs: a table, one header line, or plain data."""

from __future__ import annotations

from math import isfinite
from typing import Any

from gateway.routing.decision import Decision

HEADER_BYTES = 1_024


def table(decision: Decision) -> str:
    """Several lines for a terminal: the ranked targets with their scores, then those left out, each with its reason."""
    rows = [
        (str(place), one.target.id, one.model, f"{one.score:.6g}", one.why)
        for place, one in enumerate(decision.ranked, 1)
    ]
    rows += [("-", one.target.id, one.model, "", f"left out: {one.reason}") for one in decision.left_out]
    rows.insert(0, ("", "target", "model", "score", "why"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join((f"{decision.model} by {decision.by}", *lines))


def header(decision: Decision) -> str:
    """One line of printable ASCII, at most ``HEADER_BYTES`` long, for ``x-sluice-explain``."""
    parts = [f"{one.target.id} ({one.why})" for one in decision.ranked]
    parts += [f"not {one.target.id} ({one.reason})" for one in decision.left_out]
    line = f"{decision.model} by {decision.by}: {'; '.join(parts)}"
    # Names come from a configuration and may hold anything; a header may not.
    line = "".join(char if " " <= char <= "~" else "?" for char in line[: HEADER_BYTES + 1])
    return line if len(line) <= HEADER_BYTES else line[: HEADER_BYTES - 3] + "..."


def as_data(decision: Decision) -> dict[str, Any]:
    """The decision as JSON has it; a score that is no number (never to be preferred) is null."""
    return {
        "model": decision.model,
        "by": decision.by,
        "ranked": [
            {
                "target": one.target.id,
                "provider": one.target.provider,
                "model": one.model,
                "score": one.score if isfinite(one.score) else None,
                "why": one.why,
                "is_last_resort": one.is_last_resort,
            }
            for one in decision.ranked
        ],
        "left_out": [
            {
                "target": one.target.id,
                "provider": one.target.provider,
                "model": one.model,
                "rule": one.lack.rule,
                "reason": one.reason,
            }
            for one in decision.left_out
        ],
    }
