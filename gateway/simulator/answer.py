"""What the simulated model says. It is the same for the same request and behaviour, streamed or whole.

Without tools it says a sentence of ``output_tokens`` tokens, chosen by the prompt and the seed, or what ``say`` holds;
with ``response_format`` an object, a simple instance of the schema where there is one.

With tools, in this order:

* ``tool_choice`` "none", or a conversation whose last message is a tool's result: words.
* a named function: that one is called.
* ``tool_calls`` of the behaviour: so many calls, going round the tools.
* otherwise the functions that the last user message names, or a word of whose name (of four letters or more) it holds:
  ``get_weather`` is called for "What's the weather like?". With "required" and none named, the first tool. In the
  tools' order, and one only where ``parallel_tool_calls`` is false.

Arguments are a simple instance of the function's parameters.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

import msgspec

from gateway.core.errors import InvalidRequest
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.chat_request import ChatRequest, Function, ToolChoice
from gateway.simulator.example import example
from gateway.simulator.tokens import pieces, text_of

OPENINGS = ("Once", "Here", "Then", "When", "This", "Well", "Only", "From")
STORY = (
    " the sea was low and the sun was red for now one old man put his net out and had big cod and eel for the day"
    " yet not one cat saw him who can say why the sky has its own way all the day and the fog may not ask the air"
)
"""Every word has three letters and a space ahead: four characters, a token each."""
CLOSING = " so."


class ToolCall(msgspec.Struct, frozen=True):
    id: str
    name: str
    arguments: tuple[str, ...]
    """The JSON of the arguments, a token a piece."""


class Answer(msgspec.Struct, frozen=True):
    """One choice: words or tool calls, each cut into tokens."""

    words: tuple[str, ...]
    calls: tuple[ToolCall, ...]
    finish: str

    @property
    def tokens(self) -> int:
        """A word is a token, and a tool's name is one."""
        return len(self.words) + sum(1 + len(call.arguments) for call in self.calls)


def answers(request: ChatRequest, behaviour: Behaviour, id: str) -> list[Answer]:
    """One answer for each of the ``n`` choices. Raises InvalidRequest for schemas that can't be met."""
    limit = request.max_output_tokens
    if limit is not None:
        limit = max(0, limit - behaviour.reasoning_tokens)
    called = _called(request, behaviour)
    found = []
    for index in range(request.n or 1):
        if called:
            found.append(_calling(called, f"{id}{index:x}", limit))
        else:
            found.append(_saying(_text(request, behaviour, index), request.stops, limit))
    if behaviour.finish:
        return [msgspec.structs.replace(answer, finish=behaviour.finish) for answer in found]
    return found


def _text(request: ChatRequest, behaviour: Behaviour, index: int) -> str:
    if behaviour.say:
        return behaviour.say
    if request.response_format is not None and request.response_format.type != "text":
        schema = request.response_format.json_schema
        return _json(schema.schema if schema else {"properties": {"answer": {}}}, "response_format.json_schema.schema")
    key = text_of(request.messages[-1]).encode(errors="replace")
    return story(zlib.crc32(key, (request.seed or 0) + index & 0xFFFFFFFF), behaviour.output_tokens)


def story(key: int, length: int) -> str:
    """A sentence of ``length`` tokens; ``key`` decides which."""
    at = key // len(OPENINGS) % (len(STORY) // 4) * 4
    text = OPENINGS[key % len(OPENINGS)] + STORY[at:]
    size = length * 4
    if len(text) < size:
        text += STORY * (size // len(STORY) + 1)
    return text[: size - 4] + CLOSING if length > 1 else text[:size]


def _saying(text: str, stops: list[str], limit: int | None) -> Answer:
    ends = [at for at in (text.find(stop) for stop in stops if stop) if at >= 0]
    words = pieces(text[: min(ends)] if ends else text)
    if limit is not None and len(words) > limit:
        return Answer(tuple(words[:limit]), (), "length")
    return Answer(tuple(words), (), "stop")


def _called(request: ChatRequest, behaviour: Behaviour) -> list[Function]:
    functions = [tool.function for tool in request.tools or () if tool.type == "function" and tool.function]
    choice = request.tool_choice
    if not functions or choice == "none":
        return []
    if isinstance(choice, ToolChoice) and choice.function is not None:
        named = [function for function in functions if function.name == choice.function.name]
        if not named:
            message = f"Tool choice '{choice.function.name}' not found in 'tools' parameter."
            raise InvalidRequest(message, param="tool_choice")
        return named[:1]
    if request.messages[-1].role == "tool" and choice != "required":
        return []
    if behaviour.tool_calls:
        found = [functions[at % len(functions)] for at in range(behaviour.tool_calls)]
    else:
        found = _mentioned(functions, request)
    if not found and choice == "required":
        found = functions[:1]
    return found[:1] if request.parallel_tool_calls is False else found


_NAME_WORDS = re.compile("[a-z]{4,}|[A-Z][a-z]{3,}")


def _mentioned(functions: list[Function], request: ChatRequest) -> list[Function]:
    asked = next((text_of(message) for message in reversed(request.messages) if message.role == "user"), "").lower()
    return [
        function
        for function in functions
        if function.name.lower() in asked or any(word.lower() in asked for word in _NAME_WORDS.findall(function.name))
    ]


def _calling(functions: list[Function], id: str, limit: int | None) -> Answer:
    calls: list[ToolCall] = []
    left = limit
    for index, function in enumerate(functions):
        if left is not None and left < 1:
            return Answer((), tuple(calls), "length")
        arguments = pieces(_json(function.parameters or {"type": "object"}, "tools"))
        if left is not None and len(arguments) + 1 > left:
            calls.append(ToolCall(f"call_{id}{index:x}", function.name, tuple(arguments[: left - 1])))
            return Answer((), tuple(calls), "length")
        calls.append(ToolCall(f"call_{id}{index:x}", function.name, tuple(arguments)))
        left = None if left is None else left - len(arguments) - 1
    return Answer((), tuple(calls), "tool_calls")


def _json(schema: dict[str, Any], param: str) -> str:
    try:
        return msgspec.json.encode(example(schema)).decode()
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        raise InvalidRequest(f"Invalid schema: {error}.", param=param, code="invalid_schema") from None
