"""A conversation of very many small pieces takes time in proportion: it is translated on the event loop."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gateway.core.types import Target
from gateway.providers import registry
from gateway.providers.anthropic.schema import strict
from gateway.providers.client.chat import Thought
from gateway.providers.client.message_writer import MessageWriter
from tests.clock import FrozenClock
from tests.providers.calls import account, json_call

MANY = 12_000
"""Each takes over 5 s where it is compared with each other."""
HELLO = {"role": "user", "content": "Hello"}
MODELS = {"anthropic": "claude-opus-4-8", "bedrock": "anthropic.claude-sonnet-4-5", "gemini": "gemini-2.5-pro"}


def asks(*calls: str) -> dict[str, Any]:
    function = {"name": "look", "arguments": ""}
    return {"role": "assistant", "tool_calls": [{"id": id, "type": "function", "function": function} for id in calls]}


def thoughts() -> list[dict[str, Any]]:
    thought = {"text": "a", "signature": "s", "format": "anthropic-claude-v1"}
    return [{**thought, "index": at % 7} for at in range(MANY)]


LONG = {
    "thoughts": [HELLO, {"role": "assistant", "content": "Hi", "reasoning_details": thoughts()}, HELLO],
    "instructions": [HELLO, *[{"role": "system", "content": "Rhyme."}] * MANY, HELLO],
    "ids of one look": [HELLO, asks(*[chr(0x4E00 + at) for at in range(MANY)]), HELLO],
    "results": [HELLO, asks("a"), *[{"role": "tool", "tool_call_id": "a", "content": "1"}] * MANY],
    "documents": [
        {"role": "user", "content": [{"type": "file", "file": {"file_data": "QQ==", "filename": "a.pdf"}}] * MANY}
    ],
}


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("messages", LONG.values(), ids=LONG)
def test_a_long_conversation_is_translated_in_no_time(kind, messages):
    dialect = registry.dialect(account(kind, base_url="https://acme.test"), FrozenClock())
    call = json_call({"model": "public", "messages": messages})
    target = Target(id="acme/m", provider="acme", model=MODELS[kind])

    began = time.process_time()
    dialect.encode(call, target)
    assert time.process_time() - began < 2


def test_a_long_schema_is_translated_in_no_time():
    links = {f"a{at}": {"type": "array", "items": {"$ref": f"#/$defs/a{at + 1}"}} for at in range(MANY)}
    schema = {"type": "object", "properties": {}, "$defs": {**links, f"a{MANY}": {"type": "string"}}}
    schema["properties"] = {"first": {"$ref": "#/$defs/a0"}}

    began = time.process_time()
    strict(schema)
    assert time.process_time() - began < 2


def test_many_thoughts_are_written_in_no_time():
    writer = MessageWriter(id="a", model="m", created=0)

    began = time.process_time()
    for at in range(MANY):
        writer.thought(Thought(text="a", index=at))
    writer.finish("stop")
    writer.close()
    assert time.process_time() - began < 2
