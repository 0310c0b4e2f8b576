"""``calls``: where they are written down, and whose content."""

from __future__ import annotations

import pytest

from gateway.settings.shown import redacted

SECRET = "0123456789abcdef0123456789abcdef"


def test_calls_are_kept_for_a_month_and_nobodys_content(settings_of):
    calls = settings_of("").calls
    assert (calls.enabled, calls.keep_days, calls.max_mb, calls.json_lines) == (True, 30, 1_000, "")
    assert (calls.capture.keys, calls.capture.teams, calls.capture.secret) == ((), (), None)


def test_the_secret_and_the_headers_of_a_collector_are_never_shown(settings_of):
    text = f"""
        calls:
          otlp: {{endpoint: "http://127.0.0.1:4318", headers: {{authorization: s3cr3t}}}}
          capture: {{keys: ["*"], secret: {SECRET}}}
    """
    settings = settings_of(text)
    for seen in (repr(settings), str(redacted(settings))):
        assert "s3cr3t" not in seen
        assert SECRET not in seen


@pytest.mark.parametrize(
    ("capture", "found"),
    [
        (f"{{keys: [ci], secret: {SECRET}}}", []),
        (f"{{secret: {SECRET}}}", []),
        ("{keys: [ci]}", ["1 calls.capture: has no secret, and content is kept only encrypted"]),
        ("{teams: ['*']}", ["1 calls.capture: has no secret, and content is kept only encrypted"]),
        (
            "{keys: [ci], secret: '${NOBODY:-}'}",
            ["1 calls.capture: has an empty secret, and content is kept only encrypted"],
        ),
        ("{keys: [ci], secret: hunter2}", ["~1 calls.capture.secret: is shorter than 16 characters"]),
    ],
)
def test_content_is_kept_only_with_a_secret(told, capture, found):
    assert told(f"calls: {{capture: {capture}}}") == found


def test_content_without_the_log_is_an_error(told):
    text = f"calls: {{enabled: false, capture: {{keys: [ci], secret: {SECRET}}}}}"
    assert told(text) == ["1 calls.capture: keeps nothing, since calls.enabled is false"]


def test_the_log_has_files_of_its_own(told):
    text = 'state: {url: "sqlite:///data/sluice.db"}\ncalls: {path: data/sluice.db, json_lines: data/sluice.db}'
    assert told(text) == [
        "2 calls.json_lines: is the file of calls.path",
        "2 calls.path: is the file of state.url",
    ]
