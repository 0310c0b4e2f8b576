"""The one tree of errors.

    SluiceError
    ├── CallError                 ends a client's call; knows its status and OpenAI code. By itself 500
    │   ├── InvalidRequest        400
    │   ├── TooLarge              413
    │   ├── MethodNotAllowed      405
    │   ├── UploadStalled         408
    │   ├── InvalidKey            401
    │   ├── Forbidden             403  model_not_allowed, region_not_allowed, invalid_link, link_expired
    │   ├── NotFound              404  no such path
    │   ├── ModelNotFound         404
    │   ├── LimitExceeded         429  rate_limit_exceeded
    │   ├── BudgetExhausted       429  insufficient_quota
    │   ├── RequestRefused        400, 413, 422: the provider's own words, relayed
    │   ├── NoTarget              503  no_target_available
    │   └── AttemptsFailed        502, 504, 429: after the last attempt
    ├── UpstreamError             ends one attempt; knows its reason, from which failover decides
    ├── StoreUnavailable          the store of shared counters can't answer now
    │   ├── StoreTimedOut         it did not answer in time; it may yet do what it was asked
    │   └── StoreUnfit            it answers, but will not serve us as it is: only a change by hand helps
    ├── Conflict                  a record was changed by somebody else meanwhile, or its name is taken
    ├── NotKept                   a picture can't be kept in the media store
    └── ConfigError               the configuration can't be used; every problem at once

Foreign exceptions are turned into these at the borders (``wire``, ``edge``, ``settings``) and nowhere else.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec


class SluiceError(Exception):
    """The root; never raised itself."""


class CallError(SluiceError):
    """Ends a client's call with an OpenAI error object. ``headers`` are sent beside it."""

    status = 500
    type = "api_error"
    code: str | None = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or self.code
        self.headers = tuple(headers)

    def body(self) -> bytes:
        """The OpenAI error object as JSON."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return msgspec.json.encode({"error": error})


class InvalidRequest(CallError):
    """The request can't be understood; ``param`` names the field."""

    status = 400
    type = "invalid_request_error"


class TooLarge(CallError):
    status = 413
    type = "invalid_request_error"
    code = "request_too_large"


class MethodNotAllowed(CallError):
    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class UploadStalled(CallError):
    """The client began its request's body and did not go on."""

    status = 408
    type = "invalid_request_error"
    code = "request_timeout"


class InvalidKey(CallError):
    """No key, or one that is unknown, expired or revoked. The message never repeats it."""

    status = 401
    type = "invalid_request_error"
    code = "invalid_api_key"


class Forbidden(CallError):
    """The key is good, but may not do this: ``model_not_allowed`` or ``region_not_allowed``; or a link to a picture is
    not: ``invalid_link`` or ``link_expired``.
    """

    status = 403
    type = "invalid_request_error"


class NotFound(CallError):
    """There is nothing at this path."""

    status = 404
    type = "invalid_request_error"
    code = "not_found"


class ModelNotFound(CallError):
    status = 404
    type = "invalid_request_error"
    code = "model_not_found"


class LimitExceeded(CallError):
    """A rate or a concurrency is used up for now."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class BudgetExhausted(CallError):
    """Money is used up until the window's end: asking again won't help."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"


class RequestRefused(CallError):
    """The provider says that the request itself is wrong; no other target would take it. Its words are relayed."""

    type = "invalid_request_error"

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message, param=param, code=code)
        self.status = status


class NoTarget(CallError):
    """No target can serve this call; the message says why for each."""

    status = 503
    type = "api_error"
    code = "no_target_available"


RETRY_SOON = (("retry-after", "1"),)
"""For whoever is turned away by what passes: a store or a directory that can't be reached now."""


class AttemptsFailed(CallError):
    """Every target that might have served the call was tried and failed; names each with its reason."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        type: str,
        code: str,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message, code=code, headers=headers)
        self.status = status
        self.type = type


class Reason(enum.StrEnum):
    """Why an attempt failed: a closed set, fit for a metric's label."""

    CONNECT = "connect"
    """No connection: refused, unreachable, name not found, TLS."""
    CONNECT_TIMEOUT = "connect_timeout"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    IDLE_TIMEOUT = "idle_timeout"
    TOTAL_TIMEOUT = "total_timeout"
    CLOSED = "closed"
    """The connection broke before the reply was whole."""
    PROTOCOL = "protocol"
    """What came was no valid HTTP, or passed a bound on it."""
    UNREADABLE = "unreadable"
    """Valid HTTP, but no reply of this dialect: null, not JSON, cut short."""
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    """The account behind the provider has no money left."""
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    AUTH = "auth"
    """The provider does not take our credential."""
    NOT_FOUND = "not_found"
    """The provider does not know the upstream model."""
    INVALID_REQUEST = "invalid_request"
    TOO_LARGE = "too_large"
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTER = "content_filter"
    CONFLICT = "conflict"
    """408 and 409: the same request may well pass the next time."""
    UNSUPPORTED = "unsupported"
    """Nothing was sent: the provider's format can't say what the call asks."""
    PROVIDER_LIMIT = "provider_limit"
    """Nothing was sent: a limit or budget that the configuration sets on this provider is used up."""


NOTHING_SENT = frozenset({Reason.UNSUPPORTED, Reason.PROVIDER_LIMIT})
"""The reasons of attempts that were none: the provider never heard of them."""


class UpstreamError(SluiceError):
    """One attempt failed. ``message`` is fit for a client: what happened, no secret.

    ``status`` is the provider's HTTP status if it gave one, ``retry_after_s`` what it asked for. ``param`` and
    ``code`` are its own words for what is wrong with the request.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s
        self.param = param
        self.code = code


def unsupported(param: str, message: str) -> UpstreamError:
    """A provider's format can't say what the request's field ``param`` asks. ``message`` says what and whose."""
    return UpstreamError(Reason.UNSUPPORTED, message, param=param, code="unsupported_value")


class StoreUnavailable(SluiceError):
    """The store can't answer now. What that means for a call is for the declared policy to say."""


class StoreTimedOut(StoreUnavailable):
    """No answer within the deadline. A single one says little; a refused connection says all."""


class StoreUnfit(StoreUnavailable):
    """It answers, and refuses for good: a wrong password, a wrong database, no Redis at all. Says what to do."""


class Conflict(SluiceError):
    """A record is not as the change supposes, or its name is taken. What it says is fit for a client."""


class NotKept(SluiceError):
    """A picture can't be kept in the media store; nothing of it is left there. What it says is fit for a client."""


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong in a configuration: where, what, and what to do."""

    file: str
    line: int | None
    path: str
    """Where in the document, ``models.gpt-5-mini.targets.0.provider``."""
    what: str
    fix: str = ""
    is_warning: bool = False

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        level = "warning" if self.is_warning else "error"
        return f"{place}: {level}: {self.path}: {self.what}" + (f"\n    fix: {self.fix}" if self.fix else "")


class ConfigError(SluiceError):
    """The configuration can't be used. Carries every problem found, not just the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)
