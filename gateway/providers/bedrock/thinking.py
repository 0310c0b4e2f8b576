"""How hard to think, in the words of each family: Converse itself has few.

https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html
https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html
https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.providers.anthropic.generations import Generation
from gateway.providers.bedrock.models import Model
from gateway.providers.client.chat import Chat

LEAST_BUDGET = 1_024
"""Tokens; Claude takes no smaller one."""
LEAST_ANSWER = 1_024
"""Kept free of Claude's thoughts: the ceiling counts both."""
_BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 32_768, "max": 32_768}
_LEVELS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}


class Thinking(msgspec.Struct, frozen=True):
    """``fields`` are for ``additionalModelRequestFields``; ``effort`` is for ``outputConfig``."""

    fields: dict[str, Any] = {}
    effort: str | None = None
    is_on: bool = False
    """Asked for by us: then Claude takes no temperature, and Nova none either."""


OFF = Thinking()


def thinking(chat: Chat, model: Model, *, may_think: bool, writes: int | None = None) -> Thinking:
    """``may_think`` is False where the request makes a tool be called, or goes on with an answer without its thought:
    Claude refuses both. An effort that a model has no word for is a hint, and left out. ``writes`` is the model's
    longest output, where it is known.
    """
    if model.claude is not None:
        return _claude(chat, model.claude, may_think=may_think, most=chat.most_tokens or writes or model.claude.writes)
    effort = chat.effort
    if effort is None or effort not in (*_LEVELS, "none"):
        return OFF
    if model.has_nova_reasoning:
        return _nova(chat, effort)
    if model.is_gpt_oss and effort != "none":
        return Thinking({"reasoning_effort": _LEVELS[effort]})
    return OFF


def _nova(chat: Chat, effort: str) -> Thinking:
    if effort == "none":
        return Thinking({"reasoningConfig": {"type": "disabled"}})
    level = _LEVELS[effort]
    if level == "high" and chat.most_tokens is not None:
        level = "medium"  # high takes no ceiling, and the client's holds
    return Thinking({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": level}}, is_on=True)


def _claude(chat: Chat, claude: Generation, *, may_think: bool, most: int) -> Thinking:
    budget = chat.reasoning.max_tokens if chat.reasoning else None
    effort = chat.effort
    wants = bool(budget) or effort in _BUDGETS or bool(chat.reasoning and chat.reasoning.enabled and not effort)
    if claude.thinking == "adaptive":
        return _adaptive(claude, effort, wants=wants, may_think=may_think, shows=_shows(chat))
    if claude.thinking == "none" or not wants or not may_think:
        return OFF
    tokens = min(max(budget or _BUDGETS[effort or "medium"], LEAST_BUDGET), most - LEAST_ANSWER)
    if tokens < LEAST_BUDGET:
        return OFF
    return Thinking({"thinking": {"type": "enabled", "budget_tokens": tokens}}, is_on=True)


def _adaptive(claude: Generation, effort: str | None, *, wants: bool, may_think: bool, shows: bool) -> Thinking:
    level = _level(claude, effort)
    if effort == "none" or not may_think:
        is_told = claude.thinks_unasked and claude.off == "disabled"
        off = {"thinking": {"type": "disabled"}} if is_told else {}
        return Thinking(off, "high" if level in ("xhigh", "max") else level)
    if not wants:
        return OFF
    fields: dict[str, Any] = {"type": "adaptive"}
    if shows and not claude.shows_thoughts:
        fields["display"] = "summarized"
    return Thinking({"thinking": fields}, level, is_on=True)


def _level(claude: Generation, effort: str | None) -> str | None:
    if effort not in _LEVELS:
        return None
    if effort == "xhigh" and "xhigh" not in claude.efforts and "max" in claude.efforts:
        return "max"
    return effort if effort in claude.efforts else _LEVELS[effort]


def _shows(chat: Chat) -> bool:
    return not (chat.reasoning and chat.reasoning.exclude)
