"""Anthropic's Messages: what a client asked so that this was sent, and what the reply means; by the SDK's types.

https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, Union

import typing_extensions
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming

from tests.contract.dialects.expected import Expected
from tests.contract.replay import SECRET

DIALECT = "anthropic"
OURS = "anthropic-claude-v1"

SAMPLING = {"temperature": float, "top_p": float, "top_k": int}
"""Models from Claude 4.7 on refuse these, and the SDK's types no longer name them; those before take them still."""

_ERRORS = {400: "invalid_request", 401: "auth", 404: "not_found", 429: "rate_limited", 500: "server_error"}
_TYPES = {"overloaded_error": "overloaded", "api_error": "server_error"}
_CLIENTS = {"invalid_request": 400, "context_length": 400, "rate_limited": 429}
_FINISH = {"end_turn": "stop", "stop_sequence": "stop", "tool_use": "tool_calls", "max_tokens": "length"}


def KIND(exchange: dict[str, Any]) -> str:  # noqa: N802
    return "anthropic"


def PROVIDER(exchange: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
    return {"api_key": SECRET}


def MODEL(exchange: dict[str, Any]) -> str:  # noqa: N802
    return exchange["request"]["body"]["model"]


def ENDPOINT(exchange: dict[str, Any]) -> str:  # noqa: N802
    return "/v1/chat/completions"


# What the client asked.


def asked(exchange: dict[str, Any]) -> dict[str, Any]:
    body = exchange["request"]["body"]
    request: dict[str, Any] = {"messages": _messages(body), "max_tokens": body["max_tokens"]}
    for name in ("temperature", "top_p", "top_k"):
        if name in body:
            request[name] = body[name]
    if body.get("stream"):
        request["stream"] = True
    if "stop_sequences" in body:
        request["stop"] = body["stop_sequences"]
    if "tools" in body:
        request["tools"] = [_tool(tool) for tool in body["tools"]]
    if "output_format" in body:
        request["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": body["output_format"]["schema"], "strict": True},
        }
    return request | _reasoning(body.get("thinking"))


def _reasoning(thinking: dict[str, Any] | None) -> dict[str, Any]:
    """In OpenRouter's words where they say all of it; how thoughts are shown is Anthropic's own."""
    if thinking is None:
        return {}
    if thinking == {"type": "adaptive"}:
        return {"reasoning": {"enabled": True}}
    if thinking.keys() == {"type", "budget_tokens"}:
        return {"reasoning": {"max_tokens": thinking["budget_tokens"]}}
    return {"thinking": thinking}


def _messages(body: dict[str, Any]) -> list[dict[str, Any]]:
    messages = [{"role": "system", "content": _parts(_listed(body["system"]))}] if "system" in body else []
    for turn in body["messages"]:
        messages += _assistants(turn) if turn["role"] == "assistant" else _users(turn)
    return messages


def _users(turn: dict[str, Any]) -> Iterator[dict[str, Any]]:
    blocks = _listed(turn["content"])
    for block in blocks:
        if block["type"] == "tool_result":
            said = _parts(_listed(block.get("content", [])))
            yield {"role": "tool", "tool_call_id": block["tool_use_id"], "content": said}
    rest = [block for block in blocks if block["type"] != "tool_result"]
    if rest:
        yield {"role": "user", "content": _parts(rest)}


def _assistants(turn: dict[str, Any]) -> Iterator[dict[str, Any]]:
    blocks = _listed(turn["content"])
    message: dict[str, Any] = {"role": "assistant"}
    thoughts = [
        {
            "type": "reasoning.text",
            "text": block["thinking"],
            "signature": block["signature"],
            "format": OURS,
            "index": at,
        }
        for at, block in enumerate(blocks)
        if block["type"] == "thinking"
    ]
    calls = [
        {
            "id": block["id"],
            "type": "function",
            "function": {"name": block["name"], "arguments": json.dumps(block["input"])},
        }
        for block in blocks
        if block["type"] == "tool_use"
    ]
    said = _parts(block for block in blocks if block["type"] == "text")
    message |= {"content": said or None}
    yield message | ({"tool_calls": calls} if calls else {}) | ({"reasoning_details": thoughts} if thoughts else {})


