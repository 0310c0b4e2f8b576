"""When the simulated model calls tools, and which."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from gateway.core.errors import InvalidRequest
from gateway.simulator.answer import Answer, answers
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.chat_request import ChatRequest

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def tools(*names: str) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": name, "parameters": CITY}} for name in names]


def answer(prompt: str, behaviour: Behaviour | None = None, **fields: Any) -> Answer:
    messages = fields.pop("messages", [{"role": "user", "content": prompt}])
    body = msgspec.json.encode({"model": "m", "messages": messages, **fields})
    request = msgspec.json.decode(body, type=ChatRequest)
    (found,) = answers(request, behaviour or Behaviour(), "0" * 24)
    return found


def called(prompt: str, behaviour: Behaviour | None = None, **fields: Any) -> list[str]:
    return [call.name for call in answer(prompt, behaviour, **fields).calls]


BOTH = tools("get_weather", "findPopulation")


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("What's the WEATHER like?", ["get_weather"]),
        ("call findPopulation", ["findPopulation"]),
        ("population and weather of Rome", ["get_weather", "findPopulation"]),
        ("get it", []),
        ("hello", []),
    ],
)
def test_a_prompt_calls_the_tools_whose_names_it_holds(prompt: str, names: list[str]) -> None:
    assert called(prompt, tools=BOTH) == names


def test_words_are_said_where_no_tool_is_called() -> None:
    found = answer("hello", tools=BOTH)
    assert found.words
    assert found.finish == "stop"


def test_no_tool_is_called_against_the_clients_will() -> None:
    assert called("weather", tools=BOTH, tool_choice="none") == []


def test_a_call_that_is_required_falls_to_the_first_tool() -> None:
    assert called("hello", tools=BOTH, tool_choice="required") == ["get_weather"]


def test_a_named_tool_is_called_whatever_the_prompt() -> None:
    choice = {"type": "function", "function": {"name": "findPopulation"}}
    assert called("weather", tools=BOTH, tool_choice=choice) == ["findPopulation"]


def test_a_named_tool_that_is_not_there_is_refused() -> None:
    choice = {"type": "function", "function": {"name": "fly"}}
    with pytest.raises(InvalidRequest, match="fly") as caught:
        answer("weather", tools=BOTH, tool_choice=choice)
    assert caught.value.param == "tool_choice"


def test_calls_in_parallel_can_be_declined() -> None:
    assert called("weather, population", tools=BOTH, parallel_tool_calls=False) == ["get_weather"]


def test_a_tools_result_is_answered_in_words() -> None:
    messages = [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "a"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "sunny"},
    ]
    assert called("", messages=messages, tools=BOTH) == []


def test_a_number_of_calls_can_be_asked_for() -> None:
    names = called("hello", Behaviour(tool_calls=3), tools=BOTH)
    assert names == ["get_weather", "findPopulation", "get_weather"]


def test_arguments_are_an_instance_of_the_parameters() -> None:
    (call,) = answer("weather", tools=BOTH).calls
    assert list(json.loads("".join(call.arguments))) == ["city"]


def test_a_name_is_a_token_and_so_is_each_piece_of_the_arguments() -> None:
    found = answer("weather and population", tools=BOTH)
    assert found.tokens == 2 + sum(len(call.arguments) for call in found.calls)


@pytest.mark.parametrize("limit", range(1, 9))
def test_a_limit_cuts_calls_short_too(limit: int) -> None:
    found = answer("weather and population", tools=BOTH, max_tokens=limit)
    assert found.tokens == limit
    assert found.finish == "length"


def test_parameters_that_are_no_schema_are_refused() -> None:
    broken = [{"type": "function", "function": {"name": "f", "parameters": {"$ref": "#/nowhere"}}}]
    with pytest.raises(InvalidRequest, match="nowhere"):
        answer("", tools=broken, tool_choice="required")
