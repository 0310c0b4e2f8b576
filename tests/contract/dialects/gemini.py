"""Google's generateContent: what a client asked so that this was sent, and what the reply means; by the SDK's types.

https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
from google.genai import types
from pydantic import TypeAdapter

from tests.contract.dialects.expected import Expected
from tests.contract.replay import SECRET

DIALECT = "gemini"
FORMAT = "google-gemini-v1"

_PLACE = re.compile(r"projects/([^/]+)/locations/([^/]+)/")
_MODEL = re.compile(r"models/([^/:]+):")
_FINISH = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter"}
_OWN = {"safetySettings": "safety_settings", "cachedContent": "cached_content"}
Json = dict[str, Any]


def KIND(exchange: Json) -> str:  # noqa: N802
    return exchange["provider"]


def PROVIDER(exchange: Json) -> Json:  # noqa: N802
    if exchange["provider"] != "vertex":
        return {"api_key": SECRET}
    found = _PLACE.search(exchange["request"]["url"])
    assert found is not None
    return {"project": found[1], "location": found[2], "access_token": SECRET}


def MODEL(exchange: Json) -> str:  # noqa: N802
    found = _MODEL.search(exchange["request"]["url"])
    assert found is not None
    return found[1]


def ENDPOINT(exchange: Json) -> str:  # noqa: N802
    return "/v1/chat/completions"


# What the client asked.


def asked(exchange: Json) -> Json:
    body = {name: value for name, value in exchange["request"]["body"].items() if value is not None}
    request: Json = {"messages": _messages(body)}
    if exchange["stream"]:
        request["stream"] = True
    given = body.get("tools", [])
    tools = [_tool(declared) for tool in given for declared in tool.get("functionDeclarations", ())]
    if tools:
        request["tools"] = tools
    request |= {ours: body[theirs] for theirs, ours in _OWN.items() if theirs in body}
    google = {"tools": [tool for tool in given if "functionDeclarations" not in tool]}
    google["model_armor_config"] = body.get("modelArmorConfig")
    google = {name: value for name, value in google.items() if value}
    if google:
        request["extra_body"] = {"google": google}  # where Google's own endpoint for OpenAI's clients has it
    return request | _settings(body.get("generationConfig") or {})


def _tool(declared: Json) -> Json:
    function = {name: declared[name] for name in ("name", "description") if name in declared}
    if "parameters" in declared:
        function["parameters"] = _lowered(declared["parameters"])
    return {"type": "function", "function": function}


def _settings(config: Json) -> Json:
    names = {"temperature": "temperature", "seed": "seed", "maxOutputTokens": "max_tokens", "stopSequences": "stop"}
    given = {ours: config[theirs] for theirs, ours in names.items() if theirs in config}
    if "responseModalities" in config:
        given["modalities"] = [name.lower() for name in config["responseModalities"]]
    if config.get("responseMimeType") == "application/json":
        schema = config.get("responseJsonSchema") or _lowered(config["responseSchema"])
        given["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    if "thinkingConfig" in config:
        assert config["thinkingConfig"]["include_thoughts"]
        given["reasoning"] = {"max_tokens": config["thinkingConfig"]["thinking_budget"]}
    return given


def _messages(body: Json) -> list[Json]:
    system = "".join(part.get("text", "") for part in _listed((body.get("systemInstruction") or {}).get("parts", [])))
    messages: list[Json] = [{"role": "system", "content": system}] if system else []
    open_calls: list[tuple[str, str]] = []
    for at, content in enumerate(body["contents"]):
        if content.get("role") == "model":
            messages.append(_answer(content["parts"], at, open_calls))
            continue
        said = [part["text"] for part in content["parts"] if "text" in part]
        for part in content["parts"]:
            if "functionResponse" in part:
                result = part["functionResponse"]
                call = next(call for call in open_calls if call[1] == result["name"])
                open_calls.remove(call)
                text = json.dumps(result["response"])
                messages.append({"role": "tool", "tool_call_id": call[0], "content": text})
        if said:
            messages.append({"role": "user", "content": [{"type": "text", "text": text} for text in said]})
    return messages


def _answer(parts: list[Json], at: int, open_calls: list[tuple[str, str]]) -> Json:
    message: Json = {"role": "assistant", "content": "".join(part.get("text", "") for part in parts) or None}
    calls, details = [], []
    for index, part in enumerate(parts):
        if "functionCall" not in part:
            continue
        call = part["functionCall"]
        id = call.get("id") or f"call_{at}_{index}"
        open_calls.append((id, call["name"]))
        function = {"name": call["name"], "arguments": json.dumps(call["args"])}
        calls.append({"id": id, "type": "function", "function": function})
        if "thoughtSignature" in part:
            data = part["thoughtSignature"]
            details.append({"type": "reasoning.encrypted", "data": data, "id": id, "format": FORMAT, "index": index})
    return message | ({"tool_calls": calls} if calls else {}) | ({"reasoning_details": details} if details else {})


# What was sent.


def validate(exchange: Json, path: str, body: bytes) -> None:
    url = urlsplit(exchange["request"]["url"])
    stated = re.sub(r"^/v1(beta1)?/", "/v1beta1/", url.path) if exchange["provider"] == "vertex" else url.path
    # A whole exchange may be played as a stream.
    streams = path.endswith("?alt=sse")
    wanted = stated.replace(":generateContent", ":streamGenerateContent") if streams else stated
    assert path == wanted + ("?alt=sse" if streams else "")
    assert streams or not exchange["stream"]
    conforms(body)


def conforms(body: bytes) -> None:
    """``body`` is a GenerateContentRequest to its last field: each of its parts is of the SDK's type, which forbids
    fields that it doesn't know. The whole has no type there: the SDK puts it together from a config of its own.
    """
    given = json.loads(body)
    fields: Json = {
        "contents": list[types.Content],
        "systemInstruction": types.Content,
        "tools": list[types.Tool],
        "toolConfig": types.ToolConfig,
        "safetySettings": list[types.SafetySetting],
        "cachedContent": str,
        "serviceTier": types.ServiceTier,
        "modelArmorConfig": types.ModelArmorConfig,
        "generationConfig": types.GenerationConfig,
    }
    assert given["contents"]
    config = given.get("generationConfig", {})
    if "imageConfig" in config:  # the SDK has it in its own config alone
        TypeAdapter(types.ImageConfig).validate_json(json.dumps(config.pop("imageConfig")))
    for name, value in given.items():
        TypeAdapter(fields[name]).validate_json(json.dumps(value))


def same_request(exchange: Json, body: Json) -> None:
    assert _plain(body) == _plain(exchange["request"]["body"])


def _plain(body: Json) -> Json:
    """A request in one spelling of the several that mean the same."""
    plain = {name: value for name, value in body.items() if value is not None}
    plain["contents"] = [
        # Ids are optional: what was recorded here matches calls and results by name.
        {"role": content.get("role", "user"), "parts": [_plain_part(part) for part in content["parts"]]}
        for content in body["contents"]
    ]
    # One part may stand for a list of it, the role means nothing, and an empty text is none.
    system = [part for part in _listed((body.get("systemInstruction") or {}).get("parts", [])) if part.get("text")]
    plain.pop("systemInstruction", None)
    if system:
        plain["systemInstruction"] = system
    plain["tools"] = [_plain_tool(tool) for tool in body.get("tools", ())]
    config = dict(body.get("generationConfig") or {})
    if config.get("responseModalities") == ["TEXT"]:  # the default
        del config["responseModalities"]
    if "thinkingConfig" in config:  # names may be written either way
        config["thinkingConfig"] = {_camel(name): value for name, value in config["thinkingConfig"].items()}
    for name in ("responseSchema", "responseJsonSchema"):
        if name in config:
            config["schema"] = _plain_schema(config.pop(name))
    plain["generationConfig"] = config
    return plain


def _plain_part(part: Json) -> Json:
    part = {name: value for name, value in part.items() if not (name == "thought" and value is False)}
    for name in ("functionCall", "functionResponse"):
        if name in part:
            part[name] = {key: value for key, value in part[name].items() if key != "id"}
    return part


def _plain_tool(tool: Json) -> Json:
    def plain(declared: Json) -> Json:
        given = dict(declared)
        for name in ("parameters", "parametersJsonSchema"):
            if name in given:
                given["schema"] = _plain_schema(given.pop(name))
        return given

    if "functionDeclarations" not in tool:
        return tool
    return {"functionDeclarations": [plain(declared) for declared in tool["functionDeclarations"]]}


def _plain_schema(schema: Json) -> Json:
    """JSON Schema's names of types, and a root that is but a reference replaced by what it refers to."""
    schema = _lowered(schema)
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        schema = {**schema["$defs"][name], "$defs": schema["$defs"]}
    return schema


