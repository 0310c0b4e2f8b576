"""What a failed attempt means for the call: one table, from the reason to the verdict."""

from __future__ import annotations

import enum

from gateway.core.errors import Reason


class Verdict(enum.Enum):
    STOP = "stop"
    """No target would do better: the request itself is at fault, or time is up."""
    AGAIN = "again"
    """Another target first; this one once more when no other is left."""
    ELSEWHERE = "elsewhere"
    """Another target; never this one again in this call."""
    LARGER_CONTEXT = "larger_context"
    """Only a target with a larger context."""
    IF_ALLOWED = "if_allowed"
    """Another target where the configuration says that a content filter's refusal may be taken elsewhere."""


VERDICTS: dict[Reason, Verdict] = {
    Reason.CONNECT: Verdict.AGAIN,
    Reason.CONNECT_TIMEOUT: Verdict.AGAIN,
    Reason.FIRST_BYTE_TIMEOUT: Verdict.AGAIN,
    Reason.IDLE_TIMEOUT: Verdict.AGAIN,
    Reason.TOTAL_TIMEOUT: Verdict.STOP,
    Reason.CLOSED: Verdict.AGAIN,
    Reason.PROTOCOL: Verdict.AGAIN,
    Reason.UNREADABLE: Verdict.AGAIN,
    Reason.RATE_LIMITED: Verdict.AGAIN,
    Reason.QUOTA: Verdict.ELSEWHERE,
    Reason.OVERLOADED: Verdict.AGAIN,
    Reason.SERVER_ERROR: Verdict.AGAIN,
    Reason.AUTH: Verdict.ELSEWHERE,
    Reason.NOT_FOUND: Verdict.ELSEWHERE,
    Reason.INVALID_REQUEST: Verdict.STOP,
    Reason.TOO_LARGE: Verdict.STOP,
    Reason.CONTEXT_LENGTH: Verdict.LARGER_CONTEXT,
    Reason.CONTENT_FILTER: Verdict.IF_ALLOWED,
    Reason.CONFLICT: Verdict.AGAIN,
    Reason.UNSUPPORTED: Verdict.ELSEWHERE,
    Reason.PROVIDER_LIMIT: Verdict.ELSEWHERE,
}
