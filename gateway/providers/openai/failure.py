"""Why an OpenAI-like provider said no: status, code and, where they don't tell, its words -> a Reason.

Its own words go on to the client where they speak of the request. What it says of our credential stays here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from gateway.core.body import NOT_JSON
from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpHead
from gateway.providers.failure import by_status, refusal, retry_after_s
from gateway.providers.raw import is_given, said

BREAKS = frozenset({"error", "network_error", "insufficient_system_resource"})
"""Finish reasons of OpenRouter and Mistral, Z.AI, DeepSeek: no end, but a fault of theirs in mid-reply."""

_BY_CODE = {
    "insufficient_quota": Reason.QUOTA,
    "billing_hard_limit_reached": Reason.QUOTA,
    "context_length_exceeded": Reason.CONTEXT_LENGTH,
    "exceed_context_size_error": Reason.CONTEXT_LENGTH,  # llama.cpp's type
    "content_filter": Reason.CONTENT_FILTER,
    "content_policy_violation": Reason.CONTENT_FILTER,
    "moderation_blocked": Reason.CONTENT_FILTER,
    # Azure's, https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
    "contentFilter": Reason.CONTENT_FILTER,
    "ResponsibleAIPolicyViolation": Reason.CONTENT_FILTER,
    "OperationNotSupported": Reason.NOT_FOUND,  # this deployment's model is for something else
    "unknown_model": Reason.NOT_FOUND,
    "not_supported_error": Reason.NOT_FOUND,  # llama.cpp's, of a server that was started without it
    "rate_limit_exceeded": Reason.RATE_LIMITED,
    "overloaded_error": Reason.OVERLOADED,
}
# Ollama, vLLM, Together and others have no code for it. Seen in their replies and sources.
_CONTEXT_LENGTH = re.compile(
    r"max(?:imum)? context|context[ _](?:length|size|window)|prompt (?:is )?too long|too many tokens",
    re.IGNORECASE,
)
# xAI and Z.AI have no status of its own for it.
_QUOTA = re.compile(
    r"insufficient (?:balance|credits?|funds)|(?:any|no|out of) credits|exceeded your (?:monthly|current)",
    re.IGNORECASE,
)

# xAI answers a wrong key with a 400.
_KEY = re.compile(r"^(?:incorrect|invalid) api key|^api key (?:is )?(?:not valid|invalid)", re.IGNORECASE)


class _Words:
    """What an error body says, whichever of the shapes it has: ``{"error": {…}}``, ``{"error": "…"}`` or bare."""

    def __init__(self, given: Any) -> None:
        inner = given.get("error") if isinstance(given, dict) else None
        fields = inner if isinstance(inner, dict) else given if isinstance(given, dict) else {}
        self.message = inner if isinstance(inner, str) else _text(fields.get("message"))
        self.code = _text(fields.get("code"))
        self.type = _text(fields.get("type"))
        # Azure's second opinion, in two spellings.
        inner = fields.get("innererror", fields.get("inner_error"))
        self.inner = _text(inner.get("code")) if isinstance(inner, dict) else ""
        self.param = _text(fields.get("param"))
        # OpenRouter's: what the provider behind it said, and why it refused to ask one.
        metadata = fields.get("metadata")
        if isinstance(metadata, dict):
            self.message = " ".join(filter(None, (self.message, _text(metadata.get("raw")))))
            self.code = "content_filter" if isinstance(metadata.get("reasons"), list) else self.code
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


def broken_off(finish: str, error: Any, *, secrets: Sequence[str]) -> UpstreamError:
    """The error for a choice that ended in ``finish``, one of BREAKS; ``error`` is the provider's, if it gave one."""
    return failure_in_reply(error or f"the provider broke the reply off: {finish}", secrets=secrets)


class _Reply(Protocol):
    error: msgspec.Raw


_R = TypeVar("_R", bound=_Reply)


def read_whole(decode: Callable[[bytes], _R], body: bytes, secrets: Sequence[str]) -> _R:
    """A whole reply, decoded. Raises UpstreamError for one that can't be read, or is an error for all its 200."""
    try:
        reply = decode(body)
    except NOT_JSON as error:
        raise unreadable(body) from error
    if is_given(reply.error):
        raise failure_in_reply(said(reply.error), secrets=secrets)
    return reply


def unreadable(data: bytes) -> UpstreamError:
    """The error for a reply, or a frame of one, that is not what it should be."""
    text = data.strip()
    what = "what is no reply in OpenAI's format" if text else "an empty reply"
    return UpstreamError(Reason.UNREADABLE, f"the provider sent {'null' if text == b'null' else what}")


def _error(status: int, words: _Words, retry_after: float | None, secrets: Sequence[str]) -> UpstreamError:
    reason = _reason(status, words)
    return refusal(
        reason,
        status,
        words.message,
        secrets=secrets,
        retry_after_s=retry_after,
        param=words.param,
        code=words.code,
    )


def _reason(status: int, words: _Words) -> Reason:
    told = _BY_CODE.get(words.code) or _BY_CODE.get(words.inner) or _BY_CODE.get(words.type)
    if status == 400 and told is None and _KEY.search(words.message):
        return Reason.AUTH
    if status in (400, 413, 422) and told is None and _CONTEXT_LENGTH.search(words.message):
        return Reason.CONTEXT_LENGTH
    if status in (403, 429) and told is None and _QUOTA.search(words.message):
        return Reason.QUOTA
    if told is not None and (status in (400, 413, 422, 429) or status >= 500 or told is Reason.CONTENT_FILTER):
        return told
    return by_status(status)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""
