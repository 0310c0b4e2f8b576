"""An account, as dialects use it."""

from __future__ import annotations

from tests.providers.calls import account


def test_secrets_are_the_key_and_the_configurations_headers_but_no_words():
    found = account(api_key="sk-secret", headers={"x-key": "another-secret", "x-mode": "fast"})

    assert found.secrets == ("sk-secret", "another-secret")
    assert "secret" not in repr(found)


def test_the_configurations_headers_go_before_the_dialects_own():
    found = account(headers={"X-Api-Key": "theirs", "x-team": "a"})

    assert found.headers_over({"x-api-key": "ours", "accept": "*/*"}) == (
        (b"x-api-key", b"theirs"),
        (b"accept", b"*/*"),
        (b"x-team", b"a"),
    )
