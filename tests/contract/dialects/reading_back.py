"""Conversations as plain lists of what was said, read from OpenAI's format and from the providers' own.

Nothing of the gateway is used here: each reader is the inverse of what a dialect writes, after its provider's pages.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Said = tuple[Any, ...]
"""``(who, what, …)``: ``("system", "text", …)``, ``("user", "image", type, base64)``, ``("user", "link", url)``,
``("assistant", "thought", text, signature)``, ``("assistant", "call", id, name, arguments, signature)``,
``("tool", "result", id, text)``. Where a signature is not a thought's own, it is the call's that it came with.
"""
NO_SIGNATURE = "skip_thought_signature_validator"
"""What Google takes where a call's signature was lost: https://ai.google.dev/gemini-api/docs/thought-signatures#faqs"""
Body = dict[str, Any]


def conversation(dialect: str, body: Body) -> list[Said]:
    """What ``body``, a request in ``dialect``, says; neighbouring texts of one speaker are one."""
    return joined(_READERS[dialect](body))


def joined(said: Iterator[Said] | Sequence[Said]) -> list[Said]:
    """Texts that follow one another are one: formats differ in where they cut them."""
    found: list[Said] = []
    for each in said:
        last = found[-1] if found else ("", "")
        if each[1] == "text" and each[:2] == last[:2]:
            found[-1] = (*each[:2], last[2] + each[2])
        else:
            found.append(each)
    return found


def _openai(body: Body) -> Iterator[Said]:
    for message in body["messages"]:
        role = {"developer": "system"}.get(message["role"], message["role"])
        if role == "tool":
            yield "tool", "result", message["tool_call_id"], _text(message["content"])
            continue
        signatures = {}
        for thought in message.get("reasoning_details") or ():
            if "id" in thought:
                signatures[thought["id"]] = thought["data"]
            else:
                yield role, "thought", thought.get("text", ""), thought.get("signature") or thought.get("data")
        content = message.get("content") or []
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if part["type"] == "text":
                yield role, "text", part["text"]
            else:
                yield role, *_picture(part["image_url"]["url"])
        for call in message.get("tool_calls") or ():
            function = call["function"]
            arguments = json.loads(function["arguments"])
            yield role, "call", call["id"], function["name"], arguments, signatures.get(call["id"])


def _anthropic(body: Body) -> Iterator[Said]:
    """https://docs.claude.com/en/api/messages"""
    for block in body.get("system", ()):
        yield "system", "text", block["text"]
    for message in body["messages"]:
        for block in message["content"]:
            match block["type"]:
                case "text":
                    yield message["role"], "text", block["text"]
                case "image":
                    source = block["source"]
                    is_link = source["type"] == "url"
                    picture = ("link", source["url"]) if is_link else ("image", source["media_type"], source["data"])
                    yield message["role"], *picture
                case "thinking":
                    yield message["role"], "thought", block["thinking"], block["signature"]
                case "redacted_thinking":
                    yield message["role"], "thought", "", block["data"]
                case "tool_use":
                    yield message["role"], "call", block["id"], block["name"], block["input"], None
                case "tool_result":
                    yield "tool", "result", block["tool_use_id"], _text(block.get("content", ""))
                case other:
                    raise AssertionError(f"a block of the type {other}")


def _converse(body: Body) -> Iterator[Said]:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"""
    for block in body.get("system", ()):
        yield "system", "text", block["text"]
    for message in body["messages"]:
        for block in message["content"]:
            ((kind, value),) = block.items()
            match kind:
                case "text":
                    yield message["role"], "text", value
                case "image":
                    yield message["role"], "image", f"image/{value['format']}", value["source"]["bytes"]
                case "reasoningContent" if "redactedContent" in value:
                    yield message["role"], "thought", "", value["redactedContent"]
                case "reasoningContent":
                    text = value["reasoningText"]
                    yield message["role"], "thought", text["text"], text.get("signature")
                case "toolUse":
                    yield message["role"], "call", value["toolUseId"], value["name"], value["input"], None
                case "toolResult":
                    yield "tool", "result", value["toolUseId"], "".join(each["text"] for each in value["content"])
                case other:
                    raise AssertionError(f"a block of the kind {other}")


def _gemini(body: Body) -> Iterator[Said]:
    """https://ai.google.dev/api/caching#Content; a text's signature is given as a thought before it."""
    for part in body.get("systemInstruction", {}).get("parts", ()):
        yield "system", "text", part["text"]
    for content in body["contents"]:
        for part in content["parts"]:
            yield from _gemini_part({"model": "assistant"}.get(content["role"], "user"), part)


def _gemini_part(role: str, part: Body) -> Iterator[Said]:
    rest = dict(part)
    signature = rest.pop("thoughtSignature", None)
    is_thought = rest.pop("thought", False)
    ((kind, value),) = rest.items()
    match kind:
        case "text" if is_thought:
            yield role, "thought", value, signature
        case "text":
            if signature is not None:
                yield role, "thought", "", signature
            yield role, "text", value
        case "inlineData":
            yield role, "image", value["mimeType"], value["data"]
        case "fileData":
            yield role, "link", value["fileUri"]
        case "functionCall":
            signature = None if signature == NO_SIGNATURE else signature
            yield role, "call", value["id"], value["name"], value["args"], signature
        case "functionResponse":
            yield "tool", "result", value["id"], value["response"]["output"]
        case other:
            raise AssertionError(f"a part of the kind {other}")


def _picture(url: str) -> Said:
    if not url.startswith("data:"):
        return "link", url
    type, _, data = url.removeprefix("data:").partition(";base64,")
    base64.b64decode(data, validate=True)
    return "image", type, data


def _text(content: str | list[Body]) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


_READERS: dict[str, Callable[[Body], Iterator[Said]]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "converse": _converse,
}
