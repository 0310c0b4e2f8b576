"""Tools, and which of them to use. https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.core.errors import InvalidRequest
from gateway.providers.anthropic.answer import TOOL, Answer
from gateway.providers.anthropic.blocks import cached
from gateway.providers.anthropic.generations import Generation
from gateway.providers.anthropic.schema import CannotSay, strict
from gateway.providers.client.chat import Chat, NamedChoice, Tool

Object = dict[str, Any]

_WORDS = {"none": "none", "auto": "auto", "required": "any"}
_NO_INPUT: Object = {"type": "object", "properties": {}}


class Tools(msgspec.Struct, frozen=True):
    """``tools`` and ``tool_choice`` of a request."""

    tools: list[Object]
    choice: Object | None = None

    @property
    def is_forced(self) -> bool:
        return self.choice is not None and self.choice["type"] in ("any", "tool")


def tools_of(chat: Chat, answer: Answer, generation: Generation, called: Sequence[str]) -> Tools:
    """What ``chat`` offers, and the tool by which an ``answer`` in JSON may have to be given.

    ``called`` are the tools of the conversation so far: without any offered, those are named and closed, since a
    conversation that speaks of tools must define some.
    """
    tools = [_tool(tool, generation) for tool in chat.tools or ()]
    if any(tool["name"] == TOOL for tool in tools):
        raise InvalidRequest(f"a tool can't be called {TOOL!r} here: it is the gateway's own", param="tools")
    choice = _choice(chat) if tools else None
    if answer.tool is not None and (choice is None or choice["type"] != "tool"):
        # Another tool may be called first, unless none is to be: but one of them must.
        is_alone = not tools or (choice is not None and choice["type"] == "none")
        choice = {"type": "tool", "name": TOOL} if is_alone else {**(choice or {}), "type": "any"}
        tools.append(answer.tool)
    elif not tools and called:
        tools = [{"name": name, "input_schema": {"type": "object"}} for name in called]
        choice = {"type": "none"}
    return Tools(tools, choice)


def _tool(tool: Tool, generation: Generation) -> Object:
    function = tool.function
    made: Object = {"name": function.name}
    if function.description:
        made["description"] = function.description
    made["input_schema"] = _input_schema(function.parameters)
    if function.strict and generation.schemas:
        with contextlib.suppress(CannotSay):  # then the schema is but described, as to models without strict tools
            made |= {"input_schema": strict(made["input_schema"]), "strict": True}
    return cached(made, tool.cache_control)


def _input_schema(parameters: Object | None) -> Object:
    if not parameters:
        return _NO_INPUT
    return parameters if "type" in parameters else {"type": "object", **parameters}


def _choice(chat: Chat) -> Object | None:
    asked = chat.tool_choice
    choice: Object | None = None
    if isinstance(asked, NamedChoice):
        choice = {"type": "tool", "name": asked.function.name}
    elif asked is not None:
        choice = {"type": _WORDS[asked]}
    if chat.parallel_tool_calls is False and (choice is None or choice["type"] != "none"):
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return choice
