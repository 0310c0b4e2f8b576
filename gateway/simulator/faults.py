"""What goes wrong on demand: refusals instead of a reply, and replies that are spoilt on their way.

Error bodies follow https://platform.openai.com/docs/guides/error-codes.
"""

from __future__ import annotations

import math
import random

import msgspec
from msgspec.structs import replace

from gateway.simulator.behaviour import Behaviour, BodyName, ErrorName
from gateway.simulator.script import HTML, JSON, End, Script


class Failure(msgspec.Struct, frozen=True):
    """A refusal: an HTTP status and OpenAI's error object."""

    status: int
    message: str
    type: str
    code: str | None = None
    param: str | None = None

    def body(self) -> bytes:
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return msgspec.json.encode({"error": error})


ERRORS: dict[ErrorName, Failure] = {
    "auth": Failure(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    "content_filter": Failure(
        400,
        "The response was filtered due to the prompt triggering the content management policy.",
        "invalid_request_error",
        "content_filter",
        "prompt",
    ),
    "context_length": Failure(
        400,
        "This model's maximum context length is 128 tokens. Please reduce the length of the messages.",
        "invalid_request_error",
        "context_length_exceeded",
        "messages",
    ),
    "forbidden": Failure(403, "You are not allowed to sample from this model.", "permission_error"),
    "invalid": Failure(
        400, "Invalid value for 'temperature'.", "invalid_request_error", "invalid_value", "temperature"
    ),
    "not_found": Failure(404, "The model does not exist.", "invalid_request_error", "model_not_found", "model"),
    "overloaded": Failure(503, "The engine is currently overloaded, please try again later.", "server_error"),
    "quota": Failure(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    "rate_limit": Failure(429, "Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
    "server": Failure(500, "The server had an error while processing your request.", "server_error"),
    "timeout": Failure(408, "The request took too long.", "server_error"),
}

BY_STATUS: dict[int, ErrorName] = {
    400: "invalid",
    401: "auth",
    403: "forbidden",
    404: "not_found",
    408: "timeout",
    429: "rate_limit",
    503: "overloaded",
}

BODIES: dict[BodyName, bytes] = {
    "empty": b"",
    "error": ERRORS["server"].body(),
    "garbage": b"<html><body>502 Bad Gateway</body></html>",
    "null": b"null",
}

MALFORMED = b'data: {"id":"chatcmpl-\n\n'
ERROR_EVENT = b"data: %b\n\n"
NO_HEAD = Script(events=(), has_head=False, end=End.SILENCE)


def by_status(status: int) -> Failure:
    """The usual error of an HTTP status."""
    return replace(ERRORS[BY_STATUS.get(status, "server")], status=status)


def failure(behaviour: Behaviour, dice: random.Random) -> Failure | None:
    """How this request is refused, if it is. An ``error`` that is kept for a stream's middle refuses nothing."""
    if behaviour.status is not None:
        return by_status(behaviour.status)
    if behaviour.error and behaviour.error_after is None:
        return ERRORS[behaviour.error]
    if behaviour.error_rate and dice.random() < behaviour.error_rate:
        return by_status(behaviour.error_status)
    return None


def refused(behaviour: Behaviour, dice: random.Random) -> Script | None:
    """What comes instead of a reply: a closed connection, silence, an error, or (None) nothing of the kind."""
    if behaviour.close:
        return replace(NO_HEAD, end=End.CUT, before_head_s=behaviour.ttft_ms / 1000)
    if behaviour.stall:
        return NO_HEAD
    why = failure(behaviour, dice)
    if why is None:
        return None
    return replace(refusal(why, behaviour.retry_after_s), before_head_s=behaviour.ttft_ms / 1000)


def refusal(why: Failure, retry_after_s: float | None = None) -> Script:
    """An error; Retry-After stands beside 429 and 503, in whole seconds and in milliseconds."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if retry_after_s is not None and why.status in (429, 503):
        headers = (
            (b"retry-after", b"%d" % math.ceil(retry_after_s)),
            (b"retry-after-ms", b"%d" % math.ceil(retry_after_s * 1000)),
        )
    return Script(events=(why.body(),), status=why.status, headers=headers)


def spoilt(script: Script, behaviour: Behaviour) -> Script:
    """The reply as the behaviour's faults leave it. Of those that end it early, one is played: the first in
    ``cut``, ``stall_after``, ``truncate``, ``error_after``.
    """
    if behaviour.body:
        kind = HTML if behaviour.body == "garbage" else JSON
        return replace(script, events=(BODIES[behaviour.body],), content_type=kind, paced=(0, 0))
    malformed = behaviour.malformed
    if malformed is not None:
        if script.is_stream:
            script = replace(script, events=(*script.events[:malformed], MALFORMED, *script.events[malformed + 1 :]))
        else:
            script = _truncated(script, malformed)
    if behaviour.cut is not None:
        return _broken_off(script, behaviour.cut, End.CUT)
    if behaviour.stall_after is not None:
        return _broken_off(script, behaviour.stall_after, End.SILENCE)
    if behaviour.truncate is not None:
        return _truncated(script, behaviour.truncate)
    if behaviour.error_after is not None:
        return _ended_by_error(script, behaviour.error_after, ERRORS[behaviour.error or "server"])
    return script


def _half(script: Script) -> tuple[bytes, ...]:
    body = script.events[0]
    return (body[: len(body) // 2],)


def _broken_off(script: Script, k: int, end: End) -> Script:
    """The first ``k`` events of a stream, or half of a whole body whose length was promised."""
    if script.is_stream:
        return replace(script, events=script.events[:k], end=end)
    return replace(script, events=_half(script), promised_bytes=len(script.events[0]), end=end)


def _truncated(script: Script, k: int) -> Script:
    """As if that were all: nothing in HTTP tells that something is missing."""
    return replace(script, events=script.events[:k] if script.is_stream else _half(script))


def _ended_by_error(script: Script, k: int, why: Failure) -> Script:
    if script.is_stream:
        return replace(script, events=(*script.events[:k], ERROR_EVENT % why.body()))
    return replace(script, events=(why.body(),))
