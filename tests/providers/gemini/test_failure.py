from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Reason
from gateway.core.exchange import HttpHead
from tests.providers.gemini.asked import KEY, gemini

PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"


def failure(status, body, *headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return gemini().failure(HttpHead(status, headers), data)


def status(code, name, message="No", *details):
    return {"error": {"code": code, "message": message, "status": name, "details": list(details)}}


def quota(id):
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": id}]}


def info(reason):
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}


def retry(delay):
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


@pytest.mark.parametrize(
    ("code", "body", "reason"),
    [
        (400, status(400, "INVALID_ARGUMENT"), Reason.INVALID_REQUEST),
        (400, status(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."), Reason.AUTH),
        (400, status(400, "INVALID_ARGUMENT", "No", info("API_KEY_INVALID")), Reason.AUTH),
        (
            400,
            status(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
            Reason.AUTH,
        ),
        (400, status(400, "FAILED_PRECONDITION", "Precondition check failed."), Reason.INVALID_REQUEST),
        (
            400,
            status(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens (8)."),
            Reason.CONTEXT_LENGTH,
        ),
        (
            400,
            status(400, "INVALID_ARGUMENT", "the input token count is 9 but model only supports up to 8"),
            Reason.CONTEXT_LENGTH,
        ),
        (
            400,
            status(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 9 bytes."),
            Reason.TOO_LARGE,
        ),
        (
            400,
            status(400, "INVALID_ARGUMENT", "The prompt violates Google's Responsible AI practices."),
            Reason.CONTENT_FILTER,
        ),
        (401, status(401, "UNAUTHENTICATED"), Reason.AUTH),
        (403, status(403, "PERMISSION_DENIED"), Reason.AUTH),
        (
            403,
            status(403, "PERMISSION_DENIED", "CachedContent not found (or denied)"),
            Reason.INVALID_REQUEST,
        ),
        (404, status(404, "NOT_FOUND"), Reason.NOT_FOUND),
        (429, status(429, "RESOURCE_EXHAUSTED"), Reason.RATE_LIMITED),
        (429, status(429, "RESOURCE_EXHAUSTED", "No", quota(PER_MINUTE)), Reason.RATE_LIMITED),
        (429, status(429, "RESOURCE_EXHAUSTED", "No", quota(PER_DAY)), Reason.QUOTA),
        (429, status(429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: m, limit: 0, model: x"), Reason.QUOTA),
        (429, status(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), Reason.QUOTA),
        (499, status(499, "CANCELLED"), Reason.CONFLICT),
        (500, status(500, "INTERNAL"), Reason.SERVER_ERROR),
        (503, status(503, "UNAVAILABLE"), Reason.OVERLOADED),
        (504, status(504, "DEADLINE_EXCEEDED"), Reason.SERVER_ERROR),
        (503, [status(503, "UNAVAILABLE")], Reason.OVERLOADED),
        (502, b"<html>Bad Gateway</html>", Reason.SERVER_ERROR),
        (404, b"", Reason.NOT_FOUND),
    ],
)
def test_a_status_and_its_details_are_a_reason(code, body, reason):
    assert failure(code, body).reason is reason


@pytest.mark.parametrize(
    ("delay", "seconds"), [("48s", 48.0), ("0.5s", 0.5), ("1.939935699s", 1.939935699), ("0s", None), ("soon", None)]
)
def test_google_says_in_the_body_when_to_come_back(delay, seconds):
    assert failure(429, status(429, "RESOURCE_EXHAUSTED", "No", retry(delay))).retry_after_s == seconds


def test_a_header_says_it_too():
    assert failure(503, status(503, "UNAVAILABLE"), (b"retry-after", b"3")).retry_after_s == 3.0


def test_words_are_relayed_without_the_key():
    error = failure(400, status(400, "INVALID_ARGUMENT", f"bad field in request with {KEY}"))
    assert error.message == "bad field in request with [redacted]"
    assert KEY not in failure(403, status(403, "PERMISSION_DENIED", KEY)).message


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "status", "message", "details", "@type", "violations", "reason"]), inner
        )
    ),
    max_leaves=20,
)


@given(st.integers(300, 599), _json)
def test_any_body_is_an_error_of_ours(code, body):
    assert isinstance(failure(code, body).reason, Reason)
