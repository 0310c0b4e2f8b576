"""A chat as the body of ``POST /v1/messages``. https://platform.claude.com/docs/en/api/messages

Left out as mere hints: ``seed``, penalties, ``logit_bias``, ``name``, ``store``, ``verbosity``, ``prediction``.
"""

from __future__ import annotations

from typing import Any

from gateway.core.errors import unsupported
from gateway.core.types import Call, Target
from gateway.providers.anthropic.answer import Answer, answer_of
from gateway.providers.anthropic.generations import Generation, generation
from gateway.providers.anthropic.thinking import Thinking, thinking_of
from gateway.providers.anthropic.tools import Tools, tools_of
from gateway.providers.anthropic.turns import Turns
from gateway.providers.client.chat import Chat, own_field

Body = dict[str, Any]

MOST_UNASKED = 32_000
"""``max_tokens`` where the client sets none: Anthropic demands it, and longer answers are rarely meant."""
MOST_WITH_THOUGHTS = 128_000
"""With a budget of the client's own for thoughts: as much as any of its models writes, and no more than is held for a
call that sets no ceiling.
"""
LONGEST_USER = 256
LEAST_TOP_P = 0.95
"""With thinking on, Anthropic takes nothing below it."""

PASSED = ("cache_control", "container", "context_management", "mcp_servers")
"""Anthropic's own fields, which pass as the client gives them."""
BETAS = {"context_management": "context-management-2025-06-27", "mcp_servers": "mcp-client-2025-11-20"}
"""Those that need a word in ``anthropic-beta``."""
_AT_LIST_PRICE = {"speed": "standard", "inference_geo": "global"}
"""Fields whose other values cost more than the price list says: a bill by it would be too low.
https://platform.claude.com/docs/en/about-claude/pricing"""
_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}


def body_of(call: Call, target: Target) -> Body:
    """The request that asks ``target`` for what ``call`` wants. Raises InvalidRequest, UpstreamError (UNSUPPORTED)."""
    chat = Chat.of(call)
    row = generation(target.model)
    turns = Turns.of(chat.messages, later_system=row.later_system)
    _check_end(turns, row)
    answer = answer_of(chat.response_format, row)
    tools = tools_of(chat, answer, row, turns.called)
    own = own_field(call, "thinking")
    most = _most_tokens(chat, target, row, own)
    thinking = thinking_of(
        chat, own, row, most_tokens=most, is_forced=tools.is_forced, lacks_thought=turns.lacks_thought
    )
    body: Body = {"model": target.model, "max_tokens": most, "messages": turns.messages}
    if system := [*turns.system, *_told(answer)]:
        body["system"] = system
    body |= _tool_fields(tools)
    if thinking.thinking is not None:
        body["thinking"] = thinking.thinking
    if config := _output_config(call, thinking, answer):
        body["output_config"] = config
    if stops := [stop for stop in chat.stops if stop]:
        if any(stop.isspace() for stop in stops):
            raise unsupported("stop", "Anthropic takes no stop sequence of nothing but blanks")
        body["stop_sequences"] = stops
    if call.stream:
        body["stream"] = True
    return body | _sampling(chat, row, thinking) | _account_fields(call)


def _check_end(turns: Turns, row: Generation) -> None:
    if not turns.ends_with_assistant:
        return
    if not row.prefill:
        raise unsupported("messages", "this model does not go on with an assistant's message: end with a user's")
    last = turns.messages[-1].content[-1]
    if last["type"] == "text":
        last["text"] = last["text"].rstrip()  # refused otherwise


def _most_tokens(chat: Chat, target: Target, row: Generation, own_thinking: Any) -> int:
    known = target.capabilities.max_output_tokens
    if chat.most_tokens is not None:
        return min(chat.most_tokens, known) if known else chat.most_tokens
    most = min(known or row.writes, MOST_UNASKED)
    budget = own_thinking.get("budget_tokens") if isinstance(own_thinking, dict) else None
    if isinstance(budget, int) and budget >= most:  # it must stay below
        most = min(budget + most, known or MOST_WITH_THOUGHTS)
    return most


def _told(answer: Answer) -> list[Body]:
    return [{"type": "text", "text": answer.instruction}] if answer.instruction else []


def _tool_fields(tools: Tools) -> Body:
    if not tools.tools:
        return {}
    return {"tools": tools.tools} | ({"tool_choice": tools.choice} if tools.choice else {})


def _output_config(call: Call, thinking: Thinking, answer: Answer) -> Body:
    own = own_field(call, "output_config")
    config: Body = dict(own) if isinstance(own, dict) else {}
    if thinking.effort is not None:
        config.setdefault("effort", thinking.effort)
    if answer.schema is not None:
        config["format"] = {"type": "json_schema", "schema": answer.schema}
    return config


def _sampling(chat: Chat, row: Generation, thinking: Thinking) -> Body:
    """Hints, all of them: what the generation refuses is left out. OpenAI's temperature goes up to 2, theirs to 1."""
    if row.sampling == "none":
        return {}
    asked: Body = {"temperature": chat.temperature, "top_p": chat.top_p, "top_k": chat.top_k}
    if chat.temperature is not None:
        asked["temperature"] = min(chat.temperature, 1.0)
    if thinking.is_on:
        asked["temperature"] = asked["top_k"] = None
        if chat.top_p is not None and chat.top_p < LEAST_TOP_P:
            asked["top_p"] = None
    if row.sampling == "one" and asked["temperature"] is not None:
        asked["top_p"] = None
    return {name: value for name, value in asked.items() if value is not None}


def _account_fields(call: Call) -> Body:
    fields: Body = {name: given for name in PASSED if (given := own_field(call, name)) is not None}
    metadata = own_field(call, "metadata")
    own_user = metadata.get("user_id") if isinstance(metadata, dict) else None
    user = own_user or call.user or own_field(call, "safety_identifier")
    if isinstance(user, str) and len(user) <= LONGEST_USER:
        fields["metadata"] = {"user_id": user}
    tier = own_field(call, "service_tier")
    if isinstance(tier, str) and tier in _TIERS:
        fields["service_tier"] = _TIERS[tier]
    for name, usual in _AT_LIST_PRICE.items():
        if own_field(call, name) not in (None, usual):
            raise unsupported(name, f"what another '{name}' than {usual!r} costs is on no price list")
    return fields
