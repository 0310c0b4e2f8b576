"""Why Anthropic said no, in one closed set of reasons."""

from __future__ import annotations

import json

import pytest

from gateway.core.errors import Reason
from gateway.core.exchange import HttpHead
from tests.providers.anthropic.asking import speaker


def failed(status, error, **headers):
    head = HttpHead(status, [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])
    body = error if isinstance(error, bytes) else json.dumps({"type": "error", "error": error}).encode()
    return speaker().failure(head, body)


def says(type, message="…", **more):
    return {"type": type, "message": message, **more}


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (400, says("invalid_request_error", "max_tokens: 0"), Reason.INVALID_REQUEST),
        (400, says("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), Reason.CONTEXT_LENGTH),
        (
            400,
            says("invalid_request_error", "input length and `max_tokens` exceed context limit: 9 > 8"),
            Reason.CONTEXT_LENGTH,
        ),
        (400, says("invalid_request_error", "Your credit balance is too low to access the API"), Reason.QUOTA),
        (400, says("invalid_request_error", "You have reached your specified API usage limits."), Reason.QUOTA),
        (400, says("invalid_request_error", "Output blocked by content filtering policy"), Reason.CONTENT_FILTER),
        (400, says("invalid_request_error", "This organization has been disabled."), Reason.AUTH),
        (401, says("authentication_error"), Reason.AUTH),
        (402, says("billing_error"), Reason.QUOTA),
        (403, says("permission_error"), Reason.AUTH),
        (404, says("not_found_error", "model: x"), Reason.NOT_FOUND),
        (409, says("conflict_error"), Reason.CONFLICT),
        (413, says("request_too_large"), Reason.TOO_LARGE),
        (413, b"<html>too large</html>", Reason.TOO_LARGE),
        (429, says("rate_limit_error"), Reason.RATE_LIMITED),
        (429, says("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}), Reason.QUOTA),
        (500, says("api_error"), Reason.SERVER_ERROR),
        (504, says("timeout_error"), Reason.SERVER_ERROR),
        (529, says("overloaded_error"), Reason.OVERLOADED),
        (503, says("overloaded_error"), Reason.OVERLOADED),
        (500, says("invalid_request_error"), Reason.SERVER_ERROR),
        (418, says("brand_new_error"), Reason.INVALID_REQUEST),
        (302, b"", Reason.UNREADABLE),
    ],
)
def test_type_words_and_status_tell_the_reason(status, error, reason):
    found = failed(status, error)

    assert (found.reason, found.status) == (reason, status)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[1]", b'{"error": 7}', b'{"error": {"type": 7, "message": []}}', b"\xff"]
)
def test_a_body_that_says_nothing_leaves_the_status(body):
    found = failed(502, body)

    assert found.reason is Reason.SERVER_ERROR
    assert "502" in found.message


def test_how_long_to_wait_is_read():
    assert failed(429, says("rate_limit_error"), retry_after="7").retry_after_s == 7


def test_the_words_are_relayed_without_the_key():
    assert failed(400, says("invalid_request_error", "odd sk-ant-secret")).message == "odd [redacted]"
    assert "x-api-key" not in failed(401, says("authentication_error", "invalid x-api-key sk-ant-…")).message
