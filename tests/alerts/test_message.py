"""How events are written."""

from __future__ import annotations

import json

import pytest

from gateway.alerts import message
from gateway.alerts.events import Trial
from tests.alerts.parts import crossed, down

EVENTS = [
    crossed(80),
    crossed(100, kind="global", scope="global", window="total", resets_at=None),
    down(is_whole_provider=True),
    down(is_down=False, reason=None),
    Trial(at=1_700_000_000.0),
]


def test_a_crossed_budget_for_programs():
    assert json.loads(message.webhook(crossed(80, spent_nanousd=81_500_000_000), "host-1")) == {
        "type": "budget.crossed",
        "timestamp": "2023-11-14T22:13:20Z",
        "data": {
            "message": "80 % of the $100 per month budget of team research is spent: $81.5",
            "kind": "team",
            "scope": "research",
            "window": "month",
            "threshold_percent": 80,
            "spent_usd": "81.5",
            "spent_nanousd": 81_500_000_000,
            "limit_usd": "100",
            "limit_nanousd": 100_000_000_000,
            "resets_at": "2023-12-01T00:00:00Z",
            "instance": "host-1",
        },
    }


def test_a_target_that_goes_down_and_comes_back_for_programs():
    went = json.loads(message.webhook(down(is_whole_provider=True), "host-1"))
    came = json.loads(message.webhook(down(is_down=False, reason=None), "host-1"))

    assert (went["type"], came["type"]) == ("target.down", "target.up")
    assert went["data"] == {
        "message": "openai/gpt is down (connect); so are all targets of openai",
        "target": "openai/gpt",
        "provider": "openai",
        "reason": "connect",
        "is_whole_provider": True,
        "instance": "host-1",
    }
    assert came["data"]["message"] == "openai/gpt works again"


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_slack_gets_text_and_blocks_of_the_shapes_that_it_takes(event):
    said = json.loads(message.slack(event, "host-1"))

    assert set(said) == {"text", "blocks"}
    assert said["text"] == message.sentence(event)
    for block in said["blocks"]:
        assert block["type"] in {"section", "context"}
        texts = block.get("fields") or block.get("elements") or [block["text"]]
        assert 1 <= len(texts) <= 10
        for text in texts:
            assert text["type"] == "mrkdwn"
            assert 1 <= len(text["text"]) <= 2_000


def test_a_name_can_be_no_link_and_no_mention_in_slack():
    said = message.slack(down("p/<!channel> & <https://evil.example|ok>"), "host-1").decode()

    assert "<" not in said
    assert ">" not in said
    assert "&lt;!channel&gt; &amp; " in said
