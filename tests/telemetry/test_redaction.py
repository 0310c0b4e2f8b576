from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.redaction import redact

MARKER = "mArKeR0123456789"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {MARKER}",
        f"authorization: bearer   {MARKER}, next",
        f"(b'authorization', b'Bearer {MARKER}')",
        f'{{"Authorization": "Bearer {MARKER}"}}',
        f"Authorization: Basic {MARKER}==",
        f"authorization: {MARKER}",
        f"api-key: {MARKER}",
        f"(b'x-api-key', b'{MARKER}')",
        f"{{'api_key': '{MARKER}'}}",
        f"x-goog-api-key: {MARKER}",
        f"API_KEY={MARKER}",
        f"Account(api_key='{MARKER}', region=None)",
        f"SecretAccessKey={MARKER}".replace("SecretAccessKey", "secret_access_key"),
        f"password={MARKER}",
        f"redis://user:{MARKER}@cache:6379/0",
        f"rediss://:{MARKER}@cache",
        f"GET https://host/v1beta/models?alt=sse&key={MARKER}&x=1",
        f"sk-{MARKER}",
        f"sk-ant-api03-{MARKER}-{MARKER}",
        f"Incorrect API key provided: sk-sl-abc-{MARKER}.",
        f"gsk_{MARKER} xai-{MARKER} hf_{MARKER} pplx-{MARKER}",
        f"AIza{MARKER}",
        f"AKIA{MARKER}",
        f"eyJhbGciOi.{MARKER}.x",
    ],
)
def test_what_looks_like_a_credential_is_taken_out(text):
    assert MARKER not in redact(text)
    assert "[redacted]" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "provider openai answered 401: the key is not valid",
        "key 'ci' of team research may not use gpt-5-mini",
        "http://127.0.0.1:8080/v1/chat/completions?alt=sse",
        "https://example.com:443/a@b",
        "basic auth is off; bearer tokens only",
        "monkey=banana",
        "task-force-of-nine asked for desk-lamps",
        "",
    ],
)
def test_ordinary_words_are_left_alone(text):
    assert redact(text) == text


@given(st.text())
def test_redacting_twice_changes_nothing_more(text):
    once = redact(text)
    assert redact(once) == once
