"""How an event is written: as JSON for programs, and as what Slack's incoming webhooks take.

Sources: https://www.standardwebhooks.com (``type``, ``timestamp``, ``data``);
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (``text`` is what notifications show) and
https://docs.slack.dev/reference/block-kit/blocks/section-block
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.alerts.events import BudgetCrossed, Event, TargetChanged
from gateway.core.money import usd

_MARKS = {"warning": ":warning:", "bad": ":rotating_light:", "good": ":white_check_mark:", "trial": ":wave:"}
_USED_UP = 100


def webhook(event: Event, instance: str) -> bytes:
    """``instance`` is who tells: the host's name."""
    document = {"type": _type(event), "timestamp": _iso(event.at), "data": {**_data(event), "instance": instance}}
    return msgspec.json.encode(document)


def slack(event: Event, instance: str) -> bytes:
    """As Slack and its kin (Mattermost, Rocket.Chat) take it."""
    said = _escaped(sentence(event))
    blocks: list[dict[str, Any]] = [_section(f"{_MARKS[_mark(event)]} *{said}*")]
    if fields := _fields(event):
        texts = [{"type": "mrkdwn", "text": f"*{name}*\n{_escaped(value)}"} for name, value in fields]
        blocks.append({"type": "section", "fields": texts})
    about = f"Sluice on {_escaped(instance)}, {_iso(event.at)}"
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": about}]})
    return msgspec.json.encode({"text": said, "blocks": blocks})


def sentence(event: Event) -> str:
    """The event in one sentence."""
    if isinstance(event, BudgetCrossed):
        whose = "the whole gateway" if event.kind == "global" else f"{event.kind} {event.scope}"
        per = "total" if event.window == "total" else f"per {event.window}"
        spent, limit = usd(event.spent_nanousd), usd(event.limit_nanousd)
        return f"{event.percent} % of the ${limit} {per} budget of {whose} is spent: ${spent}"
    if isinstance(event, TargetChanged):
        if not event.is_down:
            return f"{event.target} works again"
        all_of_it = f"; so are all targets of {event.provider}" if event.is_whole_provider else ""
        return f"{event.target} is down ({event.reason}){all_of_it}"
    return "This is a test: alerts of Sluice arrive here"


def _type(event: Event) -> str:
    if isinstance(event, BudgetCrossed):
        return "budget.crossed"
    if isinstance(event, TargetChanged):
        return "target.down" if event.is_down else "target.up"
    return "test"


def _data(event: Event) -> dict[str, Any]:
    said: dict[str, Any] = {"message": sentence(event)}
    if isinstance(event, BudgetCrossed):
        said |= {
            "kind": event.kind,
            "scope": event.scope,
            "window": event.window,
            "threshold_percent": event.percent,
            "spent_usd": usd(event.spent_nanousd),
            "spent_nanousd": event.spent_nanousd,
            "limit_usd": usd(event.limit_nanousd),
            "limit_nanousd": event.limit_nanousd,
            "resets_at": None if event.resets_at is None else _iso(event.resets_at),
        }
    elif isinstance(event, TargetChanged):
        said |= {"target": event.target, "provider": event.provider}
        if event.is_down:
            said |= {"reason": event.reason, "is_whole_provider": event.is_whole_provider}
    return said


def _fields(event: Event) -> list[tuple[str, str]]:
    if isinstance(event, BudgetCrossed):
        resets = "never" if event.resets_at is None else _iso(event.resets_at)
        spent, limit = usd(event.spent_nanousd), usd(event.limit_nanousd)
        return [("Spent", f"${spent}"), ("Budget", f"${limit}"), ("Window", event.window), ("Resets", resets)]
    if isinstance(event, TargetChanged) and event.is_down:
        return [("Provider", event.provider), ("Reason", str(event.reason))]
    return []


def _mark(event: Event) -> str:
    if isinstance(event, BudgetCrossed):
        return "bad" if event.percent >= _USED_UP else "warning"
    if isinstance(event, TargetChanged):
        return "bad" if event.is_down else "good"
    return "trial"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _escaped(text: str) -> str:
    """Slack reads ``<…>`` as links and mentions: https://docs.slack.dev/messaging/formatting-message-text"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _iso(epoch_s: float) -> str:
    return datetime.fromtimestamp(round(epoch_s), UTC).isoformat().replace("+00:00", "Z")
