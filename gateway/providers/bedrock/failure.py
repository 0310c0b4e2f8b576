"""Why Bedrock said no: the name of its exception, its words where the name doesn't tell, or the status.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors
https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html
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

_NAMES: dict[str, tuple[Reason, int]] = {
    "accessdenied": (Reason.AUTH, 403),
    "conflict": (Reason.CONFLICT, 409),
    "expiredtoken": (Reason.AUTH, 403),
    "incompletesignature": (Reason.AUTH, 403),
    "internalfailure": (Reason.SERVER_ERROR, 500),
    "internalserver": (Reason.SERVER_ERROR, 500),
    "invalidsignature": (Reason.AUTH, 403),
    "missingauthenticationtoken": (Reason.AUTH, 403),
    "modelerror": (Reason.SERVER_ERROR, 424),
    "modelnotready": (Reason.OVERLOADED, 429),
    "modelstreamerror": (Reason.SERVER_ERROR, 424),
    "modeltimeout": (Reason.SERVER_ERROR, 408),
    "notauthorized": (Reason.AUTH, 403),
    "resourcenotfound": (Reason.NOT_FOUND, 404),
    "servicequotaexceeded": (Reason.QUOTA, 400),
    "serviceunavailable": (Reason.OVERLOADED, 503),
    "throttling": (Reason.RATE_LIMITED, 429),
    "toomanyrequests": (Reason.RATE_LIMITED, 429),
    "unrecognizedclient": (Reason.AUTH, 403),
    "validation": (Reason.INVALID_REQUEST, 400),
}
"""Exceptions, small and without the word; in a stream, which has no status, with the one that they have elsewhere."""

_TOO_LONG = (
    r"too long|too many (input )?tokens|context (length|limit|window)|maximum number of (input )?tokens"
    r"|input tokens? exceed|exceeds? the (model'?s? )?maximum (input|context)"
)
_UNKNOWN_MODEL = (
    r"model identifier is invalid|on-demand throughput|model id(entifier)? .{0,200}(not supported|not found)"
    r"|end of its life"
)
_WORDS: tuple[tuple[re.Pattern[str], Reason], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (_TOO_LONG, Reason.CONTEXT_LENGTH),
        (r"content filter|content polic|responsible ai|blocked by", Reason.CONTENT_FILTER),
        (_UNKNOWN_MODEL, Reason.NOT_FOUND),
        (r"^operation not allowed|account is not authorized", Reason.AUTH),  # whatever it asks
    )
)
"""All of these come as ValidationException. A model that can't be called so is one that the service doesn't know."""
_NO_ACCESS = re.compile(r"access to (the|this) model", re.IGNORECASE)


def failure(head: HttpHead, body: bytes, *, secrets: Sequence[str]) -> UpstreamError:
    """Classify a reply whose status is not a success. ``secrets`` are struck out wherever the service echoes them."""
    fields = _object(body)
    name = (head.get(b"x-amzn-errortype") or b"").decode("latin-1") or _text(fields.get("__type"))
    return _error(name, head.status, fields, retry_after_s(head), secrets)


def failure_in_stream(name: str, payload: bytes, *, secrets: Sequence[str]) -> UpstreamError:
    """Classify an exception that came as a message of a stream."""
    return _error(name, None, _object(payload), None, secrets)


def words_of(message: str) -> Reason | None:
    """What an error's words alone say, if anything."""
    return next((reason for words, reason in _WORDS if words.search(message)), None)


def _error(
    name: str, status: int | None, fields: dict[str, Any], retry_after: float | None, secrets: Sequence[str]
) -> UpstreamError:
    message = _text(fields.get("message")) or _text(fields.get("Message")) or _text(fields.get("originalMessage"))
    known = _NAMES.get(_plain(name))
    if known is not None and (status is None or (status >= 500) == (known[1] >= 500)):
        reason = known[0]
    else:  # a server's fault is never the request's, nor the other way, whatever the name
        reason = by_status(status or 500)
    if reason is Reason.INVALID_REQUEST:
        reason = words_of(message) or reason
    if reason is Reason.AUTH and _NO_ACCESS.search(message):
        reason = Reason.NOT_FOUND
    return refusal(reason, status or (known[1] if known else 500), message, secrets=secrets, retry_after_s=retry_after)


def _plain(name: str) -> str:
    """``com.amazon.coral#ThrottlingException:http://…`` and ``throttlingException`` are one."""
    return name.partition(":")[0].rpartition("#")[2].strip().lower().removesuffix("exception")


def _object(data: bytes) -> dict[str, Any]:
    try:
        given = msgspec.json.decode(data)
    except NOT_JSON:
        return {}  # a proxy in between has said it
    return given if isinstance(given, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
