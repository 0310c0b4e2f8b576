"""Tools and answers in JSON, as Converse has them.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html
"""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from gateway.core.errors import unsupported
from gateway.core.types import Call, Feature
from gateway.providers.anthropic.schema import CannotSay, strict
from gateway.providers.bedrock.blocks import Block, Blocks
from gateway.providers.bedrock.models import Model
from gateway.providers.bedrock.turns import Turns
from gateway.providers.client.chat import Chat, NamedChoice, Schema, Tool

JSON_TOOL = "json_answer"
"""The tool that a model without structured output is made to call, its input the answer."""
ONLY_WORDS = "Answer in words: no tool may be called now."
ONLY_JSON = "Answer with one JSON object and nothing else."

_ANYTHING: dict[str, Any] = {"type": "object", "properties": {}}


class Tools(msgspec.Struct):
    """``config`` is ``toolConfig``, ``format`` goes into ``outputConfig``, ``fields`` into
    ``additionalModelRequestFields``, ``instructions`` at the end of ``system``.
    """

    config: dict[str, Any] | None = None
    format: dict[str, Any] | None = None
    fields: dict[str, Any] = {}
    instructions: list[Block] = []
    is_forced: bool = False
    """A tool has to be called."""


def may_answer_by_tool(call: Call) -> bool:
    """Whether a call of ``JSON_TOOL`` is the answer: it is no tool of the client's then. Known without reading the
    body again.
    """
    return Feature.JSON_SCHEMA in call.needs.features


def tools_of(chat: Chat, model: Model, turns: Turns, blocks: Blocks, system_tools: Any) -> Tools:
    """Raises UpstreamError (UNSUPPORTED) for a choice that the model can't be given."""
    found = Tools(fields={}, instructions=[])
    specs = [each for tool in chat.tools or () for each in _spec(tool, model, blocks)]
    specs += [{"systemTool": {"name": name}} for name in _names(system_tools)]
    choice = _choice(chat) if specs else None
    schema = _schema(chat)
    if chat.response_format is not None and chat.response_format.type != "text" and schema is None:
        found.instructions.append({"text": ONLY_JSON})
    if (not specs or chat.tool_choice == "none") and (turns.called or turns.has_results):
        # Converse wants to know the tools whose calls and results it is shown.
        specs = specs or [_bare(name) for name in turns.called or [JSON_TOOL]]
        choice = None
        found.instructions.append({"text": ONLY_WORDS})
    elif chat.tool_choice == "none":
        specs, choice = [], None
    if schema is not None:
        _refuse_namesake(chat)
        found.format = _format(schema) if model.writes_schemas else None
        if found.format is None:
            specs, choice = [*specs, _answer(schema)], {"any": {}} if specs else {"tool": {"name": JSON_TOOL}}
    if specs:
        found.is_forced = choice is not None
        if found.is_forced and not model.forces_tools:
            what = "tool_choice" if schema is None or found.format is not None else "response_format"
            raise unsupported(what, f"'{what}': this model can't be made to call a tool at Bedrock")
        found.config = {"tools": specs, **({"toolChoice": choice} if choice else {})}
        if chat.parallel_tool_calls is False and chat.tools:
            _one_at_a_time(found, model)
    return found


def _spec(tool: Tool, model: Model, blocks: Blocks) -> list[Block]:
    function = tool.function
    spec: Block = {"name": function.name, "inputSchema": {"json": function.parameters or _ANYTHING}}
    if function.description and not function.description.isspace():
        spec["description"] = function.description
    if function.strict and model.writes_schemas:
        with contextlib.suppress(CannotSay):  # then the schema is but described, as to models without strict tools
            spec |= {"inputSchema": {"json": strict(function.parameters or _ANYTHING)}, "strict": True}
    return [{"toolSpec": spec}, *(blocks.cache_point(tool.cache_control) if model.caches_tools else ())]


def _bare(name: str) -> Block:
    return {"toolSpec": {"name": name, "inputSchema": {"json": _ANYTHING}}}


def _schema(chat: Chat) -> Schema | None:
    """What the answer is to follow; None if it needs no schema, or was given none."""
    asked = chat.response_format.json_schema if chat.response_format is not None else None
    return asked if asked is not None and asked.schema is not None else None


def _refuse_namesake(chat: Chat) -> None:
    if any(tool.function.name == JSON_TOOL for tool in chat.tools or ()):
        raise unsupported("response_format", f"a tool named {JSON_TOOL} stands in the way of an answer in JSON")


def _answer(schema: Schema) -> Block:
    spec: Block = {"name": JSON_TOOL, "inputSchema": {"json": schema.schema or _ANYTHING}}
    spec["description"] = schema.description or "Give the answer by calling this, and only this."
    return {"toolSpec": spec}


def _format(schema: Schema) -> dict[str, Any] | None:
    """None for a schema beyond the subset that Bedrock compiles, which is Anthropic's: the rest is an error 400."""
    try:
        within = strict(schema.schema or {})
    except CannotSay:
        return None
    definition = {"schema": msgspec.json.encode(within).decode(), "name": schema.name}
    if schema.description:
        definition["description"] = schema.description
    return {"type": "json_schema", "structure": {"jsonSchema": definition}}


def _choice(chat: Chat) -> dict[str, Any] | None:
    given = chat.tool_choice
    if isinstance(given, NamedChoice):
        return {"tool": {"name": given.function.name}}
    return {"any": {}} if given == "required" else None  # automatic is what they are unasked


def _one_at_a_time(found: Tools, model: Model) -> None:
    """Converse has no word for it; Claude has one, which holds the choice too."""
    assert found.config is not None
    if model.claude is None:
        raise unsupported("parallel_tool_calls", "Bedrock can't keep this model from calling several tools at once")
    kind, details = next(iter(found.config.pop("toolChoice", {"auto": {}}).items()))
    found.fields["tool_choice"] = {"type": kind, **details, "disable_parallel_tool_use": True}


def _names(given: Any) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise unsupported("system_tools", "'system_tools' must be a list of names")
    return given
