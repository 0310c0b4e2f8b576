"""Why an OpenAI-like provider said no: status, code and, where they don't tell, its words -> a Reason.

Its own words go on to the client where they speak of the request. What it says of our credential stays here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.body import NOT_JSON
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
_BY_CODE = {
    "insufficient_quota": Reason.QUOTA,
    "billing_hard_limit_reached": Reason.QUOTA,
    "context_length_exceeded": Reason.CONTEXT_LENGTH,
    "exceed_context_size_error": Reason.CONTEXT_LENGTH,  # llama.cpp's type
    "content_filter": Reason.CONTENT_FILTER,
    "content_policy_violation": Reason.CONTENT_FILTER,
    "moderation_blocked": Reason.CONTENT_FILTER,
    "rate_limit_exceeded": Reason.RATE_LIMITED,
    "overloaded_error": Reason.OVERLOADED,
}
# Ollama, vLLM, Together and others have no code for it. Seen in their replies and sources.
_CONTEXT_LENGTH = re.compile(
    r"max(?:imum)? context|context[ _](?:length|size|window)|prompt (?:is )?too long|too many tokens",
    re.IGNORECASE,
)


class _Words:
    """What an error body says, whichever of the shapes it has: ``{"error": {…}}``, ``{"error": "…"}`` or bare."""

    def __init__(self, given: Any) -> None:
        inner = given.get("error") if isinstance(given, dict) else None
        fields = inner if isinstance(inner, dict) else given if isinstance(given, dict) else {}
        self.message = inner if isinstance(inner, str) else _text(fields.get("message"))
        self.code = _text(fields.get("code"))
        self.type = _text(fields.get("type"))
        self.param = _text(fields.get("param"))
        stated = fields.get("status_code", fields.get("code"))
        self.status = stated if isinstance(stated, int) and 400 <= stated < 600 else None


def failure(head: HttpHead, body: bytes, *, secrets: Sequence[str]) -> UpstreamError:
    """Classify a reply whose status is not a success. ``secrets`` are struck out wherever the provider echoes them."""
    try:
        words = _Words(msgspec.json.decode(body))
    except NOT_JSON:
        words = _Words({})
    return _error(head.status, words, retry_after_s(head), secrets)


def failure_in_reply(error: Any, *, secrets: Sequence[str]) -> UpstreamError:
    """Classify an error that came inside of a 200. It is the provider's fault unless it says otherwise."""
    words = _Words({"error": error})
    return _error(words.status or 500, words, None, secrets)


def _error(status: int, words: _Words, retry_after: float | None, secrets: Sequence[str]) -> UpstreamError:
    reason = _reason(status, words)
    if reason is Reason.AUTH:
        # Providers repeat parts of the key in these.
        message = "the provider does not accept the configured credential"
    else:
        message = _relayed(words.message, secrets, MAX_MESSAGE) or f"the provider answered {status}"
    return UpstreamError(
        reason,
        message,
        status=status,
        retry_after_s=retry_after,
        param=_relayed(words.param, secrets, MAX_NAME) or None,
        code=_relayed(words.code, secrets, MAX_NAME) or None,
    )


def _relayed(text: str, secrets: Sequence[str], most: int) -> str:
    """``text`` as far as a client may have it. Cut last: a secret across the cut would else show its first half."""
    for secret in secrets:
        text = text.replace(secret, "[redacted]")
    return text[:most]


def _reason(status: int, words: _Words) -> Reason:
    told = _BY_CODE.get(words.code) or _BY_CODE.get(words.type)
    if status in (400, 413, 422) and told is None and _CONTEXT_LENGTH.search(words.message):
        return Reason.CONTEXT_LENGTH
    if told is not None and (status in (400, 413, 422, 429) or status >= 500):
        return told
    found = _BY_STATUS.get(status)
    if found is not None:
        return found
    if status >= 500:
        return Reason.SERVER_ERROR
    return Reason.INVALID_REQUEST if status >= 400 else Reason.UNREADABLE


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


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""
