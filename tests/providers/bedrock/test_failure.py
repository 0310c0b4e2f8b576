"""Why Bedrock said no."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpHead
from tests.providers.bedrock.asking import bedrock

CORAL = "http://internal.amazon.com/coral/com.amazon.bedrock/"


def failure(status: int, name: str = "", message: str = "", body: bytes | None = None, **headers: str) -> UpstreamError:
    fields = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
    if name:
        fields.append((b"x-amzn-errortype", name.encode()))
    given = json.dumps({"message": message}).encode() if body is None else body
    return bedrock().failure(HttpHead(status, fields), given)


@pytest.mark.parametrize(
    ("status", "name", "reason"),
    [
        (429, "ThrottlingException", Reason.RATE_LIMITED),
        (429, f"ThrottlingException:{CORAL}", Reason.RATE_LIMITED),
        (429, "ModelNotReadyException", Reason.OVERLOADED),
        (408, "ModelTimeoutException", Reason.SERVER_ERROR),
        (424, "ModelErrorException", Reason.SERVER_ERROR),
        (500, "InternalServerException", Reason.SERVER_ERROR),
        (503, "ServiceUnavailableException", Reason.OVERLOADED),
        (400, "ServiceQuotaExceededException", Reason.QUOTA),
        (403, "AccessDeniedException", Reason.AUTH),
        (403, "ExpiredTokenException", Reason.AUTH),
        (403, "UnrecognizedClientException", Reason.AUTH),
        (403, "InvalidSignatureException", Reason.AUTH),
        (404, "ResourceNotFoundException", Reason.NOT_FOUND),
        (400, "ValidationException", Reason.INVALID_REQUEST),
        (429, "", Reason.RATE_LIMITED),
        (500, "", Reason.SERVER_ERROR),
        (503, "", Reason.OVERLOADED),
        (403, "", Reason.AUTH),
        (413, "", Reason.TOO_LARGE),
        (502, "ThrottlingException", Reason.SERVER_ERROR),
        (400, "SomethingNewException", Reason.INVALID_REQUEST),
    ],
)
def test_the_exception_s_name_tells_and_else_the_status(status, name, reason):
    error = failure(status, name, "no")
    assert (error.reason, error.status) == (reason, status)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Input is too long for requested model.", Reason.CONTEXT_LENGTH),
        ("The model returned the following errors: prompt is too long: 2 > 1 maximum", Reason.CONTEXT_LENGTH),
        ("input length and `max_tokens` exceed context limit: 1 + 2 > 2", Reason.CONTEXT_LENGTH),
        ("Too many input tokens. Max input tokens: 8192", Reason.CONTEXT_LENGTH),
        ("The provided model identifier is invalid.", Reason.NOT_FOUND),
        ("Invocation of model ID a.b with on-demand throughput isn't supported.", Reason.NOT_FOUND),
        ("This request has been blocked by our content filters.", Reason.CONTENT_FILTER),
        ("messages: roles must alternate", Reason.INVALID_REQUEST),
    ],
)
def test_a_validation_s_words_tell(message, reason):
    error = failure(400, f"ValidationException:{CORAL}", message)
    assert (error.reason, error.message) == (reason, message)


@pytest.mark.parametrize(
    "message", ["Operation not allowed", "Your account is not authorized to invoke this API operation."]
)
def test_an_account_that_may_not_call_at_all_is_no_fault_of_the_request(message):
    assert failure(400, "ValidationException", message).reason is Reason.AUTH


def test_the_name_may_stand_in_the_body():
    body = json.dumps({"__type": "com.amazon.coral.service#ThrottlingException", "Message": "slow down"}).encode()
    error = failure(400, body=body)
    assert (error.reason, error.message) == (Reason.RATE_LIMITED, "slow down")


def test_a_model_that_the_account_may_not_use_is_told_as_such():
    words = "You don't have access to the model with the specified model ID."
    assert failure(403, "AccessDeniedException", words).reason is Reason.NOT_FOUND


def test_what_is_said_of_the_credential_stays_here():
    error = failure(403, "UnrecognizedClientException", "The security token AKIA123 is invalid.")
    assert "AKIA" not in error.message
    assert "sk-secret" not in failure(400, "ValidationException", "bad: sk-secret").message


def test_retry_after_is_read():
    assert failure(429, "ThrottlingException", retry_after="7").retry_after_s == 7


@given(st.integers(300, 599), st.text(max_size=40), st.binary(max_size=60))
def test_any_refusal_is_an_error(status, name, body):
    head = HttpHead(status, [(b"x-amzn-errortype", name.encode())])
    assert isinstance(bedrock().failure(head, body), UpstreamError)