def _lowered(schema: Any) -> Any:
    """A schema of OpenAPI's kind as JSON Schema: the names of types are small."""
    if isinstance(schema, list):
        return [_lowered(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: value.lower() if name == "type" and isinstance(value, str) else _lowered(value)
        for name, value in schema.items()
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _listed(parts: Any) -> list[Json]:
    return [parts] if isinstance(parts, dict) else list(parts)


# What it came to.


def expected(exchange: Json) -> Expected:
    response = exchange["response"]
    if response["status"] >= 300:
        return _refusal(response["status"], json.loads(response["body"])["error"])
    if exchange["stream"]:
        return _meaning([json.loads(line[6:]) for line in response["body"].splitlines() if line.startswith("data: ")])
    return _meaning([json.loads(response["body"])])


def _refusal(status: int, error: Json) -> Expected:
    by_status = {429: ("rate_limited", 429), 500: ("server_error", 502), 503: ("overloaded", 502)}
    told, clients = by_status.get(status, ("invalid_request", 400))
    if "API key" in error["message"]:
        told, clients = "auth", 502
    elif "maximum number of tokens" in error["message"]:
        told, clients = "context_length", 400
    wait = None
    for detail in error.get("details", ()):
        if detail["@type"].endswith("RetryInfo"):
            wait = float(detail["retryDelay"].removesuffix("s"))
    return Expected(error=(told, clients), retry_after=wait)


def _meaning(chunks: list[Json]) -> Expected:
    if "error" in chunks[-1]:
        begun = _meaning([*chunks[:-1], {}]).text
        reason = {"UNAVAILABLE": "overloaded", "INTERNAL": "server_error"}[chunks[-1]["error"]["status"]]
        return Expected(text=begun, error=(reason, 502), breaks_off=bool(begun))
    candidates = [candidate for chunk in chunks for candidate in chunk.get("candidates", ())]
    parts = [part for candidate in candidates for part in candidate.get("content", {}).get("parts", ())]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    reasons = [candidate["finishReason"] for candidate in candidates if "finishReason" in candidate]
    finish = _FINISH[reasons[-1]] if reasons else None
    if "error" in chunks[-1]:
        told = _refusal(chunks[-1]["error"]["code"], chunks[-1]["error"])
        text = "".join(part.get("text", "") for part in parts)
        return msgspec.structs.replace(told, text=text, breaks_off=bool(text))
    said = "".join(part.get("text", "") for part in parts if not part.get("thought"))
    usage = _usage(chunks[-1].get("usageMetadata", {}))
    if "blockReason" in chunks[-1].get("promptFeedback", {}):
        finish = "content_filter"
        said = chunks[-1]["promptFeedback"].get("blockReasonMessage", "")
        usage = usage or {"input": 0}  # known to be nothing
    return Expected(
        text=said,
        reasoning="".join(part["text"] for part in parts if part.get("thought")),
        tool_calls=[(call.get("id", ""), call["name"], call["args"]) for call in calls],
        images=sum("inlineData" in part and not part.get("thought") for part in parts),
        finish="tool_calls" if calls and finish == "stop" else finish,
        usage=usage,
    )


def _usage(given: Json) -> dict[str, int]:
    cached = given.get("cachedContentTokenCount", 0)
    drawn = sum(count for modality, count in _modalities(given) if modality == "IMAGE")
    parts = {
        "input": given.get("promptTokenCount", 0) - cached,
        "cached_input": cached,
        "output": given.get("candidatesTokenCount", 0) - drawn,
        "reasoning": given.get("thoughtsTokenCount", 0),
        "image_output": drawn,
    }
    return {name: count for name, count in parts.items() if count}


def _modalities(given: Json) -> Iterator[tuple[str, int]]:
    for each in given.get("candidatesTokensDetails", ()):
        yield each["modality"], each["tokenCount"]
