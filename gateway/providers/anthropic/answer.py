"""``response_format``: an answer in JSON, by whichever of three ways the model and the schema allow.

Natively, after a schema; by a tool that must be called, whose input is the answer; or for JSON of any shape, by being
told so. https://platform.claude.com/docs/en/build-with-claude/structured-outputs
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.errors import unsupported
from gateway.providers.anthropic.generations import Generation
from gateway.providers.anthropic.schema import CannotSay, strict
from gateway.providers.client.chat import ResponseFormat, Schema

TOOL = "sluice_json_answer"
"""The input of its call is the answer's text."""
_INSTRUCTION = "Answer with one JSON object and nothing else: no words around it, no Markdown fence."


class Answer(msgspec.Struct, frozen=True):
    """What to add to a request; at most one of them."""

    schema: dict[str, Any] | None = None
    """For ``output_config.format``."""
    tool: dict[str, Any] | None = None
    instruction: str | None = None


def answer_of(format: ResponseFormat | None, generation: Generation) -> Answer:
    """Raises UpstreamError (UNSUPPORTED) for a schema that none of the ways can follow."""
    if format is None or format.type == "text":
        return Answer()
    asked = format.json_schema
    if format.type == "json_object" or asked is None or asked.schema is None:
        return Answer(instruction=_INSTRUCTION)
    if generation.schemas:
        try:
            return Answer(schema=strict(asked.schema))
        except CannotSay:
            pass
    if asked.schema.get("type", "object") != "object":
        raise unsupported("response_format", "Anthropic writes JSON after this schema only if it is an object's")
    return Answer(tool=_tool(asked, {"type": "object", **asked.schema}))


def _tool(asked: Schema, schema: dict[str, Any]) -> dict[str, Any]:
    why = asked.description or f"The answer: {asked.name}."
    return {"name": TOOL, "description": f"Call this to give your final answer. {why}", "input_schema": schema}
