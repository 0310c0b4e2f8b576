"""How hard a model is to think: ``reasoning_effort`` and ``reasoning`` -> ``thinkingConfig``.

Generation 2.5 counts tokens, from 3 on there are levels. What each word means is Google's own choice for its
OpenAI-like endpoint: https://ai.google.dev/gemini-api/docs/openai#thinking; the bounds of a budget stand on
https://ai.google.dev/gemini-api/docs/thinking
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.providers.client.chat import Chat
from gateway.providers.gemini.family import Family

_BUDGETS = {"none": 0, "minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 24_576}
_LEVELS = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
}
_PRO_LEVELS = {**_LEVELS, "none": "LOW", "minimal": "LOW"}
"""These can't stop thinking."""
_FIRST_PRO_LEVELS = {**_PRO_LEVELS, "medium": "HIGH"}
"""Gemini 3 Pro has but two."""


def thinking_config(chat: Chat, family: Family) -> dict[str, Any] | None:
    """None leaves it to the model: nothing was asked, or it takes no such setting and thinks as it does.

    Who asks for thinking gets to read it, unless ``reasoning.exclude`` says otherwise.
    """
    effort, reasoning = chat.effort, chat.reasoning
    budget = reasoning.max_tokens if reasoning is not None else None
    is_asked = effort is not None or budget is not None or (reasoning is not None and reasoning.enabled)
    if not is_asked or family.version is None or family.version < (2, 5) or family.is_image:
        return None
    config: dict[str, Any] = {}
    if budget is not None and effort != "none":
        # A budget is still taken where there are levels, but not beside one.
        config["thinkingBudget"] = _bounded(budget, family)
    elif effort is not None and family.has_levels:
        level = _levels(family).get(effort)
        if level is not None:
            config["thinkingLevel"] = level
    elif effort in _BUDGETS:
        config["thinkingBudget"] = _bounded(_BUDGETS[effort], family)
    if effort != "none" and not (reasoning is not None and reasoning.exclude):
        config["includeThoughts"] = True
    return config or None


def _levels(family: Family) -> Mapping[str, str]:
    if not family.is_pro:
        return _LEVELS
    return _FIRST_PRO_LEVELS if family.version == (3, 0) else _PRO_LEVELS


def _bounded(budget: int, family: Family) -> int:
    if family.is_pro:
        return max(128, min(budget, 32_768))
    if budget <= 0:
        return 0
    return max(512 if family.is_lite else 1, min(budget, 24_576))
