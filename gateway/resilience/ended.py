"""What a client is told after the last attempt."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gateway.core.errors import AttemptsFailed, CallError, Reason, RequestRefused
from gateway.resilience.course import Failure

# The provider's own 400, 413 and 422 are the client's to mend; so are these two, which it may answer with any status.
_CLIENTS_FAULT = {
    Reason.INVALID_REQUEST: None,
    Reason.UNSUPPORTED: None,
    Reason.TOO_LARGE: "request_too_large",
    Reason.CONTEXT_LENGTH: "context_length_exceeded",
    Reason.CONTENT_FILTER: "content_filter",
}
_FULL = frozenset({Reason.RATE_LIMITED, Reason.PROVIDER_LIMIT, Reason.QUOTA})
_LATE = frozenset({Reason.CONNECT_TIMEOUT, Reason.FIRST_BYTE_TIMEOUT, Reason.IDLE_TIMEOUT, Reason.TOTAL_TIMEOUT})


def ended(failures: Sequence[Failure]) -> CallError:
    """The error for a call whose attempts all failed, at least one of them."""
    # That one target's format can't say it is no news where others could and failed.
    asked = [failure for failure in failures if failure.error.reason is not Reason.UNSUPPORTED] or failures
    last = asked[-1].error
    if last.reason in _CLIENTS_FAULT:
        status = last.status if last.status in (400, 413, 422) else 400
        code = _CLIENTS_FAULT[last.reason] or last.code
        return RequestRefused(status, last.message, param=last.param, code=code)
    message = "no provider could serve this call: " + "; ".join(map(_line, failures))
    reasons = {failure.error.reason for failure in asked}
    if reasons <= _FULL and reasons != {Reason.QUOTA}:
        return AttemptsFailed(
            message,
            status=429,
            type="rate_limit_error",
            code="rate_limit_exceeded",
            headers=_retry_after(failures),
        )
    if last.reason in _LATE:
        return AttemptsFailed(message, status=504, type="api_error", code="upstream_timeout")
    return AttemptsFailed(message, status=502, type="api_error", code="upstream_error", headers=_retry_after(failures))


def _line(failure: Failure) -> str:
    error = failure.error
    status = f" {error.status}" if error.status else ""
    return f"{failure.target.id}: {error.reason.value}{status} ({error.message.rstrip('.')})"


def _retry_after(failures: Sequence[Failure]) -> list[tuple[str, str]]:
    """The soonest that any of the targets asked to be called again."""
    waits = [failure.error.retry_after_s for failure in failures if failure.error.retry_after_s]
    if not waits:
        return []
    soonest = min(waits)
    return [("retry-after", str(math.ceil(soonest))), ("retry-after-ms", str(math.ceil(soonest * 1000)))]