def _parts(blocks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_part(block) for block in blocks]


def _part(block: dict[str, Any]) -> dict[str, Any]:
    cache_mark = {"cache_control": block["cache_control"]} if block.get("cache_control") else {}
    if block["type"] == "image":
        source = block["source"]
        url = source.get("url") or f"data:{source['media_type']};base64,{source['data']}"
        return {"type": "image_url", "image_url": {"url": url}, **cache_mark}
    return {"type": "text", "text": _said(block), **cache_mark}


def _said(block: dict[str, Any]) -> str:
    """OpenAI has no search results: what they say goes as text."""
    if block["type"] == "search_result":
        return "\n".join(part["text"] for part in block["content"])
    return block["text"]


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = {"name": tool["name"], "parameters": tool["input_schema"]}
    function |= {name: tool[name] for name in ("description", "strict") if name in tool}
    marks = {"cache_control": tool["cache_control"]} if "cache_control" in tool else {}
    return {"type": "function", "function": function, **marks}


def _listed(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


# What was sent.


def validate(exchange: dict[str, Any], path: str, body: bytes) -> None:
    assert path == "/v1/messages"
    given = json.loads(body)
    for name, wanted in SAMPLING.items():
        if name in given:
            conforms(given.pop(name), wanted, name)
    conforms(given, MessageCreateParamsStreaming if given.get("stream") else MessageCreateParamsNonStreaming)


def conforms(value: Any, wanted: Any, at: str = "body") -> None:
    """``value`` is of the type ``wanted``, to its last field: pydantic reads Iterables late and lets other keys by."""
    if typing_extensions.is_typeddict(wanted):
        assert isinstance(value, dict), at
        hints = _fields(wanted)
        missing = [name for name, (_, required) in hints.items() if required and name not in value]
        assert not missing, f"{at} lacks {missing}"
        assert value.keys() <= hints.keys(), f"{at} has {value.keys() - hints.keys()}"
        for name, held in value.items():
            conforms(held, hints[name][0], f"{at}.{name}")
        return
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (Union, types.UnionType):
        assert any(_does(value, each, at) for each in arguments), f"{at}: {value!r:.200} is none of {arguments}"
    elif origin is Literal:
        assert value in arguments, f"{at}: {value!r} is not one of {arguments}"
    elif origin in (list, Iterable, Sequence):
        assert isinstance(value, list), at
        for index, each in enumerate(value):
            conforms(each, arguments[0], f"{at}[{index}]")
    elif origin in (dict, Mapping):
        assert isinstance(value, dict), at
    elif wanted not in (Any, object):
        assert isinstance(wanted, type), f"{at}: a type that this does not know, {wanted}"
        known = (int, float) if wanted is float else wanted
        assert isinstance(value, known), f"{at}: {value!r:.200} is no {wanted}"
        assert wanted is bool or not isinstance(value, bool), at


def _does(value: Any, wanted: Any, at: str) -> bool:
    try:
        conforms(value, wanted, at)
    except AssertionError:
        return False
    return True


@cache
def _fields(wanted: Any) -> dict[str, tuple[Any, bool]]:
    """The type of each field, and whether it must be there."""
    plain = typing_extensions.get_type_hints(wanted)
    marked = typing_extensions.get_type_hints(wanted, include_extras=True)
    required = {
        name
        for name, hint in marked.items()
        if typing_extensions.get_origin(hint) is typing_extensions.Required or name in wanted.__required_keys__
    }
    return {name: (hint, name in required) for name, hint in plain.items()}


def same_request(exchange: dict[str, Any], body: dict[str, Any]) -> None:
    assert _plain(body) == _plain(exchange["request"]["body"])


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    """A request in one spelling of the several that mean the same."""
    plain = {name: value for name, value in body.items() if name not in ("messages", "system", "stream")}
    plain["stream"] = bool(body.get("stream"))  # false is the default
    # A text and a list of one text block are the same: https://platform.claude.com/docs/en/api/messages
    plain["system"] = [_plain_block(block) for block in _listed(body.get("system", []))]
    plain["messages"] = [
        {"role": turn["role"], "content": [_plain_block(block) for block in _listed(turn["content"])]}
        for turn in body["messages"]
    ]
    if "output_format" in plain:  # the older name of the same field
        plain["output_config"] = {"format": plain.pop("output_format")}
    if plain.get("thinking", {}).get("type") in ("enabled", "adaptive") and plain.get("temperature") == 1:
        del plain["temperature"]  # the default, and with thinking on the only value
    return plain


def _plain_block(block: dict[str, Any]) -> dict[str, Any]:
    block = {name: value for name, value in block.items() if not (name == "cache_control" and value is None)}
    if block["type"] == "tool_result":
        block["content"] = [_plain_block(each) for each in _listed(block.get("content", []))]
    if block["type"] == "search_result":
        return {"type": "text", "text": _said(block)}
    return block


# What it came to.


def expected(exchange: dict[str, Any]) -> Expected:
    response = exchange["response"]
    if response["status"] >= 300:
        return _refusal(exchange, json.loads(response["body"])["error"])
    if exchange["stream"]:
        return _streamed(_events(response["body"]))
    return _whole(json.loads(response["body"]))


def _refusal(exchange: dict[str, Any], error: dict[str, Any]) -> Expected:
    status = exchange["response"]["status"]
    reason = _TYPES.get(error["type"]) or _ERRORS[status]
    if "prompt is too long" in error["message"]:
        reason = "context_length"
    headers = {name.lower(): value for name, value in exchange["response"]["headers"].items()}
    wait = headers.get("retry-after")
    return Expected(error=(reason, _CLIENTS.get(reason, 502)), retry_after=float(wait) if wait else None)


def _whole(message: dict[str, Any]) -> Expected:
    blocks = message["content"]
    return Expected(
        text="".join(block["text"] for block in blocks if block["type"] == "text"),
        reasoning="".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
        tool_calls=[(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"],
        finish=_FINISH[message["stop_reason"]],
        usage=_usage(message["usage"]),
    )


def _streamed(events: list[dict[str, Any]]) -> Expected:
    """The message that the events are of, put together as the SDK does it."""
    message: dict[str, Any] = {"content": [], "usage": {}}
    inputs: dict[int, str] = {}
    for event in events:
        if event["type"] == "message_start":
            message = event["message"]
        elif event["type"] == "content_block_start":
            message["content"].append(event["content_block"])
        elif event["type"] == "content_block_delta":
            _grow(message["content"][event["index"]], event["delta"], inputs, event["index"])
        elif event["type"] == "message_delta":
            message["stop_reason"] = event["delta"]["stop_reason"]
            message["usage"] |= event["usage"]
        elif event["type"] == "error":
            text = "".join(block.get("text", "") for block in message["content"])
            return Expected(text=text, error=(_TYPES[event["error"]["type"]], 502), breaks_off=bool(text))
    for index, written in inputs.items():
        if written:
            message["content"][index]["input"] = json.loads(written)
    return _whole(message)


def _grow(block: dict[str, Any], delta: dict[str, Any], inputs: dict[int, str], index: int) -> None:
    if delta["type"] == "input_json_delta":
        inputs[index] = inputs.get(index, "") + delta["partial_json"]
        return
    name = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}[delta["type"]]
    block[name] = block.get(name, "") + delta[name]


def _events(body: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: ")]


def _usage(given: dict[str, Any]) -> dict[str, int]:
    thought = (given.get("output_tokens_details") or {}).get("thinking_tokens", 0)
    hour = (given.get("cache_creation") or {}).get("ephemeral_1h_input_tokens", 0)
    parts = {
        "input": given["input_tokens"],
        "cached_input": given.get("cache_read_input_tokens") or 0,
        "cache_write": (given.get("cache_creation_input_tokens") or 0) - hour,
        "cache_write_1h": hour,
        "output": given["output_tokens"] - thought,
        "reasoning": thought,
    }
    return {name: count for name, count in parts.items() if count}
