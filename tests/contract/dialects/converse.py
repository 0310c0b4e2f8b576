"""Amazon Bedrock's Converse, read by itself: a recording's request in OpenAI's words, and what its reply comes to.

Requests are checked by botocore's own model of the service, the one that its clients are made from.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.eventstream import EventStreamBuffer
from botocore.model import ServiceModel, Shape
from botocore.serialize import create_serializer
from botocore.session import Session
from botocore.validate import ParamValidator

from tests.contract.dialects.expected import Expected
from tests.contract.replay import SECRET

DIALECT = "converse"

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_ERRORS = {
    "ThrottlingException": ("rate_limited", 429),
    "ServiceUnavailableException": ("overloaded", 502),
    "InternalServerException": ("server_error", 502),
    "ModelStreamErrorException": ("server_error", 502),
    "ModelErrorException": ("server_error", 502),
    "ModelTimeoutException": ("server_error", 502),
    "ResourceNotFoundException": ("not_found", 502),
    "AccessDeniedException": ("auth", 502),
    "UnrecognizedClientException": ("auth", 502),
    "ExpiredTokenException": ("auth", 502),
    "ValidationException": ("invalid_request", 400),
}
_BY_STATUS = {500: ("server_error", 502), 503: ("overloaded", 502)}
"""Recordings that have lost the header with the exception's name."""
_OWN = ("guardrailConfig", "additionalModelRequestFields", "performanceConfig", "requestMetadata")
"""Fields that a client of ours gives as Converse has them: OpenAI has no word for them."""


def KIND(exchange: dict[str, Any]) -> str:  # noqa: N802
    return "bedrock"


