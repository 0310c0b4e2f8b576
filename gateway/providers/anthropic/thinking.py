"""How a model is to think: OpenAI's effort, OpenRouter's ``reasoning`` or the client's own ``thinking``, as the
generation has it.

Effort is a hint and gives way: to a tool that must be called, to an answer too short to think in, to a tool turn that
another provider's model began. https://platform.claude.com/docs/en/build-with-claude/thinking
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.errors import InvalidRequest, unsupported
from gateway.providers.anthropic.generations import Generation
from gateway.providers.client.chat import Chat

LEAST_BUDGET = 1024
"""Anthropic's own bound."""
LEAST_ANSWER = 1024
"""Kept free of thought: ``max_tokens`` holds both."""

_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 32768}
_LEVELS = {
    "minimal": ("low",),
    "low": ("low",),
    "medium": ("medium",),
    "high": ("high",),
    "xhigh": ("xhigh", "high"),
    "max": ("max", "high"),
}
"""OpenAI's effort as levels of Anthropic's, the first that the generation knows."""


class Thinking(msgspec.Struct, frozen=True):
    """``thinking`` and ``output_config.effort`` of a request, as far as they are to be said."""

    thinking: dict[str, Any] | None = None
    effort: str | None = None

    @property
    def is_on(self) -> bool:
        return self.thinking is not None and self.thinking.get("type") in ("enabled", "adaptive")


def thinking_of(
    chat: Chat, own: Any, generation: Generation, *, most_tokens: int, is_forced: bool, lacks_thought: bool
) -> Thinking:
    """How to think in at most ``most_tokens``. ``own`` is the client's ``thinking`` in Anthropic's own words.

    ``is_forced``: a tool must be called. ``lacks_thought``: the turn to be gone on with began without a signed one.
    Raises UpstreamError (UNSUPPORTED) where the model always thinks, and then can't be made to call a tool.
    """
    if is_forced and not generation.forced_tools:
        raise unsupported("tool_choice", "this model can't be made to call a tool: it always thinks")
    if own is not None:
        return _own(own, lacks_thought=lacks_thought)
    if chat.effort == "none" or is_forced:
        return _off(generation, is_asked=chat.effort == "none")
    if not _is_wanted(chat) or generation.thinking == "none":
        return Thinking()
    if generation.thinking == "adaptive":
        return _adaptive(chat, generation)
    return Thinking() if lacks_thought else _budgeted(chat, most_tokens)


def _own(own: Any, *, lacks_thought: bool) -> Thinking:
    if not isinstance(own, dict):
        raise InvalidRequest("'thinking' must be an object", param="thinking")
    if lacks_thought and own.get("type") == "enabled":
        return Thinking()  # Anthropic refuses it, and the client can't mend what another provider has said
    return Thinking(own)


def _off(generation: Generation, *, is_asked: bool) -> Thinking:
    if not generation.thinks_unasked:
        return Thinking()
    if generation.off:
        return Thinking({"type": generation.off})
    return Thinking(effort="low") if is_asked else Thinking()


def _is_wanted(chat: Chat) -> bool:
    asked = chat.reasoning
    return chat.effort is not None or (asked is not None and bool(asked.enabled or asked.max_tokens))


def _adaptive(chat: Chat, generation: Generation) -> Thinking:
    thinking = {"type": "adaptive"}
    if chat.reasoning is not None and chat.reasoning.exclude:
        thinking["display"] = "omitted"
    elif not generation.shows_thoughts:
        thinking["display"] = "summarized"
    levels = _LEVELS.get(chat.effort or "", ())
    return Thinking(thinking, next((level for level in levels if level in generation.efforts), None))


def _budgeted(chat: Chat, most_tokens: int) -> Thinking:
    asked = chat.reasoning.max_tokens if chat.reasoning is not None else None
    wanted = asked or _BUDGETS.get(chat.effort or "medium", _BUDGETS["medium"])
    budget = min(max(wanted, LEAST_BUDGET), most_tokens - LEAST_ANSWER)
    return Thinking({"type": "enabled", "budget_tokens": budget}) if budget >= LEAST_BUDGET else Thinking()
