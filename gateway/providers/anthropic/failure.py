"""Why Anthropic said no: the type of its error, its words where they don't tell, or the status.

https://platform.claude.com/docs/en/api/errors
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.body import NOT_JSON
from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpHead
from gateway.providers.failure import by_status, refusal, retry_after_s

_TYPES: dict[str, tuple[Reason, int]] = {
    "invalid_request_error": (Reason.INVALID_REQUEST, 400),
    "authentication_error": (Reason.AUTH, 401),
    "billing_error": (Reason.QUOTA, 402),
    "permission_error": (Reason.AUTH, 403),
    "not_found_error": (Reason.NOT_FOUND, 404),
    "conflict_error": (Reason.CONFLICT, 409),
    "request_too_large": (Reason.TOO_LARGE, 413),
    "rate_limit_error": (Reason.RATE_LIMITED, 429),
    "api_error": (Reason.SERVER_ERROR, 500),
    "timeout_error": (Reason.SERVER_ERROR, 504),
    "overloaded_error": (Reason.OVERLOADED, 529),
}
"""What each type of error means, and the status that it has where it comes by itself: inside a stream it has none."""

_WORDS: tuple[tuple[re.Pattern[str], Reason], ...] = (
    (re.compile(r"prompt is too long|exceeds? (the )?context (limit|window)", re.IGNORECASE), Reason.CONTEXT_LENGTH),
    (re.compile(r"credit balance is too low|(usage|spend(ing)?) limits?\b", re.IGNORECASE), Reason.QUOTA),
    (re.compile(r"blocked by content filtering", re.IGNORECASE), Reason.CONTENT_FILTER),
    (re.compile(r"organization has been disabled", re.IGNORECASE), Reason.AUTH),
)
"""All of these come as ``invalid_request_error``."""


def failure(head: HttpHead, body: bytes, *, secrets: Sequence[str]) -> UpstreamError:
    """Classify a reply whose status is not a success. ``secrets`` are struck out wherever the provider echoes them."""
    try:
        given = msgspec.json.decode(body)
    except NOT_JSON:
        given = None  # a proxy in between has said it
    error = given.get("error") if isinstance(given, dict) else None
    return _error(head.status, error, retry_after_s(head), secrets)


def failure_in_reply(error: Any, *, secrets: Sequence[str]) -> UpstreamError:
    """Classify an error that came inside of a 200."""
    return _error(None, error, None, secrets)


def _error(status: int | None, error: Any, retry_after: float | None, secrets: Sequence[str]) -> UpstreamError:
    fields = error if isinstance(error, dict) else {}
    type, message = _text(fields.get("type")), _text(fields.get("message"))
    reason, usual_status = _TYPES.get(type, (by_status(status or 500), 500))
    if status is not None and (type not in _TYPES or not _agree(status, usual_status)):
        reason = by_status(status)
    if reason is Reason.INVALID_REQUEST:
        reason = next((found for words, found in _WORDS if words.search(message)), reason)
    if _text(_details(fields).get("error_code")).endswith("spend_limit_reached"):
        reason = Reason.QUOTA
    return refusal(reason, status or usual_status, message, secrets=secrets, retry_after_s=retry_after)


def _agree(status: int, usual: int) -> bool:
    """Whether the type may tell more than the status: a server's fault is never the request's, nor the other way."""
    return (status >= 500) == (usual >= 500)


def _details(fields: dict[str, Any]) -> dict[str, Any]:
    given = fields.get("details")
    return given if isinstance(given, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
