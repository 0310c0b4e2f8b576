"""Why Google said no: ``google.rpc.Status`` with its details -> a Reason.

https://ai.google.dev/gemini-api/docs/troubleshooting, https://google.aip.dev/193
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

_BY_NAME = {
    "UNAUTHENTICATED": Reason.AUTH,
    "PERMISSION_DENIED": Reason.AUTH,
    "NOT_FOUND": Reason.NOT_FOUND,
    "RESOURCE_EXHAUSTED": Reason.RATE_LIMITED,
    "UNAVAILABLE": Reason.OVERLOADED,
    "INTERNAL": Reason.SERVER_ERROR,
    "UNKNOWN": Reason.SERVER_ERROR,
    "DATA_LOSS": Reason.SERVER_ERROR,
    "DEADLINE_EXCEEDED": Reason.SERVER_ERROR,
    "CANCELLED": Reason.CONFLICT,
    "ABORTED": Reason.CONFLICT,
}
_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
}
_KEY_REASONS = frozenset(
    {"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED", "ACCESS_TOKEN_EXPIRED", "BILLING_DISABLED"}
)
# What has a name of its own only in words, all of them seen in replies.
_CONTEXT_LENGTH = re.compile(
    r"token count.{0,80}(?:exceeds|only supports)|exceeds the maximum number of tokens", re.IGNORECASE
)
_TOO_LARGE = re.compile(r"payload size exceeds|request (?:size|is too large)", re.IGNORECASE)
_FILTERED = re.compile(r"responsible ai|safety (?:filter|polic|setting)|prohibited use|sensitive words", re.IGNORECASE)
_KEY = re.compile(r"api key (?:not valid|expired|not found)|API_KEY_INVALID", re.IGNORECASE)
_PLACE = re.compile(r"location is not supported|free tier is not available|billing", re.IGNORECASE)
_THEIRS = re.compile(r"cached ?content|the file ", re.IGNORECASE)
"""A 403 on what the client itself named: no fault of our credential."""
_SPENT = re.compile(
    r"limit: 0\b|prepa(?:id|yment)|credits? (?:are|is|balance|have)|spend(?:ing)? (?:cap|limit)", re.IGNORECASE
)
_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


class _Words:
    """What an error says: ``{"error": {…}}``, that in a list (streams that failed to begin), or the status alone."""

    def __init__(self, given: Any) -> None:
        if isinstance(given, list):
            given = given[0] if given else None
        inner = given.get("error", given) if isinstance(given, dict) else given
        fields = inner if isinstance(inner, dict) else {}
        self.message = inner if isinstance(inner, str) else _text(fields.get("message"))
        self.name = _text(fields.get("status"))
        code = fields.get("code")
        self.status = code if isinstance(code, int) and 400 <= code < 600 else _STATUS.get(self.name)
        details = fields.get("details")
        self.details = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []

    def detail(self, type: str) -> dict[str, Any]:
        return next((each for each in self.details if _text(each.get("@type")).endswith(type)), {})

    @property
    def retry_after_s(self) -> float | None:
        found = _DELAY.fullmatch(_text(self.detail("google.rpc.RetryInfo").get("retryDelay")))
        return float(found[1]) or None if found else None

    @property
    def is_spent(self) -> bool:
        """No wait of a minute would help: a day's quota, or money."""
        violations = self.detail("google.rpc.QuotaFailure").get("violations")
        listed = violations if isinstance(violations, list) else []
        ids = [_text(each.get("quotaId")) for each in listed if isinstance(each, dict)]
        return any("PerDay" in id for id in ids) or bool(_SPENT.search(self.message))


def failure(head: HttpHead, body: bytes, *, secrets: Sequence[str]) -> UpstreamError:
    """Classify a reply whose status is not a success. ``secrets`` are struck out wherever Google echoes them."""
    try:
        words = _Words(msgspec.json.decode(body))
    except NOT_JSON:
        words = _Words(None)
    return _error(head.status, words, retry_after_s(head), secrets)


def failure_in_reply(error: Any, *, secrets: Sequence[str]) -> UpstreamError:
    """Classify an error that came inside of a 200. It is the provider's fault unless it says otherwise."""
    words = _Words(error)
    return _error(words.status or 500, words, None, secrets)


def _error(status: int, words: _Words, retry_after: float | None, secrets: Sequence[str]) -> UpstreamError:
    return refusal(
        _reason(status, words),
        status,
        words.message,
        secrets=secrets,
        retry_after_s=words.retry_after_s or retry_after,
        code=words.name,
    )


def _reason(status: int, words: _Words) -> Reason:
    message = words.message
    if status in (400, 413, 422):
        return _of_request(status, words)
    if status == 403 and _THEIRS.search(message):
        return Reason.INVALID_REQUEST
    if status == 429:
        return Reason.QUOTA if words.is_spent else Reason.RATE_LIMITED
    if status >= 500 and _CONTEXT_LENGTH.search(message):
        return Reason.CONTEXT_LENGTH  # Vertex has called it INTERNAL
    return _BY_NAME.get(words.name) or by_status(status)


def _of_request(status: int, words: _Words) -> Reason:
    message = words.message
    if _text(words.detail("google.rpc.ErrorInfo").get("reason")) in _KEY_REASONS or _KEY.search(message):
        return Reason.AUTH
    if words.name == "FAILED_PRECONDITION" and _PLACE.search(message):
        return Reason.AUTH  # the account may not be used, from here or at all
    if _CONTEXT_LENGTH.search(message):
        return Reason.CONTEXT_LENGTH
    if _TOO_LARGE.search(message):
        return Reason.TOO_LARGE
    if _FILTERED.search(message):
        return Reason.CONTENT_FILTER
    return by_status(status)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
