"""``alerts``: who is told, and what of."""

from __future__ import annotations

import json

import pytest

from gateway.settings.shown import redacted

SECRET = "whsec_c2VjcmV0LW9mLXRoaXJ0eS10d28tYnl0ZXMtaGVyZSE="
SLACK = "https://hooks.slack.com/services/T000/B000/s3cr3t"


def hook(**said):
    """The text of one webhook."""
    return f"alerts: {{webhooks: [{json.dumps({'name': 'ops', 'url': SLACK, 'secret': SECRET, **said})}]}}"


def test_nobody_is_told_unless_somebody_is_named(settings_of):
    alerts = settings_of("").alerts
    assert (alerts.at, alerts.webhooks) == ((80, 95, 100), ())


def test_all_of_it(settings_of):
    text = f"""
        alerts:
          at: [100, 50, 50]
          webhooks:
            - {{name: pager, url: "${{PAGER_URL}}", secret: "{SECRET}", on: [target], timeout: 3}}
            - {{name: slack, url: {SLACK}, format: slack}}
    """
    alerts = settings_of(text, {"PAGER_URL": "http://127.0.0.1:9/x"}).alerts

    assert alerts.at == (50, 100)
    pager, slack = alerts.webhooks
    assert (pager.key, pager.on, pager.timeout) == (b"secret-of-thirty-two-bytes-here!", {"target"}, 3)
    assert (slack.key, slack.on, slack.format) == (None, {"budget", "target"}, "slack")


def test_neither_an_address_nor_a_secret_is_ever_shown(settings_of):
    settings = settings_of(hook())
    shown = redacted(settings)["alerts"]["webhooks"][0]

    assert (shown["url"], shown["secret"]) == ("***", "***")
    for seen in (repr(settings), str(settings), repr(settings.alerts.webhooks[0])):
        assert "s3cr3t" not in seen
        assert SECRET not in seen


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/x?key=1",
        "http://127.0.0.1:8000/x",
        "http://[::1]/x",
        "http://localhost",
        "https://10.1.2.3/x",
    ],
)
def test_addresses_that_are_taken(told, url):
    assert told(hook(url=url)) == []


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("http://hooks.example.com/s3cr3t", "would send alerts, and who reads along could send them again"),
        ("http://10.1.2.3/s3cr3t", "would send alerts, and who reads along could send them again"),
        ("ftp://hooks.example.com/s3cr3t", "is no address to post to"),
        ("hooks.example.com/s3cr3t", "is no address to post to"),
        ("https:///s3cr3t", "is no address to post to"),
        ("https://host:port/s3cr3t", "is no address to post to"),
        ("https://host/s3cr3t path", None),
        ("https://[::1/s3cr3t", "is no address to post to"),
    ],
)
def test_addresses_that_are_not_taken_and_not_repeated(told, url, what):
    found = told(hook(url=url))
    if what is not None:
        assert found == [f"1 alerts.webhooks.0.url: {what}"]
    assert "s3cr3t" not in str(found)


def test_an_empty_address_turns_it_off_and_says_so(settings_of, told):
    text = "alerts: {webhooks: [{name: ops, url: '${OPS_URL:-}', format: slack}]}"

    assert settings_of(text).alerts.webhooks[0].is_off
    assert told(text) == ["~1 alerts.webhooks.0.url: is empty: this webhook is off"]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (
            {"secret": None},
            "1 alerts.webhooks.0: has no secret, so that nobody could tell its alerts from forged ones",
        ),
        (
            {"secret": ""},
            "1 alerts.webhooks.0.secret: is empty, so that nobody could tell its alerts from forged ones",
        ),
        ({"secret": "hunter2"}, "1 alerts.webhooks.0.secret: does not begin with whsec_"),
        ({"secret": "whsec_%%%"}, "1 alerts.webhooks.0.secret: is not whsec_ and base64"),
        ({"secret": "whsec_c2hvcnQ="}, "~1 alerts.webhooks.0.secret: is shorter than 24 bytes"),
        (
            {"format": "slack"},
            "1 alerts.webhooks.0.secret: means nothing to Slack, which knows a sender by the address alone",
        ),
        ({"on": []}, "~1 alerts.webhooks.0.on: names nothing, so that it is told nothing"),
    ],
)
def test_what_is_wrong_with_a_webhook_is_said(told, said, found):
    assert told(hook(**said)) == [found]


def test_two_of_a_name_are_refused(told):
    one = json.dumps({"name": "ops", "url": SLACK, "format": "slack"})
    assert told(f"alerts: {{webhooks: [{one}, {one}]}}") == ["1 alerts.webhooks.1.name: is the name of webhook 0 too"]


@pytest.mark.parametrize("at", ["[0]", "[1001]", "[x]", "[]"])
def test_thresholds_are_per_cents(told, at):
    assert bool(told(f"alerts: {{at: {at}}}")) == (at != "[]")
