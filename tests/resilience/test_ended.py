"""What a client is told after the last attempt."""

from __future__ import annotations

import pytest

from gateway.core.errors import AttemptsFailed, Reason, RequestRefused
from gateway.resilience.course import Failure
from gateway.resilience.ended import ended
from tests.resilience.targets import error, target


def failures(*errors):
    return [Failure(target("abcdef"[number]), each) for number, each in enumerate(errors)]


@pytest.mark.parametrize(
    ("reasons", "status", "code"),
    [
        ([Reason.CONNECT], 502, "upstream_error"),
        ([Reason.SERVER_ERROR, Reason.FIRST_BYTE_TIMEOUT], 504, "upstream_timeout"),
        ([Reason.FIRST_BYTE_TIMEOUT, Reason.SERVER_ERROR], 502, "upstream_error"),
        ([Reason.TOTAL_TIMEOUT], 504, "upstream_timeout"),
        ([Reason.RATE_LIMITED, Reason.PROVIDER_LIMIT], 429, "rate_limit_exceeded"),
        ([Reason.RATE_LIMITED, Reason.QUOTA], 429, "rate_limit_exceeded"),
        ([Reason.QUOTA], 502, "upstream_error"),
        ([Reason.AUTH], 502, "upstream_error"),
        ([Reason.RATE_LIMITED, Reason.SERVER_ERROR], 502, "upstream_error"),
        ([Reason.SERVER_ERROR, Reason.UNSUPPORTED], 502, "upstream_error"),
        ([Reason.UNSUPPORTED, Reason.PROVIDER_LIMIT], 429, "rate_limit_exceeded"),
        ([Reason.FIRST_BYTE_TIMEOUT, Reason.UNSUPPORTED], 504, "upstream_timeout"),
    ],
)
def test_the_reasons_make_the_status(reasons, status, code):
    found = ended(failures(*(error(reason) for reason in reasons)))

    assert isinstance(found, AttemptsFailed)
    assert (found.status, found.code) == (status, code)


def test_each_attempt_is_named_with_its_target_and_reason():
    found = ended(failures(error(Reason.CONNECT), error(Reason.SERVER_ERROR, status=503)))

    assert "a/s: connect (it was connect)" in found.message
    assert "b/s: server_error 503 (it was server_error)" in found.message


def test_the_soonest_retry_after_is_handed_on():
    found = ended(failures(error(Reason.RATE_LIMITED, retry_after_s=9), error(Reason.RATE_LIMITED, retry_after_s=2.5)))

    assert dict(found.headers) == {"retry-after": "3", "retry-after-ms": "2500"}


@pytest.mark.parametrize(
    ("reason", "status", "answered", "code"),
    [
        (Reason.CONTEXT_LENGTH, 400, 400, "context_length_exceeded"),
        (Reason.CONTEXT_LENGTH, 500, 400, "context_length_exceeded"),
        (Reason.TOO_LARGE, 413, 413, "request_too_large"),
        (Reason.CONTENT_FILTER, 400, 400, "content_filter"),
    ],
)
def test_what_the_client_can_mend_it_is_told(reason, status, answered, code):
    found = ended(failures(error(Reason.SERVER_ERROR), error(reason, status=status)))

    assert isinstance(found, RequestRefused)
    assert (found.status, found.code) == (answered, code)


def test_a_larger_target_that_only_failed_may_serve_the_next_time():
    found = ended(failures(error(Reason.CONTEXT_LENGTH, status=400), error(Reason.SERVER_ERROR)))

    assert (found.status, found.code) == (502, "upstream_error")


def test_what_no_target_can_say_is_the_clients_to_mend_and_names_the_last_ones_field():
    found = ended(failures(*(error(Reason.UNSUPPORTED, param=param, code="unsupported_value") for param in "xy")))

    assert isinstance(found, RequestRefused)
    assert (found.status, found.param, found.code) == (400, "y", "unsupported_value")
