"""Why a provider said no, in one closed set of reasons."""

from __future__ import annotations

import json

import pytest

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpHead
from gateway.core.types import Endpoint
from gateway.providers import registry
from tests.providers.calls import TARGET, account, json_call


def failed(status, body, **headers):
    head = HttpHead(status, [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return registry.dialect(account()).failure(head, raw)


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (400, {"message": "bad n", "param": "n"}, Reason.INVALID_REQUEST),
        (422, {"message": "extra fields"}, Reason.INVALID_REQUEST),
        (400, {"message": "…", "code": "context_length_exceeded"}, Reason.CONTEXT_LENGTH),
        (400, {"message": "request (2009 tokens) exceeds the available context size"}, Reason.CONTEXT_LENGTH),
        (400, {"message": "prompt too long; exceeded max context length by 7 tokens"}, Reason.CONTEXT_LENGTH),
        (400, {"message": "…", "code": "content_filter"}, Reason.CONTENT_FILTER),
        (400, {"message": "…", "code": "content_policy_violation"}, Reason.CONTENT_FILTER),
        (401, {"message": "…"}, Reason.AUTH),
        (402, {"message": "no credit"}, Reason.QUOTA),
        (403, {"message": "…"}, Reason.AUTH),
        (404, {"message": "…", "code": "DeploymentNotFound"}, Reason.NOT_FOUND),
        (408, {"message": "…"}, Reason.CONFLICT),
        (409, {"message": "…"}, Reason.CONFLICT),
        (413, {"message": "…"}, Reason.TOO_LARGE),
        (429, {"message": "…"}, Reason.RATE_LIMITED),
        (429, {"message": "…", "code": "insufficient_quota"}, Reason.QUOTA),
        (500, {"message": "…", "type": "server_error"}, Reason.SERVER_ERROR),
        (503, {"message": "…"}, Reason.OVERLOADED),
        (529, {"message": "…", "type": "overloaded_error"}, Reason.OVERLOADED),
        (302, {}, Reason.UNREADABLE),
    ],
)
def test_status_and_code_tell_the_reason(status, error, reason):
    assert failed(status, {"error": error}).reason is reason


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "slow down"}},
        {"error": "slow down", "code": "x"},
        {"object": "error", "message": "slow down", "code": "1300"},
    ],
)
def test_the_words_are_found_in_every_shape(body):
    assert failed(429, body).message == "slow down"


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"null", b"[1]", b'{"error":7}', b"\xff"])
def test_a_body_that_says_nothing_leaves_the_status(body):
    error = failed(502, body)

    assert (error.reason, error.status) == (Reason.SERVER_ERROR, 502)
    assert "502" in error.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "3"}, 3),
        ({"retry_after": "1", "retry_after_ms": "660"}, 0.66),
        ({"retry_after": "1", "retry_after_ms": "0"}, 1),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_seconds(headers, seconds):
    assert failed(429, {}, **headers).retry_after_s == seconds


def test_what_a_provider_says_of_our_key_stays_here():
    error = failed(401, {"error": {"message": "Incorrect API key provided: sk-sec****ret"}})

    assert "sk-" not in error.message


def test_a_key_that_a_provider_echoes_elsewhere_is_struck_out():
    assert "sk-secret" not in failed(400, {"error": {"message": "header 'Bearer sk-secret' is odd"}}).message


@pytest.mark.parametrize("padding", [0, 1_970, 1_985, 1_999])
def test_a_key_that_the_bound_on_a_message_would_cut_is_struck_out_before(padding):
    message = failed(400, {"error": {"message": "x" * padding + "Bearer sk-secret"}}).message

    assert "sk-se" not in message
    assert len(message) <= 2_000


def test_a_key_is_struck_out_of_param_and_code_and_a_header_that_is_a_key_as_well():
    dialect = registry.dialect(account(headers={"x-gateway-auth": "team-token-1"}))
    said = {"error": {"message": "no team-token-1", "param": "sk-secret", "code": "bad team-token-1"}}

    error = dialect.failure(HttpHead(400, []), json.dumps(said).encode())

    assert (error.message, error.param, error.code) == ("no [redacted]", "[redacted]", "bad [redacted]")


@pytest.mark.parametrize(
    ("endpoint", "stream"), [("chat/completions", False), ("chat/completions", True), ("images/edits", True)]
)
def test_a_key_that_is_echoed_within_a_success_is_struck_out(endpoint, stream):
    call = json_call({}, Endpoint(endpoint), stream=stream)
    head = HttpHead(200, [(b"content-type", b"text/event-stream" if stream else b"application/json")])
    body = b'{"error":{"message":"boom: Bearer sk-secret"}}'

    with pytest.raises(UpstreamError) as caught:
        registry.dialect(account()).decoder(call, TARGET, head).decode(b"data: " + body + b"\n\n" if stream else body)

    assert caught.value.message == "boom: Bearer [redacted]"


def test_the_providers_param_and_code_go_on_to_the_client():
    error = failed(400, {"error": {"message": "m", "param": "n", "code": "bad_n"}})

    assert (error.param, error.code) == ("n", "bad_n")


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        # Ollama: https://github.com/ollama/ollama/blob/main/openai/openai.go
        (404, {"error": {"message": "model 'x' not found", "type": "not_found_error"}}, Reason.NOT_FOUND),
        (404, {"error": "model 'x' not found, try pulling it first"}, Reason.NOT_FOUND),
        (400, {"error": {"message": "registry.test/x does not support tools"}}, Reason.INVALID_REQUEST),
        # llama.cpp: https://github.com/ggml-org/llama.cpp/tree/master/tools/server#api-errors
        (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, Reason.OVERLOADED),
        (
            501,
            {"error": {"code": 501, "message": "This server does not support it", "type": "not_supported_error"}},
            Reason.NOT_FOUND,
        ),
        (
            500,
            {"error": {"code": 500, "message": "the context size was exceeded", "type": "exceed_context_size_error"}},
            Reason.CONTEXT_LENGTH,
        ),
        (401, {"error": {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}}, Reason.AUTH),
        # vLLM
        (
            400,
            {
                "object": "error",
                "message": "This model's maximum context length is 8192 tokens.",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            },
            Reason.CONTEXT_LENGTH,
        ),
        # Accounts without money, which have no status of their own at Z.AI and xAI.
        (429, {"error": {"code": "1113", "message": "Insufficient balance or no resource package."}}, Reason.QUOTA),
        (403, {"code": "x", "error": "Your team doesn't have any credits yet."}, Reason.QUOTA),
        (400, {"code": "x", "error": "Incorrect API key provided: sk***ey. You can obtain one."}, Reason.AUTH),
        (429, {"error": {"code": "1305", "message": "The service may be overloaded"}}, Reason.RATE_LIMITED),
    ],
)
def test_lookalikes_words_are_told_apart(status, body, reason):
    assert failed(status, body).reason is reason
