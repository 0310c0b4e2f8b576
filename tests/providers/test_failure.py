"""What every dialect shares in reading why a provider said no."""

from __future__ import annotations

import pytest

from gateway.core.errors import Reason
from gateway.core.exchange import HttpHead
from gateway.providers.failure import MAX_MESSAGE, by_status, refusal, relayed, retry_after_s


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, Reason.INVALID_REQUEST),
        (401, Reason.AUTH),
        (402, Reason.QUOTA),
        (404, Reason.NOT_FOUND),
        (409, Reason.CONFLICT),
        (413, Reason.TOO_LARGE),
        (418, Reason.INVALID_REQUEST),
        (422, Reason.INVALID_REQUEST),
        (429, Reason.RATE_LIMITED),
        (500, Reason.SERVER_ERROR),
        (503, Reason.OVERLOADED),
        (529, Reason.OVERLOADED),
        (599, Reason.SERVER_ERROR),
        (302, Reason.UNREADABLE),
    ],
)
def test_a_status_alone_says_this(status, reason):
    assert by_status(status) is reason


def test_secrets_are_struck_out_also_where_one_is_a_part_of_another_and_where_the_cut_would_be():
    assert relayed("key sk-abc-long and sk-abc", ["sk-abc", "sk-abc-long"], 99) == "key [redacted] and [redacted]"
    assert relayed("x" * 5 + "sk-secret", ["sk-secret"], 9) == "xxxxx[red"
    assert relayed("as it was", [""], 99) == "as it was"


def test_a_refusal_has_the_providers_words_but_not_about_our_credential():
    said = refusal(Reason.INVALID_REQUEST, 400, "bad " + "x" * 9_999, secrets=[], param="n", code="c")
    ours = refusal(Reason.AUTH, 401, "Incorrect API key sk-…cret", secrets=[])

    assert (said.message[:4], len(said.message), said.param, said.code) == ("bad ", MAX_MESSAGE, "n", "c")
    assert "cret" not in ours.message
    assert refusal(Reason.SERVER_ERROR, 500, "", secrets=[]).message == "the provider answered 500"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([(b"retry-after", b"7")], 7.0),
        ([(b"retry-after-ms", b"250"), (b"retry-after", b"7")], 0.25),
        ([(b"retry-after-ms", b"0"), (b"retry-after", b"7")], 7.0),
        ([(b"retry-after", b"Wed, 21 Oct 2026 07:28:00 GMT")], None),
        ([(b"retry-after", b"nan")], None),
        ([(b"retry-after", b"1e99")], None),
        ([(b"retry-after", b"-1")], None),
        ([], None),
    ],
)
def test_the_wait_that_a_provider_asks_for_is_in_seconds(headers, seconds):
    assert retry_after_s(HttpHead(429, headers)) == seconds