def PROVIDER(exchange: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
    """By a Bedrock API key or by a signature, as it was recorded."""
    region = urlsplit(exchange["request"]["url"]).netloc.split(".")[1]
    proof = {name.lower(): value for name, value in exchange["request"]["headers"].items()}.get("authorization", "")
    if proof.startswith("AWS4-HMAC-SHA256"):
        return {"region": region, "access_key_id": "AKIDEXAMPLE", "secret_access_key": SECRET}
    return {"region": region, "api_key": SECRET}


def MODEL(exchange: dict[str, Any]) -> str:  # noqa: N802
    return unquote(urlsplit(exchange["request"]["url"]).path.split("/")[2])


def ENDPOINT(exchange: dict[str, Any]) -> str:  # noqa: N802
    return "/v1/chat/completions"


# What a client would have asked.


def asked(exchange: dict[str, Any]) -> dict[str, Any]:
    body = exchange["request"]["body"]
    request: dict[str, Any] = {"messages": [*_instructions(body.get("system", [])), *_conversation(body["messages"])]}
    if exchange["stream"]:
        request["stream"] = True
    inference = body.get("inferenceConfig", {})
    names = {"maxTokens": "max_completion_tokens", "temperature": "temperature", "topP": "top_p"}
    request |= {ours: inference[theirs] for theirs, ours in names.items() if theirs in inference}
    if inference.get("stopSequences"):
        request["stop"] = inference["stopSequences"]
    request |= _tools(body.get("toolConfig", {}))
    if "outputConfig" in body:
        request["response_format"] = _response_format(body["outputConfig"]["textFormat"])
    own = {name: body[name] for name in _OWN if name in body}
    effort = _effort(own.get("additionalModelRequestFields", {}))
    if effort:
        request |= effort
        own.pop("additionalModelRequestFields")
    return request | own


def _instructions(system: list[dict[str, Any]]) -> list[dict[str, Any]]:
    parts = _parts(system)
    return [{"role": "system", "content": parts}] if parts else []


def _conversation(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for turn in turns:
        if turn["role"] == "assistant":
            messages.append(_assistant(turn["content"]))
            continue
        messages += [_result(block["toolResult"]) for block in turn["content"] if "toolResult" in block]
        parts = _parts([block for block in turn["content"] if "toolResult" not in block])
        if parts:
            messages.append({"role": "user", "content": parts})
    return messages


def _assistant(content: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": _parts(content) or None}
    calls = [block["toolUse"] for block in content if "toolUse" in block]
    if calls:
        message["tool_calls"] = [
            {
                "id": call["toolUseId"],
                "type": "function",
                "function": {"name": call["name"], "arguments": json.dumps(call["input"])},
            }
            for call in calls
        ]
    thoughts = [(at, block["reasoningContent"]) for at, block in enumerate(content) if "reasoningContent" in block]
    if thoughts:
        message["reasoning_details"] = [_thought(at, thought) for at, thought in thoughts]
    return message


def _thought(index: int, thought: dict[str, Any]) -> dict[str, Any]:
    if "redactedContent" in thought:
        data = thought["redactedContent"]
        return {"type": "reasoning.encrypted", "data": data, "format": "amazon-bedrock-v1", "index": index}
    text = thought["reasoningText"]
    whose = "anthropic-claude-v1" if "signature" in text else "amazon-bedrock-v1"
    return {"type": "reasoning.text", **text, "format": whose, "index": index}


def _result(result: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "tool", "tool_call_id": result["toolUseId"], "content": _parts(result["content"])}
    if "status" in result:
        message["is_error"] = result["status"] == "error"
    return message


def _parts(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for block in content:
        if "text" in block:
            parts.append({"type": "text", "text": block["text"]})
        elif "guardContent" in block:
            text = block["guardContent"]["text"]
            parts.append({"type": "text", "text": text["text"], "guard_content": text.get("qualifiers", [])})
        elif "image" in block:
            image = block["image"]
            url = f"data:image/{image['format']};base64,{image['source']['bytes']}"
            parts.append({"type": "image_url", "image_url": {"url": url}})
        elif "cachePoint" in block:
            ttl = {"ttl": block["cachePoint"]["ttl"]} if "ttl" in block["cachePoint"] else {}
            parts[-1]["cache_control"] = {"type": "ephemeral", **ttl}
        else:
            assert block.keys() <= {"toolUse", "reasoningContent"}, block.keys()
    return parts


def _tools(config: dict[str, Any]) -> dict[str, Any]:
    if not config:
        return {}
    tools = [tool["toolSpec"] for tool in config["tools"] if "toolSpec" in tool]
    asked: dict[str, Any] = {"tools": [{"type": "function", "function": _function(tool)} for tool in tools]}
    systems = [tool["systemTool"]["name"] for tool in config["tools"] if "systemTool" in tool]
    if systems:
        asked["system_tools"] = systems
    for kind, details in config.get("toolChoice", {}).items():
        named = {"type": "function", "function": details}
        asked["tool_choice"] = {"auto": "auto", "any": "required", "tool": named}[kind]
    return asked


def _function(tool: dict[str, Any]) -> dict[str, Any]:
    function = {"name": tool["name"], "parameters": tool["inputSchema"]["json"]}
    return function | {name: tool[name] for name in ("description", "strict") if name in tool}


def _response_format(format: dict[str, Any]) -> dict[str, Any]:
    definition = format["structure"]["jsonSchema"]
    schema = {**definition, "schema": json.loads(definition["schema"]), "strict": True}
    return {"type": "json_schema", "json_schema": schema}


def _effort(fields: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's or OpenRouter's word for how hard to think, where nothing else stands beside it."""
    if fields.keys() == {"reasoningConfig"}:
        return {"reasoning_effort": fields["reasoningConfig"]["maxReasoningEffort"]}
    if fields.keys() <= {"reasoning_config", "thinking"} and fields:
        return {"reasoning": {"max_tokens": next(iter(fields.values()))["budget_tokens"]}}
    return {}


# What the gateway must ask.


@cache
def _service() -> ServiceModel:
    return Session().get_service_model("bedrock-runtime")


def validate(exchange: dict[str, Any], path: str, body: bytes) -> None:
    operation = _service().operation_model("ConverseStream" if exchange["stream"] else "Converse")
    given = {"modelId": MODEL(exchange), **json.loads(body)}
    shape = operation.input_shape
    assert shape is not None
    parameters = typed(given, shape)
    report = ParamValidator().validate(parameters, shape)
    assert not report.has_errors(), report.generate_report()
    written = create_serializer("rest-json").serialize_to_request(parameters, operation)
    assert path == written["url_path"]
    assert json.loads(written["body"]) == json.loads(body)


def typed(value: Any, shape: Shape, at: str = "body") -> Any:
    """``value`` as botocore's clients are given it: blobs as bytes. What the service has no name for is an error."""
    if shape.type_name == "blob":
        return base64.b64decode(value, validate=True)
    if getattr(shape, "is_document_type", False):
        return value
    if shape.type_name == "structure":
        assert isinstance(value, dict), at
        assert value.keys() <= shape.members.keys(), f"{at} has {value.keys() - shape.members.keys()}"
        if getattr(shape, "is_tagged_union", False):
            assert len(value) == 1, f"{at} is to be one of {set(shape.members)}, not {set(value)}"
        return {name: typed(each, shape.members[name], f"{at}.{name}") for name, each in value.items()}
    if shape.type_name == "list":
        return [typed(each, shape.member, f"{at}[{index}]") for index, each in enumerate(value)]
    if getattr(shape, "enum", None):
        assert value in shape.enum, f"{at}: {value!r} is none of {shape.enum}"
    return value


def same_request(exchange: dict[str, Any], body: dict[str, Any]) -> None:
    recorded = _plain(exchange["request"]["body"])
    schema = recorded.get("outputConfig", {}).get("schema", {})
    if "$ref" in json.dumps(schema.get("$defs", {})):
        # A schema that holds itself, which Bedrock doesn't compile (the exchange is an error 500): a tool's input.
        (spec,) = body.pop("toolConfig")["tools"]
        assert spec["toolSpec"]["inputSchema"]["json"] == recorded.pop("outputConfig")["schema"]
    assert _plain(body) == recorded


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    """A request in one spelling of the several that mean the same."""
    plain = {name: value for name, value in body.items() if value not in ({}, [])}  # empty is as good as absent
    inference = {name: value for name, value in body.get("inferenceConfig", {}).items() if value != []}
    plain.pop("inferenceConfig", None)
    if inference:
        plain["inferenceConfig"] = inference
    if "toolConfig" in body:
        # Automatic is the choice where none is made.
        config = {name: value for name, value in body["toolConfig"].items() if value != {"auto": {}}}
        plain["toolConfig"] = config
    if "outputConfig" in body:
        definition = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
        plain["outputConfig"] = {**definition, "schema": json.loads(definition["schema"])}  # whitespace in a string
    fields = dict(body.get("additionalModelRequestFields", {}))
    if "reasoning_config" in fields:  # Converse's older name of Claude's own field
        fields["thinking"] = fields.pop("reasoning_config")
    if fields:
        plain["additionalModelRequestFields"] = fields
    return plain


# What it came to.


def expected(exchange: dict[str, Any]) -> Expected:
    response = exchange["response"]
    if response["status"] >= 300:
        return _refusal(response)
    if exchange["stream"]:
        return _streamed(base64.b64decode(response["body_base64"]))
    return _whole(json.loads(response["body"]))


def _refusal(response: dict[str, Any]) -> Expected:
    headers = {name.lower(): value for name, value in response["headers"].items()}
    name = headers.get("x-amzn-errortype", "").partition(":")[0]
    error = _ERRORS[name] if name else _BY_STATUS[response["status"]]
    message = json.loads(response["body"])["message"]
    if name == "ValidationException" and "too long" in message:
        error = ("context_length", 400)
    if name == "ValidationException" and "model identifier is invalid" in message:
        error = ("not_found", 502)
    wait = headers.get("retry-after")
    return Expected(error=error, retry_after=float(wait) if wait else None)


def _whole(reply: dict[str, Any]) -> Expected:
    blocks = reply["output"]["message"]["content"]
    thoughts = [block["reasoningContent"].get("reasoningText", {}) for block in blocks if "reasoningContent" in block]
    calls = [block["toolUse"] for block in blocks if "toolUse" in block]
    return Expected(
        text="".join(block.get("text", "") for block in blocks),
        reasoning="".join(thought.get("text", "") for thought in thoughts),
        tool_calls=[
            (call["toolUseId"], call["name"], call["input"])
            for call in calls
            if call.get("type") != "server_tool_use"  # it ran at Bedrock
        ],
        finish=_FINISH[reply["stopReason"]],
        usage=_usage(reply.get("usage", {})),
    )


def _streamed(data: bytes) -> Expected:
    """The message that the events are of, put together as the service's documentation says."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    blocks: dict[int, dict[str, Any]] = {}
    inputs: dict[int, str] = {}
    reply: dict[str, Any] = {}
    for event in buffer:
        payload = json.loads(event.payload)
        if event.headers[":message-type"] == "exception":
            name = event.headers[":exception-type"]
            text = "".join(block.get("text", "") for block in blocks.values())
            reason, status = _ERRORS[name[0].upper() + name[1:]]
            return Expected(text=text, error=(reason, status), breaks_off=bool(text))
        index = payload.get("contentBlockIndex", 0)
        if "start" in payload:
            blocks[index] = payload["start"]
        if "delta" in payload:
            _grow(blocks.setdefault(index, {}), payload["delta"], inputs, index)
        reply |= {name: payload[name] for name in ("stopReason", "usage") if name in payload}
    for index, written in inputs.items():
        blocks[index]["toolUse"]["input"] = json.loads(written)
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"].setdefault("input", {})
    return _whole({**reply, "output": {"message": {"content": list(blocks.values())}}})


def _grow(block: dict[str, Any], delta: dict[str, Any], inputs: dict[int, str], index: int) -> None:
    if "toolUse" in delta:
        inputs[index] = inputs.get(index, "") + delta["toolUse"]["input"]
    elif "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "text" in delta.get("reasoningContent", {}):
        thought = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {"text": ""})
        thought["text"] += delta["reasoningContent"]["text"]


def _usage(given: dict[str, Any]) -> dict[str, int]:
    names = {
        "input": "inputTokens",
        "cached_input": "cacheReadInputTokens",
        "cache_write": "cacheWriteInputTokens",
        "output": "outputTokens",
    }
    return {ours: given[theirs] for ours, theirs in names.items() if given.get(theirs)}
