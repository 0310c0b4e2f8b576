"""What every dialect shares in reading why a provider said no: HTTP's own signs, and how its words are passed on."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpHead

MAX_MESSAGE = 2_000
MAX_NAME = 256

_BY_STATUS = {
    401: Reason.AUTH,
    402: Reason.QUOTA,
    403: Reason.AUTH,
    404: Reason.NOT_FOUND,
    408: Reason.CONFLICT,
    409: Reason.CONFLICT,
    413: Reason.TOO_LARGE,
    429: Reason.RATE_LIMITED,
    503: Reason.OVERLOADED,
    529: Reason.OVERLOADED,
}


def by_status(status: int) -> Reason:
    """What a status alone says."""
    found = _BY_STATUS.get(status)
    if found is not None:
        return found
    if status >= 500:
        return Reason.SERVER_ERROR
    return Reason.INVALID_REQUEST if status >= 400 else Reason.UNREADABLE


def refusal(
    reason: Reason,
    status: int,
    message: str,
    *,
    secrets: Sequence[str],
    retry_after_s: float | None = None,
    param: str = "",
    code: str = "",
) -> UpstreamError:
    """The error for what the provider said, its words passed on as far as a client may have them.

    ``secrets`` are struck out wherever the provider echoes them. What it says of our credential stays here.
    """
    if reason is Reason.AUTH:
        # Providers repeat parts of the key in these.
        message = "the provider does not accept the configured credential"
    else:
        message = relayed(message, secrets, MAX_MESSAGE) or f"the provider answered {status}"
    return UpstreamError(
        reason,
        message,
        status=status,
        retry_after_s=retry_after_s,
        param=relayed(param, secrets, MAX_NAME) or None,
        code=relayed(code, secrets, MAX_NAME) or None,
    )


def relayed(text: str, secrets: Sequence[str], most: int) -> str:
    """``text`` as far as a client may have it. Cut last: a secret across the cut would else show its first half."""
    # The longest first: one may be a part of another.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "[redacted]")
    return text[:most]


def retry_after_s(head: HttpHead) -> float | None:
    """``retry-after-ms`` or ``retry-after`` in seconds. Its date form is not read: providers don't send it, and it
    would need a clock. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    for name, scale in ((b"retry-after-ms", 1_000.0), (b"retry-after", 1.0)):
        value = head.get(name)
        if value is not None and (number := _number(value)) is not None and number > 0:
            return number / scale
    return None


def _number(value: bytes) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None  # leaves out nan and inf too
